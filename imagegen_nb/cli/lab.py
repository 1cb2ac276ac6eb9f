"""`imagegen-nb lab`: JupyterLab with a notebook to begin with."""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from imagegen_nb.cli.console import err, escape
from imagegen_nb.cli.parameters import FilePath
from imagegen_nb.errors import InvalidOption


class _FolderOrOption(FilePath):
    """A folder's path, or JupyterLab's option as it was typed."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """A path, or the option as text."""
        return value if _is_option(value) else super().convert(value, parameter, context)


def _is_option(word: object) -> bool:
    return isinstance(word, str) and word.startswith("-")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument(
    "folder",
    type=_FolderOrOption(path_type=Path),
    default=".",
    metavar="[FOLDER]",
    help="Where notebooks are; before any option.",
)
@click.argument(
    "options", nargs=-1, type=click.UNPROCESSED, help="Options for JupyterLab, such as --no-browser."
)
def lab(folder: Path | str, options: tuple[str, ...]) -> None:
    """Open JupyterLab in a folder, with the quickstart on the emulator where it has no notebook yet."""
    from imagegen_nb.core import given_files
    from imagegen_nb.core.atomic_files import explain_writing, user_path, write_durably
    from imagegen_nb.core.install_hint import install_command
    from imagegen_nb.notebooks.demo import quickstart

    if isinstance(folder, str):  # options only: the folder is where it is by default
        options = (folder, *options)
        folder = Path()
        late = next((word for word in options if not _is_option(word) and Path(word).is_dir()), None)
        if late is not None:
            meant = shlex.join(["imagegen-nb", "lab", late, *(word for word in options if word != late)])
            raise InvalidOption(
                f"{late} stands behind JupyterLab's options: give the folder first, {meant}, or an option's "
                "value behind a ="
            )
    folder = user_path(folder, InvalidOption)
    if folder.is_file():
        raise InvalidOption(f"{folder} is a file: give the folder of the notebooks, here {folder.parent}")
    is_new = not folder.exists()
    if is_new and (near := given_files.nearest_folder(folder)):
        raise InvalidOption(
            f"there is no folder {folder}; did you mean {near}? To have a new one, make it: "
            f"mkdir -p {shlex.quote(str(folder))}"
        )
    if importlib.util.find_spec("jupyterlab") is None:
        raise InvalidOption(f"JupyterLab is not in this environment: {install_command('lab')}")
    command = [sys.executable, "-m", "jupyterlab"]
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if is_new:
            err().print(f"made the folder {escape(str(folder))}: there was none", soft_wrap=True)
        quick = folder / "quickstart.ipynb"
        notebook = quick if quick.exists() else next(iter(sorted(folder.glob("*.ipynb"))), None)
        if notebook is None:
            notebook = quick
            write_durably(notebook, quickstart().encode())
            err().print(f"wrote {escape(str(notebook))}: it needs no key", soft_wrap=True)
    except OSError as error:
        reason = explain_writing(error, folder)
    else:
        sys.stdout.flush()
        sys.stderr.flush()
        # In the place of this process: what ends it, ends JupyterLab, and no handler of ours is between them.
        os.execv(sys.executable, [*command, *options, str(notebook)])  # noqa: S606 - the user's own
    raise InvalidOption(f"cannot write to {folder}: {reason}")
