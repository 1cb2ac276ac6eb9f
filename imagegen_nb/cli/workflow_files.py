"""What the commands that take a step file do with a workflow file in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from imagegen_nb.cli.console import err, escape, out, print_json, run_as_json
from imagegen_nb.cli.outputs import replacing
from imagegen_nb.cli.run_output import print_summary, progress_of
from imagegen_nb.core.keywords import did_you_mean
from imagegen_nb.core.words import counted
from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step import output_references
from imagegen_nb.step.output_references import OutputPath
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.workflows.workflow import Workflow
from imagegen_nb.workflows.workflow_file import read_workflow
from imagegen_nb.workflows.workflow_run import WorkflowRun


def open_workflow(file: Path, *, runnable: bool = True) -> Workflow:
    """The workflow of a file. Functions give what the file has of them; `runnable` says that each has to have
    given something. Raises `DefinitionError`."""
    definition = read_workflow(file)
    return Workflow(definition.inputs, steps=definition.steps({}, runnable=runnable))


def checked_workflow(file: Path) -> tuple[str, tuple[str, ...]]:
    """What a workflow file holds, in a line, and what was changed to read it. Raises `DefinitionError`."""
    definition = read_workflow(file)
    inputs = ", ".join(definition.inputs) or "none"
    steps = ", ".join(definition.entries)
    count = counted(len(definition.entries), "step")
    return f"workflow of {count} ({steps}), inputs: {inputs}", definition.changes


def workflow_paths(file: Path, identifier: str | None) -> Sequence[OutputPath]:
    """The paths of every step, in order, or of the one with `identifier`; those into what a function gave are
    known where the file has it."""
    entries = read_workflow(file).entries
    if identifier is not None and identifier not in entries:
        raise InvalidOption(
            f"--identifier {identifier}: no step of {file}; {did_you_mean(identifier, entries)}"
        )
    found: list[OutputPath] = []
    for name, entry in entries.items():
        if identifier not in (None, name):
            continue
        if isinstance(entry, StepDefinition):
            found += output_references.paths(entry.step, entry if entry.output else None, identifier=name)
        elif entry.has_run:
            found += output_references.confirmed({name: {"output": entry.output}})
    return found


def run_workflow(
    file: Path,
    inputs: dict[str, Any],
    open_workspace: Callable[[], Workspace],
    export: Path | None,
    *,
    as_json: bool,
) -> None:
    """Run a workflow's steps in order; exit with 1 where one failed, also where its workflow went on."""
    workflow = open_workflow(file)
    images = sum(step.image_count for step in workflow.image_steps.values())
    failure: ImagegenError | KeyboardInterrupt | None = None
    with progress_of("workflow", images) as show:
        try:
            workflow.run(inputs, workspace=open_workspace(), on_event=show)
        except (ImagegenError, KeyboardInterrupt) as error:
            failure = error
    run = workflow.last_run
    if run is None:  # nothing was begun
        assert failure is not None
        raise failure
    if as_json:
        print_json(_as_json(run))
    else:
        _print(run)
    if export is not None:
        from imagegen_nb.step_file.replaced_file import named

        older = replacing(named(export, "workflow"))
        saved = workflow.save(export, run=run, overwrite=True)
        err().print(escape(f"{saved!r}{older}"), soft_wrap=True)
    if failure is not None:
        # The last note speaks to who has the workflow in a notebook; what it says is printed by now.
        for note in failure.__notes__[:-1]:
            err().print(escape(note), soft_wrap=True)
        failure.__notes__.clear()
        raise failure
    if any(isinstance(result, Run) and result.error is not None for result in run.results.values()):
        raise SystemExit(1)


def _print(run: WorkflowRun) -> None:
    for name in run.steps:
        result = run.results.get(name)
        if isinstance(result, Run):
            out().print(f"[bold]{escape(name)}[/]")
            print_summary(result)
        elif result is not None:
            out().print(f"[bold]{escape(name)}[/] {escape(result.function)}() stands in")
        else:
            out().print(f"[bold]{escape(name)}[/] not run")
    out().print(escape(run.title))


def _as_json(run: WorkflowRun) -> dict[str, Any]:
    steps = {
        name: run_as_json(result)
        if isinstance(result, Run)
        else {"function": result.function, "output": result.output}
        for name, result in run.results.items()
    }
    return {"status": run.status, "stopped_at": run.stopped_at, "inputs": dict(run.inputs), "steps": steps}
