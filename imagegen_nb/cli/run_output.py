"""What running shows on the command line: how far it is, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imagegen_nb.cli.console import err, escape, note, out
from imagegen_nb.cli.plain_table import PlainTable

if TYPE_CHECKING:
    from rich.progress import Progress

    from imagegen_nb.core.events import RunEvent
    from imagegen_nb.runs.run import Run


def progress_bar() -> Progress:
    """A bar on standard error that is gone when its block ends."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err(), transient=True)


@contextmanager
def progress_of(label: str, images: int) -> Iterator[Callable[[RunEvent[Run]], None]]:
    """A line that shows how many of the images have come, by the events that its function is given."""
    with progress_bar() as progress:
        task = progress.add_task(label, total=images)

        def show(event: RunEvent[Run]) -> None:
            if event.kind == "image":
                progress.advance(task)
            elif event.kind == "waiting":
                progress.update(task, description=f"waiting {event.seconds:g} s: {event.reason}")

        yield show


def print_summary(run: Run) -> None:
    """Print a run's images, and on standard error what else there is to say of it."""
    _print_images(run)
    for short in () if run.error else run.shortfalls:
        err().print(f"[yellow]missing:[/] {short.count} — {escape(str(short.error))}", soft_wrap=True)
    if run.error is not None and run.step.on_failure == "continue":
        err().print(
            f"[bold red]failed:[/] {escape(str(run.error))} (the step says to continue)", soft_wrap=True
        )
    for warning in run.warnings:
        note(warning)
    paid = "emulated: no provider was called" if run.emulated else f"paid by {run.paid_by}"
    err().print(f"{run.duration:.1f} s, {escape(paid)}, {escape(run.cost.short)}", soft_wrap=True)
    for reason in run.cost.reasons:
        err().print(f"[yellow]cost unknown:[/] {escape(reason)}", soft_wrap=True)


def _print_images(run: Run) -> None:
    """Print a run's images as a table, and their addresses, each on a line that can be copied whole."""
    from imagegen_nb.core.html_repr import byte_size
    from imagegen_nb.step.output import DEFAULT_IDENTIFIER

    if not run.output.assets:
        out().print(escape(run.title))
        return
    table = PlainTable("path", "file name", "pixels", "size", title=escape(run.title))
    for index, asset in enumerate(run.output.assets):
        stored = asset.stored
        pixels = f"{stored.width}×{stored.height}" if stored else ""
        cells = (asset.file_name, pixels, byte_size(asset.file_size))
        path = f"{run.identifier or DEFAULT_IDENTIFIER}.output.assets.{index}.file_url"
        table.add_row(path, *map(escape, cells))
    table.print()
    for asset in run.output.assets:
        out().print(escape(asset.file_url))
