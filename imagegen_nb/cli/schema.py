"""`imagegen-nb schema`: the JSON Schema of a step's settings, or of a whole step file."""

from __future__ import annotations

import click

from imagegen_nb.cli.console import print_json


@click.command()
@click.option("--file", is_flag=True, help="The schema of a whole step file, not only of the settings.")
def schema(file: bool) -> None:
    """Print the JSON Schema of a step's settings."""
    from imagegen_nb.step.step import ImageGenerationStep
    from imagegen_nb.step_file.document import definition_schema

    print_json(definition_schema() if file else ImageGenerationStep.json_schema())
