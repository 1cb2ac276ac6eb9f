"""The quick form of each rig. The long one, and its figures, are in docs/reliability.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RIGS = ["ledger", "disk", "power", "rebuild", "quota", "budget", "storm", "many_runs", "killed_sweep"]

pytestmark = pytest.mark.timeout(900)  # a rig takes up to 20 s, so that this file begins early


@pytest.mark.parametrize("name", RIGS)
def test_the_quick_form_reaches_its_aim(name: str) -> None:
    """In a process of its own: rigs fork, limit the size of files, and serve."""
    done = subprocess.run(
        [sys.executable, "-m", "rigs", name, "--quick"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MISSED" not in done.stdout
    if name == "power" and "none: " in done.stdout:
        pytest.skip("it needs root, and programs that make and mount disks")
