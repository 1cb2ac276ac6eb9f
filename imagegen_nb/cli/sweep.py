"""`imagegen-nb sweep`: run a sweep that a TOML file describes; started again, it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imagegen_nb.cli.console import err, escape, out, print_json
from imagegen_nb.cli.outputs import check_folder, replacing
from imagegen_nb.cli.parameters import PATH, backend_option, json_option, storage_limit_option, store_option
from imagegen_nb.cli.plain_table import PlainTable
from imagegen_nb.cli.run_output import progress_bar
from imagegen_nb.cli.sweep_file import read_sweep
from imagegen_nb.errors import InvalidOption

if TYPE_CHECKING:
    from imagegen_nb.sweeps.cell import Cell
    from imagegen_nb.sweeps.sweep import Sweep
    from imagegen_nb.sweeps.wording import Wording


@click.command()
@click.argument(
    "file", type=PATH, metavar="SWEEP.toml", help="A TOML file that names a step and what varies."
)
@backend_option
@store_option
@storage_limit_option
@click.option("--budget", help='What all runs in the store may cost, such as "2.00 USD".')
@click.option("--timeout", default=300.0, help="Time limit for each cell, in seconds.")
@click.option("--concurrency", default=8, help="How many cells run at once for each provider.")
@click.option("--plan", is_flag=True, help="Only show what would be run.")
@click.option("--reuse", is_flag=True, help="Take images that an equal request made earlier from the store.")
@click.option(
    "--only-failed",
    is_flag=True,
    help="Run only the cells that failed; those that were never sent are left for later.",
)
@click.option(
    "--repeat-unknown",
    is_flag=True,
    help="Run again the cells that may have been charged and gave no image.",
)
@click.option("--submit", is_flag=True, help="Submit the cells in batches, usually at half the price.")
@click.option("--collect", is_flag=True, help="Fetch the results of batches that are ready.")
@click.option(
    "--wait", default=0.0, metavar="SECONDS", help="With --collect: how long to wait for batches, in seconds."
)
@click.option(
    "--give-up",
    is_flag=True,
    help="With --collect: end cells whose batch cannot be fetched as unknown, for --repeat-unknown.",
)
@click.option("--csv", "to_csv", type=PATH, metavar="FILE", help="Write the cells to this file as a table.")
@click.option(
    "--report",
    type=PATH,
    metavar="FILE.html",
    help="Write a page to show to people without a notebook.",
)
@json_option("Print the sweep as JSON.")
def sweep(
    file: Path,
    backend: str,
    store: str,
    storage_limit: str | None,
    budget: str | None,
    timeout: float,
    concurrency: int,
    plan: bool,
    reuse: bool,
    only_failed: bool,
    repeat_unknown: bool,
    submit: bool,
    collect: bool,
    wait: float,
    give_up: bool,
    to_csv: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Run a step once for each combination of values, which is a cell; exit with 1 when cells have no image,
    with 2 when some cannot be run."""
    from imagegen_nb.core import ending_signals
    from imagegen_nb.runs.workspace import Workspace

    _check_together(plan=plan, submit=submit, collect=collect, wait=wait, give_up=give_up, reuse=reuse)
    if submit:
        _check_outlives(backend)
    to_csv, report = _checked_table(to_csv), _checked_page(report)
    described = read_sweep(file, _options())
    described.use_wording(_wording())
    workspace = Workspace(store, backend=backend, storage_limit=storage_limit, timeout=timeout, budget=budget)
    described.load(workspace=workspace)
    chosen: dict[str, Any] = {
        "only": "failed" if only_failed else None,
        "repeat": "unknown" if repeat_unknown else (),
    }
    if plan:
        err().print(f"in batches: {escape(str(described.estimate(batch=True)))}", soft_wrap=True)
        err().print(str(described.stored_size), soft_wrap=True)
    with ending_signals.raised():  # told to end by a signal, it says how far it came
        if submit:
            err().print(escape(repr(described.submit(**chosen))), soft_wrap=True)
        if collect:
            described.collect(wait=wait, give_up=give_up)
        if not plan and not submit and not collect:
            _run_with_progress(described, concurrency=concurrency, reuse=reuse, **chosen)
    for target, write in ((to_csv, described.to_csv), (report, described.report)):
        if target is not None:
            older = replacing(target)
            err().print(escape(f"{write(target)}{older}"), soft_wrap=True)
    if as_json:
        print_json(described.as_dict())
    else:
        _print(described)
    left = [cell for cell in described if cell.outcome not in ("done", "partial")]
    if submit and not collect:  # what is on its way is not missing
        left = [cell for cell in left if cell.outcome != "submitted"]
    if not plan and left:
        raise SystemExit(1)


