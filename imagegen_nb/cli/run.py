"""`imagegen-nb run`: a step or a workflow is run; images go to disk, a table or JSON to standard output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from imagegen_nb.cli.console import err, escape, note, print_json, run_as_json
from imagegen_nb.cli.outputs import check_folder, replacing
from imagegen_nb.cli.parameters import (
    PATH,
    backend_option,
    json_inputs,
    json_option,
    step_or_workflow,
    storage_limit_option,
    store_option,
    text_inputs,
)
from imagegen_nb.cli.run_output import print_summary, progress_of
from imagegen_nb.errors import InvalidOption, StepFailed

if TYPE_CHECKING:
    from imagegen_nb.runs.run import Run
    from imagegen_nb.runs.workspace import Workspace
    from imagegen_nb.step.step import ImageGenerationStep


@click.command()
@step_or_workflow
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
    """Run a step, or the steps of a workflow in order, and keep their images."""
    from imagegen_nb.runs.workspace import Workspace
    from imagegen_nb.step_file.file_kind import is_workflow_file
    from imagegen_nb.step_file.load import load_step

    def open_workspace() -> Workspace:
        if export is not None:
            check_writable(export, "workflow" if is_workflow_file(file) else "step", force=force)
        return Workspace(store, backend=backend, storage_limit=storage_limit, timeout=timeout, budget=budget)

    if is_workflow_file(file):
        from imagegen_nb.cli.workflow_files import run_workflow

        refuse_options(file, {"--step": steps, "--identifier": identifier})
        run_workflow(file, given_inputs(values, documents, ()), open_workspace, export, as_json=as_json)
        return
    definition = load_step(file)
    overrides = read_inputs(values, documents, steps, definition.step.prompt)
    inputs = {**definition.inputs, **overrides}
    workspace = open_workspace()
    name = identifier or definition.identifier
    failure: StepFailed | None = None
    try:
        completed = _run_with_progress(workspace, definition.step, inputs, name)
    except StepFailed as error:
        failure, completed = error, error.run
    if as_json:
        print_json(run_as_json(completed))
    else:
        print_summary(completed)
    if export is not None:
        from imagegen_nb.step_file.export import save_step
        from imagegen_nb.step_file.replaced_file import named

        older = replacing(named(export, "step"))
        saved = save_step(export, definition.step, run=completed, identifier=name, overwrite=True)
        err().print(escape(f"{saved}{older}"), soft_wrap=True)
    if failure is not None:
        raise failure
    if completed.error is not None:
        raise SystemExit(1)


def _run_with_progress(
    workspace: Workspace, step: ImageGenerationStep, inputs: dict[str, Any], identifier: str | None
) -> Run:
    with progress_of(step.model, step.image_count) as show:
        return step.run(inputs, workspace=workspace, on_event=show, identifier=identifier)


def _refuse_misspelt(inputs: dict[str, Any], prompt: str) -> None:
    """Refuse an input that surely should be a variable of the prompt: the run would use the file's value in
    its place, and the money would buy the wrong image. The run tells of others."""
    from imagegen_nb.core import variable_mistakes, variables

    known = variables.inputs_of(prompt)
    for name in inputs:
        if name not in known and (hint := variable_mistakes.how_to_use([name], prompt)):
            raise InvalidOption(f"the prompt has no variable {name!r}; {hint}")


def refuse_options(file: Path, given: Mapping[str, object]) -> None:
    """Refuse options that say nothing of a workflow, by their names."""
    for option, value in given.items():
        if value:
            raise InvalidOption(
                f"{option}: {file} is a workflow, whose steps have identifiers and take what earlier steps "
                f"give; leave {option} out"
            )


def check_writable(path: Path, kind: Literal["step", "workflow"], *, force: bool) -> None:
    """Refuse an export that cannot be written, before any money is spent."""
    from imagegen_nb.core.atomic_files import user_path
    from imagegen_nb.step_file import file_in_use, replaced_file

    path = replaced_file.named(user_path(path, InvalidOption), kind)
    if path.exists() and not force:
        raise InvalidOption(f"--export {path}: that is there already; choose another name, or add --force")
    check_folder("--export", path)
    if path.exists():
        with file_in_use.held(path):
            pass  # nobody pushes it


def read_inputs(
    values: tuple[str, ...],
    documents: tuple[str, ...],
    steps: tuple[str, ...],
    prompt: str,
) -> dict[str, Any]:
    """The inputs that a command was given. Raises `InvalidOption` for one that should surely
    be a variable of the `prompt`."""
    inputs = given_inputs(values, documents, steps)
    _refuse_misspelt(inputs, prompt)
    _note_unused(inputs, prompt)
    return inputs


def _note_unused(inputs: dict[str, Any], prompt: str) -> None:
    """Tell of what is no text and that the prompt does not use.

    The run tells of texts, but not of these: in a notebook they may be what other steps need.
    """
    from imagegen_nb.core import variables

    known = variables.inputs_of(prompt)
    unused = [name for name, value in inputs.items() if not isinstance(value, str | int | float)]
    for name in unused if known else ():
        if name not in known:
            note(f"the prompt does not use the input {name}")


def given_inputs(
    values: tuple[str, ...], documents: tuple[str, ...], steps: tuple[str, ...]
) -> dict[str, Any]:
    """The inputs that a command was given, by name."""
    import jiter

    from imagegen_nb.core.json_faults import place_and_reason
    from imagegen_nb.step_file.load import load_step

    inputs: dict[str, Any] = {}

    def named(option: str, item: str) -> tuple[str, str]:
        name, value = _pair(option, item)
        if name in inputs:
            raise InvalidOption(f"{option} {name}: {name} is given twice; leave one out")
        return name, value

    for item in values:
        name, inputs[name] = named("--input", item)
    for item in documents:
        name, text = named("--input-json", item)
        try:
            inputs[name] = jiter.from_json(text.encode(), allow_inf_nan=False)
        except ValueError as error:
            raise InvalidOption(
                f"--input-json {name}: not valid JSON ({place_and_reason(error)}). Mend it there; "
                "--input takes text"
            ) from None
    for item in steps:
        name, path = named("--step", item)
        definition = load_step(path)
        if definition.output is None:
            raise InvalidOption(f"--step {name}: {path} was exported without an output; run it first")
        inputs[name] = definition
    return inputs


def how_to_give(paths: Sequence[str], *, takes_steps: bool) -> str:
    """How a command is given the inputs that `paths` begin with; not each command takes `--step`."""
    from imagegen_nb.core import variables

    options: dict[str, str] = {}
    for path in paths:
        name, _, inside = path.partition(".")
        given = f"--input {name}=…"
        if inside:
            is_output = takes_steps and variables.is_into_output(path)
            given = f"--step {name}=FILE" if is_output else f"--input-json {name}='{{…}}'"
        options.setdefault(name, given)
    return f"{variables.how_many(options)}: {' '.join(options.values())}"


def _pair(option: str, item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not name.strip():
        raise InvalidOption(f"{option} {item!r}: write it as name=value")
    return name.strip(), value
