"""Says what a call that is not recorded differs in from the nearest that is."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from imagegen_nb.core.redaction import redact
from imagegen_nb.replay.recording import Recording

_MOST = 8
"""Differences that are shown."""
_LONGEST = 60
"""Characters of a name, or of a value around the place where it differs."""
_BEFORE = 20


def explain(asked: Recording, recorded: Sequence[Recording], known: Iterable[str] = ()) -> str:
    """The asked call, the nearest recorded one, and every difference; safe to show."""
    lines = [f"  asked:   {asked}"]
    if recorded:
        near = min(recorded, key=lambda recording: _distance(asked, recording))
        differences = [f"    {line}" for line in _differences(asked, near)]
        lines += [f"  nearest: {near}", *differences[:_MOST]]
        if len(differences) > _MOST:
            lines.append(f"    … and {len(differences) - _MOST} more")
    else:
        lines.append("  nearest: none, the cassette is empty")
    return redact("\n".join(lines), known, limit=4_000)


def _distance(asked: Recording, recorded: Recording) -> tuple[float, ...]:
    a, b = urlsplit(asked.url), urlsplit(recorded.url)
    mine, theirs = _flat(asked.asked), _flat(recorded.asked)
    unlike = [name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name)]
    one, other = (
        "\n".join(str(values.get(name, "")) for name in unlike)[:1_000] for values in (mine, theirs)
    )
    likeness = difflib.SequenceMatcher(None, one, other).quick_ratio()
    return (
        a.netloc != b.netloc,
        a.path != b.path,
        len(unlike),
        round(1 - likeness, 3),
        abs(int(asked.call) - int(recorded.call)) if recorded.call.isdecimal() else math.inf,
    )


def _differences(asked: Recording, recorded: Recording) -> Iterator[str]:
    a, b = urlsplit(asked.url), urlsplit(recorded.url)
    yield from _unlike("method", recorded.method, asked.method)
    yield from _unlike("host", b.netloc, a.netloc)
    yield from _unlike("path", b.path, a.path)
    yield from _unlike("query", b.query, a.query)
    mine, theirs = _flat(asked.asked), _flat(recorded.asked)
    for name in dict.fromkeys([*theirs, *mine]):
        if name not in mine:
            yield f"{name}: recorded {_short(theirs[name])}, now left out"
        elif name not in theirs:
            yield f"{name}: now {_short(mine[name])}, left out when recorded"
        else:
            yield from _unlike(name, theirs[name], mine[name])
    if not mine or not theirs:
        yield from _unlike("body", recorded.request.decode("latin-1"), asked.request.decode("latin-1"))
    yield from _unlike("call number", recorded.call, asked.call)


def _unlike(name: str, recorded: object, asked: object) -> Iterator[str]:
    if recorded == asked:
        return
    start = 0
    if isinstance(recorded, str) and isinstance(asked, str):
        same = next((n for n, (x, y) in enumerate(zip(recorded, asked, strict=False)) if x != y), None)
        same = min(len(recorded), len(asked)) if same is None else same
        start = max(0, same - _BEFORE) if max(len(recorded), len(asked)) > _LONGEST else 0
    yield f"{name}: recorded {_short(recorded, start)}, asked {_short(asked, start)}"


def _short(value: object, start: int = 0) -> str:
    text = value[start:] if isinstance(value, str) else value
    shown = repr(text)
    if len(shown) > _LONGEST:
        shown = f"{shown[: _LONGEST - 1]}…"
    return f"…{shown}" if start else shown


def _flat(value: object, path: str = "") -> Mapping[str, Any]:
    """A JSON value's leaves by their paths, such as `contents[0].parts[0].text`."""
    if isinstance(value, dict) and value:
        short = ((str(name)[:_LONGEST], item) for name, item in value.items())
        parts = [(f"{path}.{name}" if path else name, item) for name, item in short]
    elif isinstance(value, list) and value:
        parts = [(f"{path}[{number}]", item) for number, item in enumerate(value)]
    else:
        return {path: value} if path else {}
    return {name: leaf for inner, item in parts for name, leaf in _flat(item, inner).items()}
