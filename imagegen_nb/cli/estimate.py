"""`imagegen-nb estimate`: what running a step file would cost, without a key and without sending anything."""

from __future__ import annotations

from pathlib import Path

import click

from imagegen_nb.cli.console import escape, out, print_json
from imagegen_nb.cli.parameters import json_inputs, json_option, step_file, text_inputs
from imagegen_nb.cli.run import read_inputs


@click.command()
@step_file
@text_inputs
@json_inputs
@json_option("Print the estimate as JSON.")
def estimate(file: Path, values: tuple[str, ...], documents: tuple[str, ...], as_json: bool) -> None:
    """Tell what running a step would cost at the provider's list price."""
    from imagegen_nb.step_file.load import load_step

    definition = load_step(file)
    inputs = {**definition.inputs, **read_inputs(values, documents, (), definition.step.variables)}
    estimated = definition.step.estimate(inputs)
    if as_json:
        print_json(estimated.as_dict())
    else:
        out().print(escape(repr(estimated)), soft_wrap=True)
