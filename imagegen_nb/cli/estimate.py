"""`imagegen-nb estimate`: what a step or workflow would cost, and what a step would store, without a key and
without sending anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagegen_nb.cli.console import escape, out, print_json
from imagegen_nb.cli.parameters import json_inputs, json_option, step_or_workflow, text_inputs
from imagegen_nb.cli.run import given_inputs, read_inputs

if TYPE_CHECKING:
    from imagegen_nb.core.stored_size import StoredSize
    from imagegen_nb.pricing.estimate import Estimate
    from imagegen_nb.workflows.estimate import WorkflowEstimate


@click.command()
@step_or_workflow
@text_inputs
@json_inputs
@json_option("Print the estimate as JSON.")
def estimate(file: Path, values: tuple[str, ...], documents: tuple[str, ...], as_json: bool) -> None:
    """Tell what a step or a workflow would cost at the provider's list price, and what a step would store."""
    from imagegen_nb.step_file.file_kind import is_workflow_file
    from imagegen_nb.step_file.load import load_step

    estimated: Estimate | WorkflowEstimate
    stored: StoredSize | None = None
    if is_workflow_file(file):
        from imagegen_nb.cli.workflow_files import open_workflow

        estimated = open_workflow(file, runnable=False).estimate(given_inputs(values, documents, ()))
    else:
        definition = load_step(file)
        inputs = {**definition.inputs, **read_inputs(values, documents, (), definition.step.prompt)}
        estimated, stored = definition.step.estimate(inputs), definition.step.stored_size
    if as_json:
        told = {} if stored is None else {"stored_bytes": stored.as_dict()}
        print_json({**estimated.as_dict(), **told})
    else:
        out().print(escape(repr(estimated)))
        if stored is not None:
            out().print(f"  {stored}")
