"""Rigs: each promise of docs/security.md in numbers. IMAGEGEN_NB_RIGS=long runs their full length."""

from __future__ import annotations

import pytest
from rich.console import Console

from rigs.figures import LONG, noted, table


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if LONG:
        for item in items:
            if "rigs" in item.path.parts:
                item.add_marker(pytest.mark.timeout(3600), append=False)


def pytest_terminal_summary() -> None:
    if LONG:
        for rig, figures in noted.items():
            Console(width=110).print(table(rig, figures))
