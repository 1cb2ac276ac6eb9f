"""Compares what two runs of a notebook showed: text, pictures and errors, cell by cell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

_PICTURES = ("image/png", "image/jpeg", "image/svg+xml")


def differences(recorded: Any, replayed: Any) -> list[str]:
    """One line for each cell whose outputs differ in two notebook documents; standard error is left out."""
    lines = []
    for number, cells in enumerate(zip(recorded.cells, replayed.cells, strict=True), 1):
        pairs = zip_longest(*map(_outputs, cells), fillvalue="")
        first = next(((one, other) for one, other in pairs if one != other), None)
        if first is not None:
            lines.append(f"cell {number}: recorded {_excerpt(first[0])}, replayed {_excerpt(first[1])}")
    return lines


def _outputs(cell: Any) -> Iterator[str]:
    """Each output as one text, and last all that was printed: how it is divided depends on timing."""
    printed = ""
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            printed += output.text if output.name == "stdout" else ""
            continue
        if output.output_type == "error":
            yield f"{output.ename}: {output.evalue}"
            continue
        data = output.get("data", {})
        if "text/plain" in data:
            yield str(data["text/plain"])
        for mimetype in (mimetype for mimetype in _PICTURES if mimetype in data):
            yield f"{mimetype} sha256 {hashlib.sha256(str(data[mimetype]).encode()).hexdigest()[:12]}"
    if printed:
        yield printed


def _excerpt(text: str) -> str:
    excerpt = repr(text) if text else "nothing"
    return excerpt if len(excerpt) <= 100 else f"{excerpt[:99]}…"
