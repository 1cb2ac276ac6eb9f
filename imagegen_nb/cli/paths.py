"""`imagegen-nb paths`: what later steps can refer to, read from a step file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from imagegen_nb.cli.console import print_json
from imagegen_nb.cli.parameters import json_option, step_file

_LONGEST_VALUE = 60


@click.command()
@step_file
@click.option("--identifier", metavar="ID", help="The name later steps use; by default the file's own.")
@json_option("Print the paths as JSON.")
def paths(file: Path, identifier: str | None, as_json: bool) -> None:
    """List what later steps can refer to: predicted, or confirmed by the output in the file."""
    from imagegen_nb.core.redaction import visible
    from imagegen_nb.core.words import shortened
    from imagegen_nb.step import output_references
    from imagegen_nb.step_file.load import load_step

    definition = load_step(file)
    run = definition if definition.output else None
    output_paths = output_references.paths(
        definition.step, run, identifier=identifier or definition.identifier
    )
    if as_json:
        print_json([asdict(path) for path in output_paths])
        return
    width = max(len(path.template) for path in output_paths)
    for path in output_paths:
        value = str(path.value) if isinstance(path.value, str | int | float) else ""
        value = visible(shortened(value, _LONGEST_VALUE))
        line = f"{visible(path.template):<{width}}  {path.type:<10}  {path.state:<9}  {value}"
        # Not a rich table: references are there to be copied, so none may be cut at the window's edge.
        click.echo(line.rstrip())
