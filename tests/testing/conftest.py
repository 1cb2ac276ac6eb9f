"""pytest in a process of its own, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest


class Told(NamedTuple):
    """What a pytest of its own left behind: its exit code, and all that it said."""

    code: int
    text: str


@pytest.fixture
def run_pytest() -> Callable[..., Told]:
    """Runs pytest in a folder: `run_pytest(folder, "--nbval", "notebooks", OPENAI_API_KEY="...")`."""

    # In CI the summary at the end repeats each message whole; and whoever runs this has options of his own.
    strange = ("CI", "BUILD_NUMBER", "PYTEST_ADDOPTS")
    inherited = {name: value for name, value in os.environ.items() if name not in strange}

    def run(folder: Path, *options: str, before: tuple[str, ...] = (), **environment: str) -> Told:
        command = [*before, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no"]
        command += ["-o", "asyncio_default_fixture_loop_scope=function"]  # else a warning of pytest-asyncio
        done = subprocess.run(
            [*command, *options],
            cwd=folder,
            env={**inherited, **environment},
            capture_output=True,
            text=True,
            timeout=100,
        )
        return Told(done.returncode, done.stdout + done.stderr)

    return run
