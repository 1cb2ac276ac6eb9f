"""`imagegen-nb record`: a notebook made into a test that runs offline, free and unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from imagegen_nb.cli.console import app, err, escape, fail, out, print_json
from imagegen_nb.core.html_repr import byte_size
from imagegen_nb.errors import InvalidOption
from imagegen_nb.notebooks.record import Recorded
from imagegen_nb.notebooks.record import record as rehearse

_TICKS = 10_000_000_000
"""xAI's ticks in one US dollar."""


@app.command()
def record(
    notebook: Annotated[Path, typer.Argument(help="A notebook.", metavar="NOTEBOOK.ipynb")],
    live: Annotated[
        bool, typer.Option("--live", help="Call the providers: needs keys, and costs money.")
    ] = False,
    emulator: Annotated[
        bool, typer.Option("--emulator", help="Call the emulator, whatever the notebook says: free.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="The cassette; by default named as the notebook.", metavar="NAME")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds until a cell is given up.")] = 600.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was recorded as JSON.")] = False,
) -> None:
    """Execute a notebook, record its calls, write its outputs, and prove them by a replay."""
    if live == emulator:
        raise InvalidOption("say what to record against: --emulator (free), or --live (the providers charge)")
    against: Literal["live", "emulator"] = "live" if live else "emulator"
    done = rehearse(
        notebook,
        against,
        name=name,
        timeout=timeout,
        tell=lambda words: err.print(escape(words), soft_wrap=True),
    )
    if as_json:
        print_json(_facts(done))
    else:
        _tell(done)
    for difference in done.differences:
        fail(f"the replay differs: {difference}")
    if done.differences:
        raise typer.Exit(1)


def _facts(done: Recorded) -> dict[str, object]:
    return {
        "notebook": str(done.notebook),
        "cassette": str(done.folder),
        "recorded_against": done.against,
        "calls": done.calls,
        "files": done.files,
        "bytes": done.size,
        "usage": done.usage.as_dict(),
        "verified": not done.differences,
        "differences": list(done.differences),
    }


def _tell(done: Recorded) -> None:
    plural = "" if done.calls == 1 else "s"
    held = f"{done.calls} call{plural} in {done.files} files, {byte_size(done.size)}"
    out.print(escape(f"{done.folder}: {held}"), soft_wrap=True)
    used = [f"{done.usage.total:,} tokens"] if done.usage.total is not None else []
    if done.usage.cost_in_usd_ticks is not None:
        used.append(f"${done.usage.cost_in_usd_ticks / _TICKS:.4f} by xAI's own account")
    told = " and ".join(used) or "nothing reported"
    if done.against == "live":
        out.print(escape(f"used: {told}; prices are not known here, the providers bill live calls"))
    else:
        out.print(escape(f"used: {told}, all of it emulated: nothing was charged"))
    if not done.differences:
        out.print("the replay shows the same outputs")
