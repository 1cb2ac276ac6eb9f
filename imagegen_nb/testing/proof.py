"""The other side of `notebooks/proof.py`: what a recording's test is told, and what it reports."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from imagegen_nb.notebooks.proof import OPTION

_NBVAL = "Notebook cell execution failed\n"
_MOST_LINES = 12
_NOISE = re.compile(r" assert reference_output == test_output failed:|\s*Use -v to get ")


@dataclass(frozen=True, slots=True)
class Proof:
    """A recording that is being proven: its cassette lies elsewhere, and its notebook is a copy."""

    cassette: Path
    notebook: Path
    report: Path
    failures: list[str] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a cell failed, or that it was run and passed."""
        if report.passed and report.when == "call":
            self.passed.add(report.nodeid)
        if report.failed:
            cell = report.nodeid.rpartition("::")[2]
            self.failures.append(f"{cell}: {in_short(report.longreprtext)}")

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Report to the process that wants to know; workers of xdist hand their results to it."""
        if not hasattr(session.config, "workerinput") and session.testscollected:
            results = {"failures": self.failures, "passed": len(self.passed)}
            self.report.write_text(json.dumps(results), encoding="utf-8")


def of(config: pytest.Config) -> Proof | None:
    """The proof that this pytest was started for; None in any other."""
    told = config.getoption(OPTION, None)
    if not told:
        return None
    facts: dict[str, Any] = json.loads(Path(told).read_text(encoding="utf-8"))
    return Proof(Path(facts["cassette"]), Path(facts["notebook"]), Path(facts["report"]))


def in_short(text: str) -> str:
    """How a cell failed, without its source: the outputs that differ, or the error it raised."""
    headline, _, rest = text.removeprefix(_NBVAL).partition("\n")
    if not text.startswith(_NBVAL):
        details = text  # not a failure of nbval's, so there is no source in it
    elif "\nTraceback:\n" in rest:
        details = rest.rpartition("\nTraceback:\n")[2]
    else:
        details = headline.partition(": ")[2]
    lines = [line.rstrip() for line in details.splitlines() if line.strip() and not _NOISE.match(line)]
    cut = ["…"] if len(lines) > _MOST_LINES else []
    return "\n".join([line.strip() for line in lines[:1]] + lines[1:_MOST_LINES] + cut)
