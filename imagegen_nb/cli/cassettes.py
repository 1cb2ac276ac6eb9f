"""`imagegen-nb cassettes`: list and check recorded cassettes, and delete images nothing refers to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from imagegen_nb.cli.app import CommandGroup
from imagegen_nb.cli.console import escape, fail, note, out, print_json
from imagegen_nb.cli.parameters import json_option
from imagegen_nb.cli.plain_table import PlainTable
from imagegen_nb.errors import InvalidOption, ReplayError

_REMEDY = "record one (imagegen-nb record NOTEBOOK --emulator), or go to the folder that has them"


@click.group(cls=CommandGroup)
def cassettes() -> None:
    """List, check and tidy recorded cassettes."""


_EMPTY = ("it has no call in it; record it again, or delete the folder",)

_names = click.argument("names", nargs=-1, metavar="[NAME]...", help="These only; by default all.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _CassetteReport:
    """What a cassette's folder holds. Without `problems` it is usable; `notes` are of what else is there."""

    name: str
    against: str = ""
    recorded_on: str = ""
    calls: int = 0
    size: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "recorded_against": self.against,
            "recorded_on": self.recorded_on,
            "calls": self.calls,
            "bytes": self.size,
            "problems": list(self.problems),
            "notes": list(self.notes),
        }


@cassettes.command()
@_names
@json_option("Print it as JSON.")
def ls(names: tuple[str, ...], as_json: bool) -> None:
    """List the cassettes of this project."""
    from imagegen_nb.core.html_repr import byte_size

    reports = [_inspect(name, folder) for name, folder in _folders(names).items()]
    if as_json:
        print_json([report.as_json() for report in reports])
        return
    table = PlainTable("cassette", "recorded against", "on", "calls", "size", "")
    for report in reports:
        state = "[red]damaged[/]" if report.problems else ""
        cells = (report.name, report.against, report.recorded_on, str(report.calls), byte_size(report.size))
        table.add_row(*map(escape, cells), state)
    table.print()


@cassettes.command()
@_names
@json_option("Print it as JSON.")
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Read cassettes whole, search them for keys, and note what else is in their folders; exit with 2 when
    one is not as it should be."""
    from imagegen_nb.replay import leftovers, paths

    reports = [_inspect(name, folder) for name, folder in _folders(names).items()]
    if as_json:
        print_json([report.as_json() for report in reports])
    elif not names and (misplaced := leftovers.text_above(paths.home())):
        note(misplaced)
    for report in () if as_json else reports:
        if not report.problems:
            out().print(f"[green]good[/] {escape(report.name)}")
        for problem in report.problems:
            fail(f"{report.name}: {problem}")
        for leftover in report.notes:
            note(f"{report.name}: {leftover}")
    if any(report.problems for report in reports):
        raise SystemExit(2)


@cassettes.command()
@_names
@json_option("Print it as JSON.")
def prune(names: tuple[str, ...], as_json: bool) -> None:
    """Delete the images that no recording refers to."""
    from imagegen_nb.replay import cassette_file

    removed, problems = [], []
    for name, folder in _folders(names).items():
        try:
            unused = cassette_file.orphans(folder)
        except ReplayError as error:  # what it refers to is not known
            problems.append(f"{name}: {_of(folder, error)}")
            continue
        for path in unused:
            path.unlink()
            removed.append(f"{name}/{path.parent.name}/{path.name}")
    if as_json:
        print_json({"removed": removed, "problems": problems})
    for image in () if as_json else removed:
        out().print(f"removed {escape(image)}")
    if not removed and not problems and not as_json:
        out().print("nothing to remove")
    for problem in () if as_json else problems:
        fail(problem)
    if problems:
        raise SystemExit(2)


def _folders(names: tuple[str, ...]) -> dict[str, Path]:
    """The folder of each cassette by its name; a name with slashes is a path below the cassettes' folder.

    None at all is an error: a CI job that looks in the wrong folder must not pass.
    """
    from imagegen_nb.core.given_files import told_kind
    from imagegen_nb.core.keywords import did_you_mean
    from imagegen_nb.core.own_files import CASSETTE_FILE
    from imagegen_nb.replay.leftovers import folders_without_text, text_above
    from imagegen_nb.replay.paths import home

    root = home()
    parents = {path.parent for path in root.rglob(CASSETTE_FILE)} | set(folders_without_text(root))
    folders = {folder.relative_to(root).as_posix(): folder for folder in parents if folder != root}
    unknown = [name for name in names if name not in folders]
    if not folders and (misplaced := text_above(root)):
        raise InvalidOption(misplaced)
    if not folders:
        so = f", and so no {unknown[0]!r}" if unknown else ""
        raise InvalidOption(f"there is no cassette in {root}{told_kind(root)}{so}: {_REMEDY}")
    if unknown:
        here = Path(unknown[0]).expanduser()
        hint = did_you_mean(unknown[0], sorted(folders))
        if told_kind(here):
            hint = f"there is a folder {here}{told_kind(here)}"
        if here.absolute().is_relative_to(root):  # a shell completes paths
            hint = did_you_mean(here.absolute().relative_to(root).as_posix(), sorted(folders))
        raise InvalidOption(f"there is no cassette {unknown[0]!r} in {root}; {hint}")
    return {name: folders[name] for name in names or sorted(folders)}


def _of(folder: Path, error: ReplayError) -> str:
    """An error of the cassette in `folder`, without its name, which it is told beside."""
    from imagegen_nb.core.own_files import CASSETTE_FILE

    problem = str(error).removeprefix(f"cassette {folder.name!r}: ")
    return problem.replace(f"cassette {folder.name!r} ({CASSETTE_FILE}): ", f"{CASSETTE_FILE}: ", 1)


def _inspect(name: str, folder: Path) -> _CassetteReport:
    from imagegen_nb.core import redaction
    from imagegen_nb.providers.catalog import keys_in_use
    from imagegen_nb.replay import cassette_file, filters
    from imagegen_nb.replay.leftovers import leftovers
    from imagegen_nb.replay.stowed import stow

    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    try:
        about, recordings = cassette_file.read(folder)
    except ReplayError as error:
        return _CassetteReport(name=name, size=size, problems=(_of(folder, error),))
    known_keys = keys_in_use()
    problems = cassette_file.repeated(recordings)
    problems += [f"left out when it was recorded: {place}" for place in about.refused]
    problems += [
        redaction.redact(f"call {recording.call} to {recording.model}: {key_kind}", known_keys)
        for recording in recordings
        if (key_kind := filters.find_key(stow(recording), known_keys))
    ]
    return _CassetteReport(
        name=name,
        against=about.against,
        recorded_on=about.recorded_on,
        calls=len(recordings),
        size=size,
        problems=tuple(problems),
        notes=(*_EMPTY[: not recordings], *leftovers(folder, name)),
    )
