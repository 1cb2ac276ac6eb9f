"""The benchmark runs, every case of it, and measures numbers. What they are is nobody's business here."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.project import ROOT

pytestmark = pytest.mark.notebooks


def test_every_case_runs_and_yields_finite_figures() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--short"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {int(cell) for line in done.stdout.splitlines() if (cell := line[1:5].strip()).isdecimal()}
    assert rows == {*range(1, 12)}
