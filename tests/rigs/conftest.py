"""Rigs: each promise of docs/security.md in numbers. IMAGEGEN_NB_RIGS=long runs their full length."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigs.figures import LONG, lines


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.rigs)
            if LONG:
                item.add_marker(pytest.mark.timeout(3600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LONG:
        for line in lines:
            terminalreporter.write_line(line)
