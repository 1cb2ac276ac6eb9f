"""The documents are true: generated parts are up to date, examples run, links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import click
import pytest
from support.object_server import ObjectServer
from support.project import ROOT, generator

import imagegen_nb as ig
from imagegen_nb.cli.app import app
from imagegen_nb.cli.sweep import read_sweep
from imagegen_nb.emulator import Emulator
from imagegen_nb.providers import catalog

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize(
    ("path", "text"), generator().texts().items(), ids=lambda value: getattr(value, "name", "")
)
def test_generated_files_are_up_to_date(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run ./dev generate"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    assert all((path.parent / target).exists() for target in targets), targets


def test_the_readme_example_runs(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = code_blocks(ROOT / "README.md")[0]
    assert 'backend="emulator"' in example
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(example.replace('backend="emulator"', f'backend="{emulator.url}"'), names)  # our own text
    assert names["step_2"].returned == 2
    assert ig.load_step(tmp_path / "hero.step.json").step == names["step"]


def test_the_sweep_examples_run(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, in a folder with the files that the page shows."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    for kind, name in (("csv", "products.csv"), ("toml", "night.toml")):
        (shown,) = re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)
        (tmp_path / name).write_text(shown, encoding="utf-8")
    names: dict[str, Any] = {}
    for example in code_blocks(ROOT / "docs" / "sweeps.md"):
        exec(example.replace('backend="emulator"', f'backend="{emulator.url}"'), names)  # our own text
    assert ig.load_step(tmp_path / "hero.step.json").step == names["winner"].step
    described = read_sweep(tmp_path / "night.toml")
    assert described.load(workspace=names["ws"]).counts() == {"waiting": 6}


def test_the_examples_of_workflows_run(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for example in code_blocks(ROOT / "docs" / "workflows.md"):
        exec(example.replace('backend="emulator"', f'backend="{emulator.url}"'), names)  # our own text
    assert names["run"]["step_3"].prompt == "A card in the mood of hero-1.png: lamp"


def test_the_examples_of_stores_run(object_server: ObjectServer, emulator: Emulator) -> None:
    names: dict[str, Any] = {}
    url = object_server.new_url()
    for example in code_blocks(ROOT / "docs" / "stores.md"):
        example = example.replace('backend="emulator"', f'backend="{emulator.url}"')
        exec(example.replace("s3://bucket/team", url), names)  # our own text
    assert names["for_others"].assets[0].file_url.startswith("http")


def test_the_example_of_a_sweep_in_parts_runs(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = code_blocks(ROOT / "docs" / "scale.md")
    exec(example.replace('backend="emulator"', f'backend="{emulator.url}"'))  # our own text


def test_the_testing_examples_run(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, as a reader would."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for example in code_blocks(ROOT / "docs" / "testing.md"):
        exec(example.replace('backend="emulator"', f'backend="{emulator.url}"'), names)  # our own text
    assert (tmp_path / "baselines" / "hero.png").exists()


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = app.list_commands(click.Context(app))
    assert [name for name in commands if name not in text] == []


def test_the_readme_names_every_key_variable() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{provider.key_variable}`" in text for provider in catalog.providers())


def test_the_ten_line_provider_of_contributing_works(emulator: Emulator, tmp_path: Path) -> None:
    """Declared in ten lines, it is validated, run, stored and described like the built-in ones."""
    (example,) = code_blocks(ROOT / "CONTRIBUTING.md")
    body = example.partition("class Swatch")[2].strip().splitlines()
    assert len([line for line in body if line.strip()]) <= 10

    names: dict[str, Any] = {"AsyncGenerator": AsyncGenerator}
    exec(example, names)  # our own text
    catalog.register(names["Swatch"]())
    try:
        with pytest.raises(ig.InvalidStep, match="Use red or blue"):
            ig.ImageGenerationStep(model="swatch-1", prompt="x", image_background="green")
        step = ig.ImageGenerationStep(
            model="swatch-1", prompt="A swatch", image_count=3, image_background="blue"
        )
        run = step.run(workspace=ig.Workspace(tmp_path, backend=emulator.url))
        assert (run.status, run.returned, run.answered_by) == ("done", 3, "swatch-1")
        assert "swatch-1" in str(ig.ImageGenerationStep.json_schema())
    finally:
        catalog.unregister("swatch")


def code_blocks(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
