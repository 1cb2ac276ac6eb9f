"""How often a rig goes round, and what it measured: told at the end of a run in its long form."""

from __future__ import annotations

import os

LONG = os.environ.get("IMAGEGEN_NB_RIGS") == "long"
lines: list[str] = []


def cycles(quick: int, long: int) -> int:
    """Rounds in the form that is running."""
    return long if LONG else quick


def figure(rig: str, what: str, measured: object, aim: str) -> None:
    """One measured figure; the assertion on it, where there is one, stands in the rig."""
    lines.append(f"figure: {rig}: {what} = {measured} (aim {aim})")
