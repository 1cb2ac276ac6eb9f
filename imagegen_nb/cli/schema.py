"""`imagegen-nb schema`: the JSON Schema of a step's settings, or of a whole step file."""

from __future__ import annotations

from typing import Annotated

import typer

from imagegen_nb.cli.console import app, print_json


@app.command()
def schema(
    file: Annotated[
        bool, typer.Option("--file", help="The schema of a whole step file, not only of the settings.")
    ] = False,
) -> None:
    """Print the JSON Schema of a step's settings."""
    from imagegen_nb.step.step import ImageGenerationStep
    from imagegen_nb.step_file.document import definition_schema

    print_json(definition_schema() if file else ImageGenerationStep.json_schema())
