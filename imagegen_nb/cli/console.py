"""What the commands print with: results on standard output, everything else on standard error.

Help imports every command: rich, pydantic and all that a command works with are imported when it is called.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console, OverflowMethod
    from rich.table import Table

    from imagegen_nb.runs.run import Run


@cache
def out() -> Console:
    """Standard output."""
    from rich.console import Console

    return Console(highlight=False)


@cache
def err() -> Console:
    """Standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def escape(text: str) -> str:
    """`text` for the console, without effect as rich markup and without control characters."""
    from rich.markup import escape as as_markup

    from imagegen_nb.core.redaction import visible

    return as_markup(visible(text))


def print_json(value: Any) -> None:
    """`value` as JSON on standard output, for machines; control characters are escaped."""
    from imagegen_nb.core.redaction import CONTROL_CHARACTERS

    text = json.dumps(value, ensure_ascii=False, indent=2)
    click.echo(CONTROL_CHARACTERS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def fail(error: object, *notes: str) -> None:
    """Print an error and its notes on standard error."""
    err().print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
    for note in notes:
        err().print(f"  {escape(note)}", soft_wrap=True)


def warn(message: Warning | str, *_location: Any, **_more: Any) -> None:
    """Print a warning on standard error, without the source location Python adds by default."""
    err().print(f"[yellow]warning:[/] {escape(str(message))}", soft_wrap=True)


def plain_table(*headings: str, title: str | None = None, wrapped: Collection[str] = ()) -> Table:
    """A table without boxes. In a narrow window the columns `wrapped` take more lines, before others are cut;
    the first is never cut."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        overflow: OverflowMethod = "fold" if number == 0 or heading in wrapped else "ellipsis"
        table.add_column(heading, no_wrap=heading not in wrapped, overflow=overflow)
    return table


def show_run(run: Run) -> None:
    """Print a run's images as a table, then their addresses, each on a line that can be copied whole."""
    from imagegen_nb.core.html_repr import byte_size
    from imagegen_nb.step.output import DEFAULT_IDENTIFIER

    if not run.output.assets:
        out().print(escape(run.title), soft_wrap=True)
        return
    table = plain_table("path", "file name", "pixels", "size", title=escape(run.title))
    # The type stands in the file's name; with the path as it is in a notebook, 80 columns hold no more.
    for index, asset in enumerate(run.output.assets):
        stored = asset.stored
        pixels = f"{stored.width}×{stored.height}" if stored else ""
        cells = (asset.file_name, pixels, byte_size(asset.file_size))
        path = f"{run.identifier or DEFAULT_IDENTIFIER}.output.assets.{index}.file_url"
        table.add_row(path, *map(escape, cells))
    out().print(table)
    for asset in run.output.assets:
        out().print(escape(asset.file_url), soft_wrap=True)


def run_as_json(run: Run) -> dict[str, Any]:
    """A run as plain data: the output, and what the platform's output object does not hold."""
    return {
        "run_id": run.id,
        "status": run.status,
        "backend": run.backend,
        "emulated": run.emulated,
        "replayed": run.replayed,
        "paid_by": run.paid_by,
        "answered_by": run.answered_by,
        "requested": run.requested,
        "returned": run.returned,
        "blocked": run.blocked,
        "usage": run.usage.as_dict(),
        "cost": run.cost.as_dict(),
        "request_ids": list(run.request_ids),
        "duration": round(run.duration, 3),
        "warnings": list(run.warnings),
        "output": run.output.as_context(),
    }
