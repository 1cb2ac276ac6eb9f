"""`imagegen-nb schema`: the JSON Schema of a step's settings, of a whole step file, or of a workflow file."""

from __future__ import annotations

import click

from imagegen_nb.cli.console import print_json


@click.command()
@click.option("--file", is_flag=True, help="The schema of a whole step file, not only of the settings.")
@click.option("--workflow", is_flag=True, help="The schema of a workflow file.")
def schema(file: bool, workflow: bool) -> None:
    """Print the JSON Schema of a step's settings, of a step file or of a workflow file."""
    if file and workflow:
        raise click.UsageError("--file and --workflow are two schemas: ask for one at a time")
    if workflow:
        from imagegen_nb.workflows.workflow_document import workflow_schema

        print_json(workflow_schema())
        return
    from imagegen_nb.step.step import ImageGenerationStep
    from imagegen_nb.step_file.document import definition_schema

    print_json(definition_schema() if file else ImageGenerationStep.json_schema())
