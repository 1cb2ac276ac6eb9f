"""`imagegen-nb demo`: the quickstart notebook, run without a key."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from imagegen_nb.cli.console import err, escape, out, print_json
from imagegen_nb.cli.parameters import PATH, json_option


@click.command()
@click.option(
    "--folder", type=PATH, default="demo-output", help="The folder for everything that the demo makes."
)
@json_option("Print where everything is as JSON.")
def demo(folder: Path, as_json: bool) -> None:
    """Run the quickstart notebook on the emulator: images, an executed notebook, an exported step."""
    from imagegen_nb.notebooks.demo import Demo

    err().print("running the quickstart notebook on the emulator (no key, no cost) …")
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
        for path in paths:
            out().print(f"  {label:<18} {escape(str(path))}", soft_wrap=True)
    out().print(f"\nOpen it live:  {escape(_open_command(result.notebook))}", soft_wrap=True)


def _open_command(notebook: Path) -> str:
    """A command line that installs JupyterLab where it is missing and opens the notebook."""
    python = [sys.executable, "-m"]
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    install = shlex.join([*python, "pip", "install", "jupyterlab>=4.4"])
    return f"{install} && {shlex.join([*python, 'jupyterlab', *as_root, str(notebook)])}"
