"""`imagegen-nb runs`, and `imagegen-nb store ls`: the runs of a store, as its ledger has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import click

from imagegen_nb.cli.console import escape, out, print_json
from imagegen_nb.cli.existing_store import open_existing
from imagegen_nb.cli.parameters import CommandT, completing, json_option, model_names, store_option
from imagegen_nb.cli.plain_table import PlainTable

if TYPE_CHECKING:
    from imagegen_nb.runs.history import PastRun

_LONGEST_PROMPT = 120
"""Characters of a prompt that are shown."""


def _outcomes() -> tuple[str, ...]:
    from imagegen_nb.runs.history import Outcome

    return get_args(Outcome)


def filters(command: CommandT) -> CommandT:
    """The options that say which runs are wanted, as those of `workspace.history`."""
    for option in (
        click.option("--text", help="Only runs with this text in prompt, settings or inputs."),
        click.option("--model", shell_complete=completing(model_names), help="Only runs of this model."),
        click.option(
            "--outcome",
            multiple=True,
            shell_complete=completing(_outcomes),
            help="Only runs with this outcome: done, partial, failed, cancelled, interrupted, running, "
            "submitted (in a batch). May be given several times.",
        ),
        click.option(
            "--since",
            metavar="DAY",
            help="Only runs from this day on, such as 2026-11-27, or a time.",
        ),
        click.option("--until", metavar="DAY", help="Only runs until the end of this day, or a time."),
        click.option("--starred", is_flag=True, help="Only runs of which an image has a star."),
        click.option(
            "--questions", is_flag=True, help="List what judges asked about images, instead of runs."
        ),
        click.option(
            "--limit", type=click.IntRange(1), default=50, help="At most this many runs, the newest."
        ),
        click.option("--files", is_flag=True, help="Also print where the images are."),
        json_option("Print them as JSON."),
    )[::-1]:
        command = option(command)
    return command


@click.command()
@store_option
@filters
def runs(store: str, **wanted: Any) -> None:
    """List the runs of a store, newest first: when, model, outcome, images, cost, prompt."""
    list_runs(store, **wanted)


def list_runs(address: str, *, limit: int, files: bool, as_json: bool, starred: bool, **wanted: Any) -> None:
    """Print the runs of a store."""
    from imagegen_nb.core.html_repr import byte_size
    from imagegen_nb.core.words import counted
    from imagegen_nb.runs.history import Filter, History

    filter_ = Filter.of(starred=starred or None, **wanted)
    store = open_existing(address)
    found = list(History(store, filter_, limit + 1))
    shown, has_more = found[:limit], len(found) > limit
    if as_json:
        print_json({"runs": [_as_json(run) for run in shown], "more": has_more})
        return
    if not shown:
        wanted_words = filter_.words()
        out().print(escape(f"no runs for: {wanted_words}" if wanted_words else "no runs yet"))
        return
    _print_table(shown)
    images = counted(store.count_records(), "image")
    out().print(f"{images} in the store, {byte_size(store.used)}")
    for asset in (asset for run in shown for asset in run.assets if files):
        out().print(escape(asset.file_url))
    if has_more:
        out().print(f"only the newest {limit}: more with --limit")


def _print_table(shown: list[PastRun]) -> None:
    from imagegen_nb.core.words import shortened

    names = ("started (UTC)", "model", "outcome", "images", "cost", "prompt")
    table = PlainTable(*names, wrapped=["model", "prompt"])
    for run in shown:
        images = "asked about one" if run.is_question else f"{len(run.assets)} of {run.entry.count}"
        prompt = shortened(" ".join(run.prompt.split()), _LONGEST_PROMPT)
        cells = (f"{run.started_at:%Y-%m-%d %H:%M}", run.model, run.outcome, images, _cost(run), prompt)
        table.add_row(*map(escape, cells))
    table.print()


def _cost(run: PastRun) -> str:
    from imagegen_nb.core import money

    if run.entry.emulated or run.charge == "none":
        return "emulated" if run.entry.emulated else "none"
    return "unknown" if run.cost is None else money.show(run.cost)


def _as_json(run: PastRun) -> dict[str, Any]:
    from imagegen_nb.core import money

    return {
        "run_id": run.id,
        "started_at": run.entry.started_at,
        "ended_at": run.entry.ended_at,
        "provider": run.entry.provider,
        "model": run.model,
        "prompt": run.prompt,
        "outcome": run.outcome,
        "error": run.error,
        "requested": run.entry.count,
        "returned": len(run.assets),
        "emulated": run.entry.emulated,
        "charge": run.entry.charge_told,
        "cost": None if run.cost is None else f"{run.cost:f}",
        "currency": money.CURRENCY,
        "files": [asset.file_url for asset in run.assets],
        "starred": run.starred,
        "note": run.note,
    }
