"""Why pytest tested no notebook where it found no test at all: nobody asked nbval to collect them."""

from __future__ import annotations

import importlib.util
import os
from itertools import islice
from pathlib import Path

import pytest

from imagegen_nb.core.install_hint import install_command

_MOST_FOLDERS = 500
"""That are looked into below one that pytest was given."""


def advice(config: pytest.Config) -> str:
    """The option that tests the notebooks that pytest was given; empty where it was given none."""
    given = [argument.partition("::")[0] for argument in config.args]
    notebook = next(filter(None, map(_notebook_at, given)), None)
    if notebook is None:
        return ""
    shown = os.path.relpath(notebook, config.invocation_params.dir)
    if importlib.util.find_spec("nbval") is None:
        return f"{shown} was not tested: with --nbval it is. That needs: {install_command('test')}"
    return f"{shown} was not tested: with --nbval it is (pytest --nbval {shown})"


def _notebook_at(given: str) -> Path | None:
    """The notebook there, or the first one below."""
    if given.endswith(".ipynb"):
        return Path(given) if Path(given).is_file() else None
    for parent, folders, files in islice(os.walk(given), _MOST_FOLDERS):
        folders[:] = sorted(name for name in folders if name[0] not in "._" and name != "node_modules")
        found = min((name for name in files if name.endswith(".ipynb") and name[0] != "."), default=None)
        if found is not None:
            return Path(parent, found)
    return None
