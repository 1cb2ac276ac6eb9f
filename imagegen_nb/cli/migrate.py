"""`imagegen-nb migrate`: an older step file, or a workflow file of such, in today's layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagegen_nb.cli.console import escape, out, print_json
from imagegen_nb.cli.outputs import replacing
from imagegen_nb.cli.parameters import PATH, json_option
from imagegen_nb.errors import InvalidOption

if TYPE_CHECKING:
    from imagegen_nb.step_file.document import StepDefinition
    from imagegen_nb.workflows.workflow_file import WorkflowDefinition


@click.command()
@click.argument(
    "old", type=PATH, metavar="OLD.json", help="An older step file, a bare step, or a workflow file."
)
@click.argument("new", type=PATH, metavar="NEW.json", help="Where to write it in today's layout.")
@click.option("--force", is_flag=True, help="Replace NEW.json when it is there.")
@json_option("Print what was changed as JSON.")
def migrate(old: Path, new: Path, force: bool, as_json: bool) -> None:
    """Bring a step file, or the steps of a workflow file, up to date, saying what was changed."""
    from imagegen_nb.core.atomic_files import user_path
    from imagegen_nb.step_file import replaced_file
    from imagegen_nb.step_file.file_kind import is_workflow_file
    from imagegen_nb.step_file.load import load_step

    definition: StepDefinition | WorkflowDefinition
    is_workflow = is_workflow_file(old)
    if is_workflow:
        from imagegen_nb.workflows.workflow_file import read_workflow

        definition = read_workflow(old)
    else:
        definition = load_step(old)
    new = replaced_file.named(user_path(new, InvalidOption), "workflow" if is_workflow else "step")
    if new.exists() and not force:
        raise InvalidOption(f"{new} already exists; pass --force to replace it")
    older = replacing(new)
    saved = definition.save(new, overwrite=True)
    if as_json:
        print_json({"file": str(saved.path), "changes": list(definition.changes)})
    else:
        out().print(escape(f"{saved}{older}"))
