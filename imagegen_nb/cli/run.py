"""`imagegen-nb run`: run a step file; its images go to disk, a table or JSON to standard output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imagegen_nb.cli.console import err, escape, print_json, run_as_json, show_run
from imagegen_nb.cli.parameters import (
    PATH,
    backend_option,
    json_inputs,
    json_option,
    step_file,
    storage_limit_option,
    store_option,
    text_inputs,
)
from imagegen_nb.errors import InvalidOption, StepFailed

if TYPE_CHECKING:
    from imagegen_nb.core.events import RunEvent
    from imagegen_nb.runs.run import Run
    from imagegen_nb.runs.workspace import Workspace
    from imagegen_nb.step.step import ImageGenerationStep


@click.command()
@step_file
@text_inputs
@json_inputs
@click.option("--step", "steps", multiple=True, metavar="ID=FILE", help="An earlier step's exported output.")
@backend_option
@store_option
@storage_limit_option
@click.option("--budget", help='What all runs in the store may cost, such as "2.00 USD".')
@click.option("--timeout", default=300.0, help="Time limit for the whole run, in seconds.")
@click.option("--export", type=PATH, metavar="FILE", help="Write the step with its output to this file.")
@click.option("--force", is_flag=True, help="Let --export replace a file that is there.")
@click.option("--identifier", metavar="ID", help="The name later steps use, e.g. step_2.")
@json_option("Print the run as JSON.")
def run(
    file: Path,
    values: tuple[str, ...],
    documents: tuple[str, ...],
    steps: tuple[str, ...],
    backend: str,
    store: str,
    storage_limit: str | None,
    budget: str | None,
    timeout: float,
    export: Path | None,
    force: bool,
    identifier: str | None,
    as_json: bool,
) -> None:
    """Run a step and keep its images."""
    from imagegen_nb.runs.workspace import Workspace
    from imagegen_nb.step_file.load import load_step

    definition = load_step(file)
    overrides = read_inputs(values, documents, steps, definition.step.variables)
    inputs = {**definition.inputs, **overrides}
    if export is not None:
        _check_writable(export, force=force)
    workspace = Workspace(store, backend=backend, storage_limit=storage_limit, timeout=timeout, budget=budget)
    name = identifier or definition.identifier
    failure: StepFailed | None = None
    try:
        completed = _run_with_progress(workspace, definition.step, inputs, name)
    except StepFailed as error:
        failure, completed = error, error.run
    if as_json:
        print_json(run_as_json(completed))
    else:
        _print_summary(completed)
    if export is not None:
        from imagegen_nb.step_file.export import save_step

        saved = save_step(export, definition.step, run=completed, identifier=name)
        err().print(escape(str(saved)), soft_wrap=True)
    if failure is not None:
        raise failure
    if completed.error is not None:
        raise SystemExit(1)


def _run_with_progress(
    workspace: Workspace, step: ImageGenerationStep, inputs: dict[str, Any], identifier: str | None
) -> Run:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err(), transient=True) as progress:
        task = progress.add_task(step.model, total=step.image_count)

        def show(event: RunEvent[Run]) -> None:
            if event.kind == "image":
                progress.advance(task)
            elif event.kind == "waiting":
                progress.update(task, description=f"waiting {event.seconds:g} s: {event.reason}")

        return step.run(inputs, workspace=workspace, on_event=show, identifier=identifier)


def _print_summary(run: Run) -> None:
    show_run(run)
    for short in () if run.error else run.shortfalls:
        err().print(f"[yellow]missing:[/] {short.count} — {escape(str(short.error))}", soft_wrap=True)
    if run.error is not None and run.step.on_failure == "continue":
        err().print(
            f"[bold red]failed:[/] {escape(str(run.error))} (the step says to continue)", soft_wrap=True
        )
    for warning in run.warnings:
        err().print(f"[yellow]note:[/] {escape(warning)}", soft_wrap=True)
    paid = "emulated: no provider was called" if run.emulated else f"paid by {run.paid_by}"
    err().print(f"{run.duration:.1f} s, {escape(paid)}, {escape(run.cost.short)}", soft_wrap=True)
    for reason in run.cost.reasons:
        err().print(f"[yellow]cost unknown:[/] {escape(reason)}", soft_wrap=True)


def _refuse_unknown(inputs: dict[str, Any], paths: tuple[str, ...]) -> None:
    """Refuse a mistyped name: the run would use the old value, and the money would buy the wrong image."""
    from imagegen_nb.core.keywords import did_you_mean

    known = list(dict.fromkeys(path.partition(".")[0] for path in paths))
    for name in inputs:
        if name not in known:
            raise InvalidOption(f"the prompt has no variable {name!r}; {did_you_mean(name, known)}")


def _check_writable(path: Path, *, force: bool) -> None:
    """Refuse an export that cannot be written, before any money is spent."""
    if path.expanduser().exists() and not force:
        raise InvalidOption(f"--export {path}: that is there already; choose another name, or add --force")
    folder = path.expanduser().absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InvalidOption(f"--export {path}: {folder} is not a folder that can be written to")


def read_inputs(
    values: tuple[str, ...],
    documents: tuple[str, ...],
    steps: tuple[str, ...],
    paths: tuple[str, ...],
) -> dict[str, Any]:
    """The inputs that a command was given. Raises `InvalidOption` for one that none of the `paths` uses."""
    inputs = _inputs(values, documents, steps)
    _refuse_unknown(inputs, paths)
    return inputs


def _inputs(values: tuple[str, ...], documents: tuple[str, ...], steps: tuple[str, ...]) -> dict[str, Any]:
    import jiter

    from imagegen_nb.step_file.load import load_step

    inputs: dict[str, Any] = dict(_pair("--input", item) for item in values)
    for item in documents:
        name, text = _pair("--input-json", item)
        try:
            inputs[name] = jiter.from_json(text.encode(), allow_inf_nan=False)
        except ValueError as error:
            raise InvalidOption(f"--input-json {name}: not valid JSON ({error})") from None
    for item in steps:
        name, path = _pair("--step", item)
        definition = load_step(path)
        if definition.output is None:
            raise InvalidOption(f"--step {name}: {path} was exported without an output; run it first")
        inputs[name] = definition
    return inputs


def _pair(option: str, item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not name.strip():
        raise InvalidOption(f"{option} {item!r}: write it as name=value")
    return name.strip(), value
