"""The site of the documents, built as `./dev docs` does, into a folder of its own."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

from support.environment import own_environment
from support.project import ROOT

_PUBLIC = (
    *(
        "imagegen_nb",
        "imagegen_nb.testing",
        "imagegen_nb.judges",
        "imagegen_nb.providers",
        "imagegen_nb.replay",
    ),
    "imagegen_nb.emulator",
)
_TWICE = {
    "imagegen_nb.Model",
    *(f"imagegen_nb.providers.{name}" for name in ("AzureOpenAI", "Gateway", "VertexAI")),
}
"""Public in two places, and explained in the other one."""


def public_names() -> set[str]:
    """All that users import, by the module they import it from."""
    names = {f"{module}.{name}" for module in _PUBLIC for name in importlib.import_module(module).__all__}
    return names - _TWICE


def build(folder: Path) -> Path:
    """The folder of the site, built by the very options that `./dev` has.

    `./dev test` names a folder for it, where the second lane that asks finds what the first has built.
    """
    folder = Path(os.environ.get("IMAGEGEN_NB_SITE", folder))
    if (folder / "whole").exists():
        return folder / "html"
    (command,) = re.findall(
        r"-m (sphinx (?:.|\\\n)*?)--doctree-dir", (ROOT / "dev").read_text(encoding="utf-8")
    )
    options = command.replace("\\\n", " ").split()
    done = subprocess.run(
        [sys.executable, "-m", *options, "--doctree-dir", folder / "doctrees", ".", folder / "html"],
        cwd=ROOT,
        env=own_environment(),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    (folder / "whole").touch()
    return folder / "html"
