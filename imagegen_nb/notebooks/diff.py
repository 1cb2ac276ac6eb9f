"""Compares what two runs of a notebook showed: text, pictures and errors, cell by cell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

_PICTURES = ("image/png", "image/jpeg", "image/svg+xml")


def differences(recorded: Any, replayed: Any) -> list[str]:
    """Where the outputs of two notebook documents differ, in words; standard error is left out."""
    found = []
    cells = zip(recorded.cells, replayed.cells, strict=True)
    for number, (one, other) in enumerate(cells, 1):
        mine, theirs = list(_shown(one)), list(_shown(other))
        if mine != theirs:
            pairs = [*zip(mine, theirs, strict=False), *((each, "") for each in mine[len(theirs) :])]
            pairs += [("", each) for each in theirs[len(mine) :]]
            a, b = next((a, b) for a, b in pairs if a != b)
            found.append(f"cell {number}: recorded {_short(a)}, replayed {_short(b)}")
    return found


def _shown(cell: Any) -> Iterator[str]:
    """Each output as one text; pieces of one stream count as one."""
    stream = ""
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            stream += output.text if output.name == "stdout" else ""
            continue
        if output.output_type == "error":
            yield f"{output.ename}: {output.evalue}"
            continue
        data = output.get("data", {})
        if "text/plain" in data:
            yield str(data["text/plain"])
        for kind in (kind for kind in _PICTURES if kind in data):
            yield f"{kind} sha256 {hashlib.sha256(str(data[kind]).encode()).hexdigest()[:12]}"
    if stream:
        yield stream


def _short(text: str) -> str:
    shown = repr(text) if text else "nothing"
    return shown if len(shown) <= 100 else f"{shown[:99]}…"
