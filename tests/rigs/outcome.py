"""What a rig has measured, beside what it aims at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure; `good` says whether it reaches the aim."""

    what: str
    measured: str
    aim: str
    good: bool


def none_of(what: str, found: object) -> Figure:
    """Something that must never happen: `found` counts it, or lists it."""
    count = found if isinstance(found, int) else len(found)
    shown = str(count) if isinstance(found, int) or not count else f"{count}: {str(found)[:300]}"
    return Figure(what, shown, "0", not count)


def count(what: str, number: int) -> Figure:
    """A number that says how much was tried; there must be some."""
    return Figure(what, str(number), "> 0", number > 0)