def _check_outlives(backend: str) -> None:
    """Refuse to submit a batch to what ends with the command."""
    if backend == "emulator":
        raise InvalidOption(
            "--submit --backend emulator: that emulator ends with this command, and its batches with it. "
            "Serve one that stays, imagegen-nb emulator --port 8321, and give its address to this and "
            "--collect: --backend http://127.0.0.1:8321"
        )


def _options() -> dict[str, str]:
    """The command's options by the names under which somebody may write them into a file."""
    named = (max(one.opts, key=len) for one in sweep.params if isinstance(one, click.Option))
    return {option.removeprefix("--").replace("-", "_"): option for option in named}


def _wording() -> Wording:
    from imagegen_nb.sweeps.wording import Wording

    return Wording(
        only_failed="--only-failed",
        run_waiting="The same command without --only-failed runs them",
        repeat_unknown="with --repeat-unknown",
        spend_less="Raise --budget, or give the sweep file fewer values",
        collect="--collect fetches what is ready",
        give_up="--collect --give-up ends them as unknown, and --repeat-unknown runs them again",
        see_skipped="named below",
        look_again="The same command, once it has ended, shows them and runs what is left",
        go_on="The same command goes on from here",
    )


def _checked_page(path: Path | None) -> Path | None:
    """Where the report goes. Refuses one in the place of anything but an older one, before money is spent."""
    from imagegen_nb.core import html_page

    if path is None:
        return None
    target = html_page.named(path, InvalidOption)
    return _checked("--report", target, html_page.is_there)


def _checked_table(path: Path | None) -> Path | None:
    """Where the table goes; refused as a report is."""
    from imagegen_nb.errors import StoreError
    from imagegen_nb.sweeps import tables

    if path is None:
        return None
    try:
        target = tables.named(path, ".csv")
    except StoreError as error:
        raise InvalidOption(f"--csv: {error}") from None
    return _checked("--csv", target, tables.is_there)


def _checked(option: str, target: Path, is_older: Callable[[Path], bool]) -> Path:
    from imagegen_nb.core.atomic_files import explain

    check_folder(option, target)
    try:
        if target.exists() and not is_older(target):
            raise InvalidOption(
                f"{option} {target}: something else is there; give another name, or move that away"
            )
    except OSError as error:
        raise InvalidOption(f"{option} {target} cannot be read: {explain(error)}") from None
    return target


def _check_together(
    *, plan: bool, submit: bool, collect: bool, wait: float, give_up: bool, reuse: bool
) -> None:
    """Refuse options that say different things."""
    if plan and (submit or collect):
        raise InvalidOption("--plan only shows what would be run: leave it, or --submit and --collect, out")
    if wait and not collect:
        raise InvalidOption("--wait is for --collect: --collect --wait 3600")
    if give_up and not collect:
        raise InvalidOption(
            "--give-up is for --collect: --collect --give-up ends the cells of lost batches as unknown"
        )
    if reuse and submit:
        raise InvalidOption(
            "--reuse does not work with --submit: run with --reuse first, then submit the rest"
        )


def _run_with_progress(described: Sweep, **options: Any) -> None:
    with progress_bar() as progress:
        task = progress.add_task("cells", total=len(described), completed=len(described.done))

        def advance(cell: Cell) -> None:
            if cell.outcome in ("done", "partial"):
                progress.advance(task)

        on_cell: Callable[[Cell], object] = advance
        described.run(progress=False, on_cell=on_cell, **options)


def _print(described: Sweep) -> None:
    out().print(escape(described.title))
    for note in described.notes():
        out().print(escape(f"  {note}"))
    for one in described.skipped:
        err().print(f"[yellow]skipped:[/] {escape(str(one))}", soft_wrap=True)
    reasons = ["reason"] if any(cell.error for cell in described) else []
    table = PlainTable("cell", "outcome", "values", *reasons, wrapped=["values", "reason"])
    for cell in described:
        cells = (str(cell.number), cell.outcome, cell.label, *([cell.error] if reasons else ()))
        table.add_row(*map(escape, cells))
    table.print()
    for cell in described:
        for asset in cell.assets:
            out().print(escape(asset.file_url))
