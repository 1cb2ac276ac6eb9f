"""`imagegen-nb paths`: what later steps can refer to, read from a step file or a workflow file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagegen_nb.cli.console import print_json
from imagegen_nb.cli.parameters import json_option, step_or_workflow

if TYPE_CHECKING:
    from imagegen_nb.step.output_references import OutputPath

_LONGEST_VALUE = 60


@click.command()
@step_or_workflow
@click.option(
    "--identifier",
    metavar="ID",
    help="The name later steps use, by default the file's own; of a workflow, the one step to list.",
)
@json_option("Print the paths as JSON.")
def paths(file: Path, identifier: str | None, as_json: bool) -> None:
    """List what later steps can refer to: predicted, or confirmed by the output in the file."""
    from imagegen_nb.core.redaction import visible
    from imagegen_nb.core.words import shortened

    output_paths = _paths(file, identifier)
    if as_json:
        print_json([asdict(path) for path in output_paths])
        return
    width = max((len(path.template) for path in output_paths), default=0)
    for path in output_paths:
        value = str(path.value) if isinstance(path.value, str | int | float) else ""
        value = visible(shortened(value, _LONGEST_VALUE))
        line = f"{visible(path.template):<{width}}  {path.type:<10}  {path.state:<9}  {value}"
        # Not a rich table: references are there to be copied, so none may be cut at the window's edge.
        click.echo(line.rstrip())


def _paths(file: Path, identifier: str | None) -> Sequence[OutputPath]:
    """The paths of a step, or of all steps of a workflow."""
    from imagegen_nb.step import output_references
    from imagegen_nb.step_file.file_kind import is_workflow_file
    from imagegen_nb.step_file.load import load_step

    if is_workflow_file(file):
        from imagegen_nb.cli.workflow_files import workflow_paths

        return workflow_paths(file, identifier)
    definition = load_step(file)
    run = definition if definition.output else None
    return output_references.paths(definition.step, run, identifier=identifier or definition.identifier)
