"""`imagegen-nb demo`: the quickstart notebook, run without a key."""

from __future__ import annotations

import importlib.util
import os
import shlex
from pathlib import Path

import click

from imagegen_nb.cli.console import err, escape, out, print_json
from imagegen_nb.cli.parameters import PATH, json_option

LAB_COMMAND = "IMAGEGEN_NB_LAB"
"""The variable with the command that opens a folder, for `./dev`, which has an environment of its own."""


@click.command()
@click.option(
    "--folder", type=PATH, default="demo-output", help="The folder for everything that the demo makes."
)
@json_option("Print where everything is as JSON.")
def demo(folder: Path, as_json: bool) -> None:
    """Run the quickstart notebook on the emulator: images, an executed notebook, an exported step."""
    from imagegen_nb.core import ending_signals
    from imagegen_nb.notebooks.demo import Demo
    from imagegen_nb.notebooks.execute import import_packages

    import_packages()  # nothing is begun without them
    err().print("running the quickstart notebook on the emulator (no key, no cost) …")
    with ending_signals.raised():
        result = Demo.run(folder)
    if as_json:
        files = {"images": result.images, "steps": result.steps, "notebook": [result.notebook]}
        print_json({name: [str(path) for path in paths] for name, paths in files.items()})
        return
    out().print("[bold]Done.[/] Everything below was made by the emulator; no provider was called.\n")
    for label, paths in (
        ("images", result.images),
        ("exported step", result.steps),
        ("executed notebook", [result.notebook]),
    ):
        for number, path in enumerate(paths):
            out().print(f"  {'' if number else label:<18} {escape(str(path))}")
    out().print(f"\nOpen it in JupyterLab:  {escape(_open_command(result.notebook.parent))}")


def _open_command(folder: Path) -> str:
    """What opens the folder's notebook, and before that gets JupyterLab where it is missing."""
    from imagegen_nb.core.install_hint import install_command

    opener = os.environ.get(LAB_COMMAND)
    if opener is None and importlib.util.find_spec("jupyterlab") is None:
        opener = f"{install_command('lab')} && imagegen-nb lab"
    return f"{opener or 'imagegen-nb lab'} {shlex.quote(str(folder))}"
