"""`imagegen-nb store`: check a store, mend it, delete its unused files, list its runs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from imagegen_nb.cli.app import CommandGroup
from imagegen_nb.cli.console import err, escape, fail, out, print_json
from imagegen_nb.cli.existing_store import open_existing
from imagegen_nb.cli.parameters import STORE, json_option
from imagegen_nb.cli.runs import filters, list_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imagegen_nb.store.base import LedgerEntry
    from imagegen_nb.store.maintenance import AffectedRun, Report

_MOST = 10
"""Runs, or files, that are told one by one; --json has all."""
_LONGEST = 80
"""Characters of a prompt."""


@click.group(cls=CommandGroup)
def store() -> None:
    """Check, repair and tidy a store of images, in a folder or below a URL."""


_address = click.argument(
    "store", metavar="[STORE]", default=STORE, help=f"The folder of a store, or its URL; by default {STORE}."
)


@store.command()
@_address
@click.option("--quick", is_flag=True, help="Compare images by their file sizes only; do not read them.")
@json_option("Print it as JSON.")
def check(store: str, quick: bool, as_json: bool) -> None:
    """Read every record, image and run of a store and compare them; exit with 2 when something is wrong."""
    from imagegen_nb.store import maintenance

    _print_report(maintenance.check(open_existing(store), quick=quick), store, as_json)


@store.command()
@_address
@json_option("Print it as JSON.")
def rebuild(store: str, as_json: bool) -> None:
    """Mend a store, and check it: a folder's index is built again from the files beside it, and the old one
    kept aside; below a URL, lost parts of its log are written again."""
    from imagegen_nb.store import maintenance

    _print_report(maintenance.rebuild(open_existing(store)), store, as_json)


@store.command()
@_address
@click.option("--dry-run", is_flag=True, help="Only list what would be deleted.")
@json_option("Print it as JSON.")
def gc(store: str, dry_run: bool, as_json: bool) -> None:
    """Delete unused files, such as images of runs that were killed, which the store's index does not have;
    below a URL those of the last day stay."""
    from imagegen_nb.store import maintenance
    from imagegen_nb.store.maintainable import is_image

    removal = maintenance.gc(open_existing(store), dry_run=dry_run)
    if as_json:
        told = {"would_remove" if dry_run else "removed": list(removal.removed)}
        print_json({**told, "recent_files": list(removal.recent), "requests": dict(removal.requests)})
        return
    for name in removal.removed:
        out().print(f"{'would remove' if dry_run else 'removed'} {escape(name)}")
    if not removal.removed:
        out().print("nothing to remove")
    if dry_run and any(map(is_image, removal.removed)):
        out().print(
            "images among them may be of runs that were interrupted, and paid for: look at them, or copy "
            "them elsewhere, before they are deleted for good",
            soft_wrap=True,
        )
    _print_recent(removal.recent)
    _print_requests(removal.requests)


@store.command(name="ls")
@_address
@filters
def list_(store: str, **wanted: Any) -> None:
    """List the runs of a store, newest first, as `imagegen-nb runs --store STORE` does."""
    list_runs(store, **wanted)


def _print_report(report: Report, store: str, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(report))
    else:
        _print_summary(report, shlex.quote(store))
    if report.problems:
        raise SystemExit(2)


def _as_json(report: Report) -> dict[str, object]:
    return {
        "images": len(report.records),
        "bytes": sum(record.file_size for record in report.records),
        "runs": len(report.runs),
        "runs_under_way": report.under_way,
        "runs_in_batches": report.submitted,
        "interrupted": [
            {"run_id": run.run_id, "provider": run.provider, "model": run.model, "count": run.count}
            | {"emulated": run.emulated, "charge": run.charge_told, "started_at": run.started_at}
            for run in report.interrupted
        ],
        "unused_files": list(report.orphans),
        "recent_files": list(report.recent),
        "problems": report.problems,
        "unreadable": list(report.unreadable),
        "read_only": report.read_only,
        "lost_images": [
            {"id": record.id, "run_id": record.run_id, "file_name": record.file_name}
            | {"file_url": record.file_url, "sha256": record.sha256, "problem": problem}
            for record, problem in report.lost
        ],
        "affected_runs": [_affected_as_json(affected) for affected in report.affected],
        "requests": dict(report.requests),
    }


def _affected_as_json(affected: AffectedRun) -> dict[str, Any]:
    run = affected.run
    told = {"lost": affected.lost, "images": affected.images, "can_run_again": affected.can_run_again}
    if run is None:
        return {"run_id": None, **told}
    return {
        "run_id": run.run_id,
        "model": run.model,
        "started_at": run.started_at,
        "prompt": run.prompt,
        **told,
    }


def _print_summary(report: Report, store: str) -> None:
    from imagegen_nb.core.html_repr import byte_size
    from imagegen_nb.core.words import counted

    size = byte_size(sum(record.file_size for record in report.records))
    images, runs = counted(len(report.records), "image"), counted(len(report.runs), "run")
    summary = f"{images} ({size}), {runs}, {report.under_way} under way"
    summary += f", {report.submitted} in batches" if report.submitted else ""
    out().print(("" if report.problems else "[green]good[/] ") + summary)
    if report.read_only:
        out().print("this user may only read it: runs whose process is gone stay under way")
    for run in report.interrupted:
        out().print(escape(_interrupted(run)))
    if report.orphans:
        unused = counted(len(report.orphans), "unused file")
        out().print(f"{unused}, which imagegen-nb store gc {escape(store)} deletes")
    if cut_off := [run for run in report.interrupted if run.count]:
        paid = any(not run.emulated for run in cut_off)
        _print_unused_images([*report.orphans, *report.recent], paid=paid)
    _print_recent(report.recent)
    _print_requests(report.requests)
    for problem in report.problems:
        fail(problem)
    if report.unreadable:
        err().print("  nothing is known of that: have the user whose store it is check it")
    if report.damage and report.can_be_mended and not report.read_only:
        err().print(
            f"  imagegen-nb store rebuild {escape(store)} mends what can be read from the rest of the store"
        )
    if report.lost:
        _print_remedies(report)


def _print_remedies(report: Report) -> None:
    """What can still be done about images whose bytes are lost."""
    affected = report.affected
    err().print("What can still be done:")
    for one in affected[:_MOST]:
        err().print(f"  {escape(_affected(one))}", soft_wrap=True)
    if len(affected) > _MOST:
        err().print(f"  and {len(affected) - _MOST:,} more runs: --json has all")
    remedies = [
        "A file with the same bytes, from a backup or a download, can be put where the image was: its name "
        "is the SHA-256.",
        "A cassette that was recorded of a run brings its images back: replay the notebook with this store.",
    ]
    if any(one.can_run_again for one in affected):
        remedies.append(
            "Prompt and settings are in the ledger: run.step of workspace.history() makes other images by "
            "them, which is paid for again."
        )
    for remedy in remedies:
        err().print(f"  {remedy}", soft_wrap=True)


def _affected(affected: AffectedRun) -> str:
    from imagegen_nb.core.words import counted, shortened

    run, many = affected.run, f"{affected.lost} of {counted(affected.images, 'image')} lost"
    if run is None:
        return f"{many}, of no run that the ledger knows"
    prompt = f" “{shortened(' '.join(run.prompt.split()), _LONGEST)}”" if run.prompt else ""
    kept = "" if affected.can_run_again else "; its settings were not kept"
    return f"{many} of run {run.run_id}: {run.model} on {run.started_at}{prompt}{kept}"


def _print_unused_images(names: Sequence[str], *, paid: bool) -> None:
    """What may be of runs that were interrupted, and that gc deletes it for good."""
    from imagegen_nb.core.words import counted
    from imagegen_nb.store.maintainable import is_image

    images = [name for name in names if is_image(name)]
    if not images:
        return
    verb, them = ("is", "it") if len(images) == 1 else ("are", "them")
    out().print(
        f"of these, {counted(len(images), 'image')} {verb} perhaps of runs that were interrupted"
        f"{', and paid for' if paid else ''}: look at {them}, or copy {them} elsewhere, before gc deletes "
        f"{them} for good",
        soft_wrap=True,
    )
    for name in images[:_MOST]:
        out().print(f"  {escape(name)}", soft_wrap=True)
    if len(images) > _MOST:
        out().print(f"  and {len(images) - _MOST:,} more: --json has all")


def _print_recent(recent: tuple[str, ...]) -> None:
    from imagegen_nb.core.words import counted

    if recent:
        verb = "is" if len(recent) == 1 else "are"
        out().print(f"{counted(len(recent), 'unused file')} {verb} younger than a day, and stay for now")


def _print_requests(requests: Mapping[str, int]) -> None:
    from imagegen_nb.core.html_repr import byte_size

    asked = [f"{many:,} {kind}" for kind, many in sorted(requests.items()) if kind != "bytes"]
    if asked:
        out().print(
            f"requests to the service: {', '.join(asked)}; {byte_size(requests.get('bytes', 0))} were read"
        )


def _interrupted(run: LedgerEntry) -> str:
    from imagegen_nb.core.words import counted

    what = f"{counted(run.count, 'image')} asked for" if run.count else "asked about an image"
    return f"interrupted: {run.model}, {what} on {run.started_at}, charge {run.charge_told}: run {run.run_id}"
