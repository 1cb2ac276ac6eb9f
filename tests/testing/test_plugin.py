"""The pytest option, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
import imagegen_nb as ig
from imagegen_nb.testing import assert_similar

def test_picture():
    run = ig.simulate(ig.ImageGenerationStep(prompt="a fox", image_size="1536x1024"))
    assert_similar(run.output.assets[0], "fox.png")

def test_references():
    step = ig.ImageGenerationStep(prompt="a fox", image_count=2)
    assert ig.check_references("{{step_1.output.assets.1.file_url}}", step)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with one test file."""
    (tmp_path / "test_hero.py").write_text(TEST)
    return tmp_path


def test_a_baseline_is_made_the_first_time_and_told(run_pytest, project):
    """Also by a worker, and where warnings are errors; the second time there is nothing to tell."""
    first = run_pytest(project, "-k", "picture", "-n", "1", "-W", "error")
    assert first.code == 0, first.text
    assert "image baselines" in first.text
    assert "\nwrote fox.png\nLook at each, and commit it" in first.text
    again = run_pytest(project, "-k", "picture")
    assert (again.code, "wrote fox.png" in again.text) == (0, False)
    assert "wrote fox.png" in run_pytest(project, "-k", "picture", "--update-baselines").text


def test_a_missing_baseline_fails_in_ci(run_pytest, project):
    run = run_pytest(project, "-k", "picture", CI="1")
    assert run.code == 1
    assert "there is none, and in CI none is made" in run.text
    assert not (project / "fox.png").exists()


def test_it_is_refused_in_ci(run_pytest, project):
    run = run_pytest(project, "--update-baselines", CI="1")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert "not updated in CI" in run.text
    assert not (project / "fox.png").exists()


def test_a_failing_report_reads_well(run_pytest, project):
    run = run_pytest(project, "-k", "references")
    assert run.code == 1
    assert "1 of 1 references do not resolve" in run.text
    assert "partial: {{step_1.output.assets.1.file_url}} has no value" in run.text, "pytest cuts what is long"


@pytest.mark.notebooks
def test_the_plugin_costs_little():
    """Every pytest session where the package is installed imports it."""
    heavy = {"PIL", "pydantic", "numpy", "nbval", "nbclient", "vcr", "httpx2", "imagegen_nb.replay"}
    code = f"import sys, imagegen_nb.testing.plugin; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n"


def test_notebooks_that_were_not_tested_are_told_with_the_option_that_does(run_pytest, tmp_path):
    (tmp_path / "hero.ipynb").write_text("{}")
    told = "\nhero.ipynb was not tested: with --nbval it is (pytest --nbval hero.ipynb)\n"
    assert run_pytest(tmp_path, ".").text.count(told) == 1
    assert run_pytest(tmp_path, "hero.ipynb").text.count(told) == 1
    (tmp_path / "test_one.py").write_text("def test_one(): pass")
    assert "--nbval" not in run_pytest(tmp_path, ".").text
