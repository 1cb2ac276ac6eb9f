"""What a program loads in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable

_COVERAGE = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
"""With these the measurement would load modules of its own."""


def loaded_after(program: str, names: Iterable[str]) -> set[str]:
    """Which of the modules `names` a fresh process has loaded after running `program`."""
    code = f"{program}\nimport sys\nprint(*(name for name in {tuple(names)!r} if name in sys.modules))"
    environment = {name: value for name, value in os.environ.items() if name not in _COVERAGE}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())
