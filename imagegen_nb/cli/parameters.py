"""The arguments and options that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

step_file = click.argument("file", type=PATH, metavar="STEP.json", help="A step file.")
step_or_workflow = click.argument(
    "file", type=PATH, metavar="FILE.json", help="A step file, or a workflow file."
)
text_inputs = click.option(
    "--input", "-i", "values", multiple=True, metavar="NAME=VALUE", help="A text input."
)
json_inputs = click.option(
    "--input-json", "documents", multiple=True, metavar="NAME=JSON", help="An array or other JSON input."
)
backend_option = click.option(
    "--backend", default="live", help='"live", "emulator", or the address of a served emulator.'
)
store_option = click.option(
    "--store", default="assets", help="The folder for images and their index, or a URL: s3://bucket/team."
)
storage_limit_option = click.option("--storage-limit", help='Bytes, or text such as "5 GiB".')


def json_option(description: str) -> Callable[[CommandT], CommandT]:
    """`--json`: what a command prints becomes data for machines."""
    return click.option("--json", "as_json", is_flag=True, help=description)
