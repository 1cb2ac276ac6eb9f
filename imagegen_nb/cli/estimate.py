"""`imagegen-nb estimate`: what running a step file would cost, without a key and without sending anything."""

from __future__ import annotations

from typing import Annotated

import typer

from imagegen_nb.cli.console import app, escape, out, print_json
from imagegen_nb.cli.run import JsonInputs, StepFile, TextInputs, read_inputs


@app.command()
def estimate(
    file: StepFile,
    values: TextInputs = None,
    documents: JsonInputs = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the estimate as JSON.")] = False,
) -> None:
    """Tell what running a step would cost at the provider's list price."""
    from imagegen_nb.step_file.load import load_step

    definition = load_step(file)
    inputs = {**definition.inputs, **read_inputs(values, documents, None, definition.step.variables)}
    estimated = definition.step.estimate(inputs)
    if as_json:
        print_json(estimated.as_dict())
    else:
        out().print(escape(repr(estimated)), soft_wrap=True)
