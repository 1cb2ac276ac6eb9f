"""Writes what was measured into docs/performance.md, between its markers."""

from __future__ import annotations

from benchmarks.rounds import Result


def write(results: list[Result]) -> None:
    """Table and plots."""
