"""`imagegen-nb record`: record a notebook's calls, so that it runs as a test, offline and free."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from imagegen_nb.cli.console import err, escape, fail, out, print_json
from imagegen_nb.cli.parameters import PATH, json_option
from imagegen_nb.errors import InvalidOption

if TYPE_CHECKING:
    from imagegen_nb.notebooks.record import NotebookRecording

_TICKS = 10_000_000_000
"""xAI's ticks in one US dollar."""


@click.command()
@click.argument("notebook", type=PATH, metavar="NOTEBOOK.ipynb", help="A notebook.")
@click.option("--live", is_flag=True, help="Call the providers: needs keys, and costs money.")
@click.option("--emulator", is_flag=True, help="Call the emulator, whatever the notebook says: free.")
@click.option("--name", metavar="NAME", help="The cassette; by default named as the notebook.")
@click.option(
    "--kernel",
    metavar="NAME",
    help="The kernel to run it in, and to write into it; by default its own.",
)
@click.option("--timeout", default=600.0, help="Time limit for each cell, in seconds.")
@json_option("Print what was recorded as JSON.")
def record(
    notebook: Path,
    live: bool,
    emulator: bool,
    name: str | None,
    kernel: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Execute a notebook, record its calls, prove it by its test, and write cassette and outputs."""
    from imagegen_nb.core import ending_signals
    from imagegen_nb.core.atomic_files import user_path
    from imagegen_nb.notebooks.record import read_text
    from imagegen_nb.notebooks.record import record as record_notebook

    if live and emulator:
        raise InvalidOption("--emulator and --live are both given: leave one out; --live costs money")
    if not live and not emulator:
        read_text(user_path(notebook, InvalidOption).absolute())  # no option helps what is no notebook
        raise InvalidOption("say what to record against: --emulator (free), or --live (the providers charge)")
    against: Literal["live", "emulator"] = "live" if live else "emulator"
    with ending_signals.raised():
        recorded = record_notebook(
            notebook,
            against,
            name=name,
            kernel=kernel,
            timeout=timeout,
            on_progress=lambda message: err().print(escape(message), soft_wrap=True),
        )
    if as_json:
        print_json(_as_json(recorded))
    else:
        _print_summary(recorded)
    for difference in recorded.differences:
        fail(f"the test fails: {difference}")
    if recorded.differences:
        kept = f"; the new recording is kept in {recorded.folder}" if recorded.against == "live" else ""
        fail(
            f"{recorded.notebook.name} and its cassette were left as they were{kept}. Let such cells show "
            "the same in every run, or mark them # NBVAL_IGNORE_OUTPUT"
        )
        raise SystemExit(1)


def _as_json(recorded: NotebookRecording) -> dict[str, object]:
    return {
        "notebook": str(recorded.notebook),
        "cassette": str(recorded.folder),
        "recorded_against": recorded.against,
        "calls": recorded.calls,
        "files": recorded.files,
        "bytes": recorded.size,
        "usage": recorded.usage.as_dict(),
        "verified": not recorded.differences,
        "differences": list(recorded.differences),
        "stores": [str(store) for store in recorded.stores],
    }


def _print_summary(recorded: NotebookRecording) -> None:
    from imagegen_nb.core.html_repr import byte_size
    from imagegen_nb.core.words import counted

    contents = (
        f"{counted(recorded.calls, 'call')} in {counted(recorded.files, 'file')}, {byte_size(recorded.size)}"
    )
    place = "not replaced" if recorded.differences else recorded.folder
    out().print(escape(f"{place}: {contents}"))
    used = [f"{recorded.usage.total:,} tokens"] if recorded.usage.total is not None else []
    if recorded.usage.cost_in_usd_ticks is not None:
        used.append(f"${recorded.usage.cost_in_usd_ticks / _TICKS:.4f} by xAI's own account")
    usage = " and ".join(used) or "nothing reported"
    if recorded.against == "live":
        out().print(escape(f"used: {usage}; the providers bill live calls"))
    else:
        out().print(escape(f"used: {usage}, all of it emulated: nothing was charged"))
    if not recorded.differences:
        out().print("the test passes: the replay shows the same outputs")
