"""What the commands print with: results on standard output, everything else on standard error.

Help imports every command: rich, pydantic and all that a command works with are imported when it is called.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from imagegen_nb.runs.run import Run


@cache
def out() -> Console:
    """Standard output; lines are the window's to wrap, so that what is copied or piped holds no breaks."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


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


def told(text: object) -> str:
    """A message as it may be shown: without keys, which a value that it repeats may be."""
    from imagegen_nb.core.redaction import mask

    return mask(str(text))


def print_json(value: Any) -> None:
    """`value` as JSON on standard output, for machines; control characters are escaped, and so is all that is
    not ASCII where standard output is not UTF-8, as JSON is."""
    from imagegen_nb.core.redaction import CONTROL_CHARACTERS

    is_utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "").replace("_", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not is_utf8, indent=2)
    click.echo(CONTROL_CHARACTERS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def fail(error: object, *notes: str) -> None:
    """Print an error and its notes on standard error."""
    err().print(f"[bold red]error:[/] {escape(told(error))}", soft_wrap=True)
    for note in notes:
        err().print(f"  {escape(told(note))}", soft_wrap=True)


def warn(message: Warning | str, *_location: Any, **_more: Any) -> None:
    """Print a warning on standard error, without the source location Python adds by default."""
    err().print(f"[yellow]warning:[/] {escape(told(message))}", soft_wrap=True)


def note(message: str) -> None:
    """Print what is no mistake, and worth a look, on standard error."""
    err().print(f"[yellow]note:[/] {escape(told(message))}", soft_wrap=True)


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
