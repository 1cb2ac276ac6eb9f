"""`imagegen-nb store`: check a folder of images, rebuild its index, delete unused files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagegen_nb.cli.app import CommandGroup
from imagegen_nb.cli.console import err, escape, fail, out, print_json
from imagegen_nb.cli.parameters import PATH, json_option
from imagegen_nb.errors import InvalidOption

if TYPE_CHECKING:
    from imagegen_nb.store.base import LedgerEntry
    from imagegen_nb.store.local import LocalStore
    from imagegen_nb.store.maintenance import Report


@click.group(cls=CommandGroup)
def store() -> None:
    """Check, repair and tidy a folder of images."""


_folder = click.argument("path", type=PATH, metavar="PATH", help="The folder of a store.")


@store.command()
@_folder
@json_option("Print it as JSON.")
def check(path: Path, as_json: bool) -> None:
    """Read a store whole: every record, every image, every run; leave with 2 when something is wrong."""
    from imagegen_nb.store import maintenance

    _print_report(maintenance.check(_open(path)), as_json)


@store.command()
@_folder
@json_option("Print it as JSON.")
def rebuild(path: Path, as_json: bool) -> None:
    """Build the index again from the files beside it, and check the result; the old index is put aside."""
    from imagegen_nb.store import maintenance

    _print_report(maintenance.rebuild(_open(path)), as_json)


@store.command()
@_folder
@json_option("Print it as JSON.")
def gc(path: Path, as_json: bool) -> None:
    """Delete the images that have no record, such as those of runs that were killed."""
    from imagegen_nb.store import maintenance

    removed = maintenance.gc(_open(path))
    if as_json:
        print_json({"removed": list(removed)})
        return
    for name in removed:
        out().print(f"removed {escape(name)}", soft_wrap=True)
    if not removed:
        out().print("nothing to remove")


def _open(path: Path) -> LocalStore:
    """The store in a folder. A folder without one is refused: `LocalStore` would make it."""
    from imagegen_nb.store.local import LocalStore

    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        raise InvalidOption(f"{path} is a URL: only a folder has an index to check, build again or clean up")
    existing = LocalStore(path)
    paths = existing.paths
    if not any(path.exists() for path in (paths.database, paths.manifests, paths.blobs)):
        raise InvalidOption(f"there is no store in {path}: give the folder that Workspace(...) was given")
    return existing


def _print_report(report: Report, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(report))
    else:
        _print_summary(report)
    if report.problems:
        raise SystemExit(2)


def _as_json(report: Report) -> dict[str, object]:
    return {
        "images": len(report.records),
        "bytes": sum(record.file_size for record in report.records),
        "runs": len(report.runs),
        "runs_under_way": report.under_way,
        "interrupted": [
            {"run_id": run.run_id, "provider": run.provider, "model": run.model, "count": run.count}
            | {"emulated": run.emulated, "charge": run.charge, "started_at": run.started_at}
            for run in report.interrupted
        ],
        "unused_files": list(report.orphans),
        "problems": report.problems,
    }


def _print_summary(report: Report) -> None:
    from imagegen_nb.core.html_repr import byte_size

    size = byte_size(sum(record.file_size for record in report.records))
    summary = f"{len(report.records)} images ({size}), {len(report.runs)} runs, {report.under_way} under way"
    out().print(("" if report.problems else "[green]good[/] ") + summary)
    for run in report.interrupted:
        out().print(escape(_interrupted(run)), soft_wrap=True)
    if report.orphans:
        out().print(f"{len(report.orphans)} unused files; delete them with: imagegen-nb store gc")
    for problem in report.problems:
        fail(problem)
    if report.problems:
        err().print("  imagegen-nb store rebuild builds the index again")


def _interrupted(run: LedgerEntry) -> str:
    emulated = " (emulated)" if run.emulated else ""
    what = f"{run.count} images asked for" if run.count else "asked about an image"
    return (
        f"interrupted: {run.model}, {what} on {run.started_at}, charge "
        f"{run.charge}{emulated}: run {run.run_id}"
    )
