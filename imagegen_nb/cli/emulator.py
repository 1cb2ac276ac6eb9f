"""`imagegen-nb emulator` and `demo`: the toolkit without a key."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from imagegen_nb.cli.console import app, err, escape, out, print_json
from imagegen_nb.errors import InvalidOption
from imagegen_nb.notebooks.demo import Demo


@app.command()
def emulator(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0 takes a free one.")
    ] = 8321,
    latency: Annotated[float, typer.Option(min=0, help="Seconds each request takes.")] = 0.0,
    retired: Annotated[
        bool, typer.Option("--retired", help="Answer 404 for models their provider has retired.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON.")] = False,
) -> None:
    """Serve the emulator of all three providers on this machine until interrupted."""
    from imagegen_nb.emulator import Emulator

    server = Emulator(port=port, latency=latency, retired=retired)
    try:
        server.start()
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        if as_json:
            print_json({"url": server.url})
        err.print(f"emulating OpenAI, xAI and Gemini on {server.url}; Ctrl-C stops it")
        err.print(f'  use it: Workspace("assets", backend="{server.url}")')
        server.serve_forever()
        return
    raise InvalidOption(f"--port {port} cannot be used: {reason}. Choose another, or 0 for a free one")


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where everything it makes goes.")] = Path("demo-output"),
    as_json: Annotated[bool, typer.Option("--json", help="Print where everything is as JSON.")] = False,
) -> None:
    """Run the quickstart notebook on the emulator: images, an executed notebook, an exported step."""
    err.print("running the quickstart notebook on the emulator (no key, no cost) …")
    done = Demo.run(folder)
    if as_json:
        files = {"images": done.images, "steps": done.steps, "notebook": [done.notebook]}
        print_json({name: [str(path) for path in paths] for name, paths in files.items()})
        return
    out.print("[bold]Done.[/] Everything below was made by the emulator; no provider was asked.\n")
    for label, paths in (
        ("images", done.images),
        ("exported step", done.steps),
        ("executed notebook", [done.notebook]),
    ):
        for path in paths:
            out.print(f"  {label:<18} {escape(str(path))}", soft_wrap=True)
    out.print(f"\nOpen it live:  {escape(_open_command(done.notebook))}", soft_wrap=True)


def _open_command(notebook: Path) -> str:
    """What starts JupyterLab on the notebook; it is installed first where it is not."""
    python = [sys.executable, "-m"]
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    install = shlex.join([*python, "pip", "install", "jupyterlab>=4.4"])
    return f"{install} && {shlex.join([*python, 'jupyterlab', *as_root, str(notebook)])}"
