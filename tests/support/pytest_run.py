"""pytest in a process of its own, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from support.environment import own_environment

# In CI pytest's summary repeats each message whole; and whoever runs this has options of their own.
_NOT_INHERITED = "^(CI|BUILD_NUMBER|PYTEST_(?!DEBUG_TEMPROOT).*|IMAGEGEN_NB_.*)$"

FEW_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p nbval -p imagegen-nb"}
"""Variables for a pytest that imports no other plugin that happens to be installed: half of its start."""
AS_USERS_DO = dict.fromkeys((*FEW_PLUGINS, "JUPYTER_PATH"), "")
"""Variables for a pytest with all plugins, and with kernels that are processes as ever."""


class PytestRun(NamedTuple):
    """How a pytest of its own ended: its exit code, and all that it wrote."""

    code: int
    text: str


def run_pytest(folder: Path, *options: str, before: tuple[str, ...] = (), **environment: str) -> PytestRun:
    """pytest in a folder: `run_pytest(folder, "--nbval", "notebooks", OPENAI_API_KEY="...")`.

    It has `FEW_PLUGINS`, and pytest-xdist where the options say `-n`.
    """
    command = [*before, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no"]
    if environment.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD") == "":
        command += ["-o", "asyncio_default_fixture_loop_scope=function"]  # else a warning of pytest-asyncio
    elif "-n" in options:
        command += ["-p", "xdist"]
    done = subprocess.run(
        [*command, *options],
        cwd=folder,
        env={**own_environment(without=_NOT_INHERITED), **FEW_PLUGINS, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return PytestRun(done.returncode, done.stdout + done.stderr)
