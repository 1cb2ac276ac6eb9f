"""Hosts of notebooks that are no Jupyter application, Voilà and marimo: each serves one to a browser.

They are taken from an environment of their own, which `./dev hosts` makes and names.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import nbformat

from support.environment import own_environment
from support.lab import WAIT, free_port

Host = Literal["voila", "marimo"]
_environment = os.environ.get("IMAGEGEN_NB_HOSTS")
ENVIRONMENT = Path(_environment).absolute() if _environment else None
"""An environment with Voilà, marimo and this package; None where there is none."""


@contextlib.contextmanager
def served(host: Host, cells: Sequence[str], folder: Path, *, dark: bool) -> Iterator[str]:
    """The address of a notebook of code `cells`, while its host runs in `folder`."""
    port = free_port()
    command = _COMMANDS[host](cells, folder, dark)
    log = folder / "host.log"
    assert ENVIRONMENT is not None
    with log.open("wb") as output:
        process = subprocess.Popen(
            [ENVIRONMENT / "bin" / command[0], *command[1:], f"--port={port}"],
            cwd=folder, env=_variables(folder), stdout=output, stderr=output,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 2 * WAIT
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{host} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _voila(cells: Sequence[str], folder: Path, dark: bool) -> list[str]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "form.ipynb")
    theme = f"--theme={'dark' if dark else 'light'}"
    return ["voila", "form.ipynb", "--no-browser", "--Voila.ip=127.0.0.1", "--show_tracebacks=True", theme]


def _marimo(cells: Sequence[str], folder: Path, dark: bool) -> list[str]:
    theme = f'# /// script\n# [tool.marimo.display]\n# theme = "{"dark" if dark else "light"}"\n# ///\n'
    functions = [f"@app.cell\ndef _():\n{textwrap.indent(cell.strip(), '    ')}\n" for cell in cells]
    head = 'import marimo\n\napp = marimo.App(width="full")\n'
    (folder / "form.py").write_text("\n".join([theme + head, *functions]), encoding="utf-8")
    return ["marimo", "run", "form.py", "--headless", "--host=127.0.0.1", "--no-token"]


_COMMANDS: dict[Host, Callable[[Sequence[str], Path, bool], list[str]]] = {"voila": _voila, "marimo": _marimo}


def _variables(folder: Path) -> dict[str, str]:
    env = own_environment(without="^jupyter|^pythonpath$|^virtual_env$")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "XDG_CONFIG_HOME")
    return env | {name: str(folder / name.lower()) for name in names}


def _answers(url: str) -> bool:
    # Voilà runs the notebook for whoever asks for its page: so ask for something that is not there.
    try:
        urllib.request.urlopen(f"{url}nothing-of-that-name", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
