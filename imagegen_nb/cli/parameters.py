"""The arguments and options that several commands take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from imagegen_nb.errors import InvalidOption

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def _no_option(
    value: object, parameter: click.Parameter | None, context: click.Context | None, to_give: str
) -> None:
    """Refuse the next option where an option's own value was left out: click takes whatever follows."""
    if isinstance(parameter, click.Option) and isinstance(value, str) and value.startswith("--"):
        raise click.BadParameter(
            f"{value} follows, which is an option itself: give {to_give} (./{value} for one of that name)",
            context,
            parameter,
        )


class FilePath(click.Path):
    """A path; blank, as a variable of the shell that is not set, it would be the working directory."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """The path as a `Path`."""
        if isinstance(value, str) and not value.strip():
            self.fail('it is blank: give a path, or "." for this folder', parameter, context)
        _no_option(value, parameter, context, "a path")
        return super().convert(value, parameter, context)


PATH = FilePath(path_type=Path)
_BACKENDS = ("live", "emulator")

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


def _known_backend(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """The value of `--backend`, told in the words of the command line where it is none."""
    from imagegen_nb.core.addresses import is_loopback
    from imagegen_nb.core.keywords import did_you_mean

    if value in _BACKENDS or (value.startswith("http://") and is_loopback(value)):
        return value
    nearest = did_you_mean(value, _BACKENDS, cutoff=0.5)
    hint = f" ({nearest})" if nearest.endswith("?") else ""
    raise InvalidOption(
        f"--backend {value} is neither live nor emulator{hint}, nor the http:// address of an emulator on "
        "this machine, such as http://127.0.0.1:8321, where imagegen-nb emulator serves one"
    )


def completing(values: Callable[[], Iterable[str]]) -> Callable[..., list[str]]:
    """What a shell offers for a parameter: those of `values` that begin as was typed."""

    def begun(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        return [value for value in values() if value.startswith(incomplete)]

    return begun


def model_names() -> list[str]:
    """The models that are known here."""
    from imagegen_nb.providers import catalog

    return [entry.model.name for entry in catalog.models()]


STORE = "assets"
"""The store of a command that is given none."""

backend_option = click.option(
    "--backend",
    default="live",
    callback=_known_backend,
    shell_complete=completing(lambda: _BACKENDS),
    help='"live", "emulator", or the address of a served emulator.',
)


def _named_store(context: click.Context, parameter: click.Parameter, value: str) -> str:
    _no_option(value, parameter, context, "a folder or a URL")
    return value


store_option = click.option(
    "--store",
    default=STORE,
    callback=_named_store,
    help="The folder for images and their index, or a URL: s3://bucket/team.",
)
storage_limit_option = click.option(
    "--storage-limit",
    help='What the store may hold, in bytes or as "5 GiB": no run begins after that; the last may pass it.',
)


def json_option(description: str) -> Callable[[CommandT], CommandT]:
    """`--json`: what a command prints becomes data for machines."""
    return click.option("--json", "as_json", is_flag=True, help=description)
