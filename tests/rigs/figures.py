"""What a rig has measured, beside what it aims at; and how often a rig goes round."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sized
from dataclasses import dataclass

from rich.table import Table

LONG = os.environ.get("IMAGEGEN_NB_RIGS") == "long"
noted: defaultdict[str, list[Figure]] = defaultdict(list)
"""By rig, the figures of tests: shown at the end of pytest's long form."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `good` says whether it reaches the aim, None that the rig does not judge it."""

    what: str
    measured: str
    aim: str
    good: bool | None = None


def cycles(quick: int, long: int) -> int:
    """Rounds in the form that is running."""
    return long if LONG else quick


def none_of(what: str, cases: int | Sized) -> Figure:
    """Something that must never happen: `cases` counts or lists where it did."""
    count = cases if isinstance(cases, int) else len(cases)
    shown = str(count) if isinstance(cases, int) or not count else f"{count}: {str(cases)[:300]}"
    return Figure(what, shown, "0", not count)


def count(what: str, number: int) -> Figure:
    """A number that says how much was tried; there must be some."""
    return Figure(what, str(number), "> 0", number > 0)


def note(rig: str, figure: Figure) -> None:
    """Keep a test's figure for the end of the run, and fail the test that misses its aim."""
    noted[rig].append(figure)
    assert figure.good is not False, f"{rig}: {figure.what}: {figure.measured} (aim {figure.aim})"


def table(title: str, figures: list[Figure]) -> Table:
    """Figures for people."""
    rows = Table(title=title, title_justify="left")
    for heading in ("", "measured", "aim", ""):
        rows.add_column(heading)
    for figure in figures:
        verdict = {True: "good", False: "MISSED", None: ""}[figure.good]
        rows.add_row(figure.what, figure.measured, figure.aim, verdict)
    return rows
