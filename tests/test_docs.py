"""The documents are true: generated parts are up to date, lists are whole, links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import click
import pytest
from support.project import PACKAGE, ROOT, generator

import imagegen_nb as ig
from imagegen_nb.cli.app import app
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
    places = [(path.parent / target).resolve() for target in targets]
    installed = {place: PACKAGE.parent / place.relative_to(ROOT.resolve()) for place in places}
    assert [str(place) for place in places if not (place.exists() or installed[place].exists())] == []


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = app.list_commands(click.Context(app))
    assert [name for name in commands if name not in text] == []


def test_the_readme_names_every_key_variable() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{provider.key_variable}`" in text for provider in catalog.providers())


def test_the_readme_has_every_extra_and_no_other() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("| extra |")[2].partition("\n\n")[0]
    named = {name for row in text.splitlines() for name in re.findall(r"`(\w+)`", row.split(" | ")[0])}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert named == set(project["optional-dependencies"])


def test_the_page_of_the_form_names_what_is_in_the_form() -> None:
    """Names in bold and italics, and the buttons of a run, as far as they are the same in every form."""
    text = (ROOT / "docs" / "form.md").read_text(encoding="utf-8").partition("## Settings")[2]
    buttons = text.partition("| button of a run |")[2].partition("\n\n")[0]
    cells = [name for row in buttons.splitlines()[2:] for name in row.split(" | ")[0].strip("| ").split(", ")]
    named = [*cells, *re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", text)]
    fixed = [re.split(r" (?=\d|\S+\.step)", name)[0] for name in named]  # before a number or a file's name
    widgets = PACKAGE / "widgets"
    sources = "".join(
        path.read_text(encoding="utf-8") for path in widgets.rglob("*.*") if path.suffix in (".py", ".js")
    )
    assert len(fixed) > 12
    assert [name for name in fixed if name not in sources] == []


def test_the_ten_line_provider_of_contributing_works(emulator: Emulator, tmp_path: Path) -> None:
    """Declared in ten lines, it is validated, run, stored and described like the built-in ones."""
    example = code_blocks(ROOT / "CONTRIBUTING.md")[0]
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


@pytest.mark.parametrize(
    ("option", "code"), [("--help", 0), ("--texts --notebook form", 2), ("--nonsense", 2)]
)
def test_the_generator_reads_its_options_before_it_writes(option, code, monkeypatch, capsys):
    generate = generator()
    monkeypatch.setattr(generate, "texts", lambda: pytest.fail("began to write"))
    with pytest.raises(SystemExit) as left:
        generate.main(option.split())
    assert left.value.code == code
    assert "--texts" in "".join(capsys.readouterr())
