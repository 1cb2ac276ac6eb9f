"""`imagegen-nb cassettes`: what is recorded, whether it is whole, and what nothing refers to any more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from imagegen_nb.cli.console import app, escape, fail, out, plain_table, print_json
from imagegen_nb.core import redaction
from imagegen_nb.core.html_repr import byte_size
from imagegen_nb.errors import InvalidOption, ReplayError
from imagegen_nb.providers.catalog import keys_in_use
from imagegen_nb.replay import cassette_file, filters
from imagegen_nb.replay.paths import home

cassettes = typer.Typer(help="List, check and tidy recorded cassettes.", no_args_is_help=True)
app.add_typer(cassettes, name="cassettes")

_Names = Annotated[list[str] | None, typer.Argument(help="These only; by default all.", metavar="NAME...")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """A cassette as it lies on the disk; `problems` is empty for a usable one."""

    name: str
    against: str = ""
    recorded_on: str = ""
    calls: int = 0
    size: int = 0
    problems: tuple[str, ...] = ()

    def facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "recorded_against": self.against,
            "recorded_on": self.recorded_on,
            "calls": self.calls,
            "bytes": self.size,
            "problems": list(self.problems),
        }


@cassettes.command()
def ls(names: _Names = None, as_json: _AsJson = False) -> None:
    """List the cassettes of this project."""
    findings = [_look(name, folder) for name, folder in _folders(names).items()]
    if as_json:
        print_json([finding.facts() for finding in findings])
        return
    table = plain_table("cassette", "recorded against", "on", "calls", "size", "")
    for found in findings:
        state = "[red]damaged[/]" if found.problems else ""
        facts = (found.name, found.against, found.recorded_on, str(found.calls), byte_size(found.size))
        table.add_row(*map(escape, facts), state)
    out.print(table)


@cassettes.command()
def check(names: _Names = None, as_json: _AsJson = False) -> None:
    """Read cassettes whole, and search them for keys; leave with 2 when one is not as it should be."""
    findings = [_look(name, folder) for name, folder in _folders(names).items()]
    if as_json:
        print_json([finding.facts() for finding in findings])
    for found in findings:
        if not as_json and not found.problems:
            out.print(f"[green]good[/] {escape(found.name)}", soft_wrap=True)
        for problem in () if as_json else found.problems:
            fail(f"{found.name}: {problem}")
    if any(found.problems for found in findings):
        raise typer.Exit(2)


@cassettes.command()
def prune(names: _Names = None, as_json: _AsJson = False) -> None:
    """Delete the images that no recording refers to."""
    removed = []
    for name, folder in _folders(names).items():
        for path in cassette_file.orphans(folder):
            path.unlink()
            removed.append(f"{name}/{path.parent.name}/{path.name}")
    if as_json:
        print_json({"removed": removed})
        return
    for image in removed:
        out.print(f"removed {escape(image)}", soft_wrap=True)
    if not removed:
        out.print("nothing to remove")


def _folders(names: list[str] | None) -> dict[str, Path]:
    """The folder of each cassette by its name, which may lead through folders of its own."""
    below = home()
    found = (path.parent for path in below.rglob(cassette_file.FILE))
    there = {folder.relative_to(below).as_posix(): folder for folder in found if folder != below}
    if unknown := [name for name in names or () if name not in there]:
        raise InvalidOption(
            f"there is no cassette {unknown[0]!r} in {home()}; there are {', '.join(sorted(there)) or 'none'}"
        )
    return {name: there[name] for name in names or sorted(there)}


def _look(name: str, folder: Path) -> _Finding:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    try:
        about, recordings = cassette_file.read(folder)
    except ReplayError as error:
        return _Finding(name=name, size=size, problems=(str(error),))
    known = keys_in_use()
    problems = [f"left out when it was recorded: {place}" for place in about.refused]
    problems += [
        redaction.redact(f"call {recording.call} to {recording.model}: {found}", known)
        for recording in recordings
        if (found := filters.key_in(recording, known))
    ]
    return _Finding(
        name=name,
        against=about.against,
        recorded_on=about.recorded_on,
        calls=len(recordings),
        size=size,
        problems=tuple(problems),
    )
