"""The pytest option, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from imagegen_nb.testing.baselines import UPDATE

pytestmark = pytest.mark.notebooks

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
def session(tmp_path):
    """Runs pytest in a folder with one test file; gives its exit code and what it said."""
    (tmp_path / "test_hero.py").write_text(TEST)

    def run(*options, **environment):
        clean = {name: value for name, value in os.environ.items() if name not in ("CI", UPDATE)}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        done = subprocess.run(
            command, cwd=tmp_path, env=clean | environment, capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_baseline_is_made_by_the_option_and_compared_without(session, tmp_path):
    assert session("-k", "picture", "--update-baselines")[0] == 0
    assert (tmp_path / "fox.png").exists()
    assert session("-k", "picture")[0] == 0


def test_it_is_refused_in_ci(session, tmp_path):
    code, said = session("--update-baselines", CI="1")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "not updated in CI" in said
    assert not (tmp_path / "fox.png").exists()


def test_a_failing_report_reads_well(session):
    code, said = session("-k", "references")
    assert code == 1
    assert "1 of 1 references do not resolve" in said
    assert "partial: {{step_1.output.assets.1.file_url}} has no value" in said, "pytest cuts what is long"


def test_the_plugin_costs_little():
    """Every pytest session where the package is installed imports it."""
    heavy = {"PIL", "pydantic", "numpy", "nbval", "nbclient", "vcr", "httpx2", "imagegen_nb.replay"}
    code = f"import sys, imagegen_nb.testing.plugin; print({heavy!r} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert said.stdout == "set()\n"
