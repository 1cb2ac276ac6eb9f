"""Explains why a call has no recording: the nearest one, and how the call differs from it."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from imagegen_nb.core.json_walk import bracketed, walk
from imagegen_nb.core.redaction import redact
from imagegen_nb.core.words import shortened
from imagegen_nb.replay.recording import Recording

_MOST_DIFFERENCES = 8
_LONGEST = 60
"""Characters of a field's name, or of a value around the place where it differs."""
_CONTEXT = 20
"""Characters shown before that place."""
_OF_ONE_RUN = re.compile(
    r"""
      (?<![\w.~%+@/-])(?:file:)?(?:[\w.~%+@-]*/){2,}[\w.~%+@-]*    # a path
    | @@asset:[^@\s]+@@ (?:/[\w.~%+@-]*)*
    | \d{4}-\d\d-\d\d (?:[T\ ]\d\d:\d\d (?::\d\d)? (?:[.,]\d+)? (?:Z|[+-]\d\d:?\d\d)?)?    # a time
    | \b\d\d:\d\d:\d\d(?:[.,]\d+)?\b
    | (?<![0-9A-Za-z.,\#]) \d{6,} (?:\.\d+)? (?![0-9A-Za-z])                    # a clock's number
    | (?<![0-9A-Za-z\#]) (?=[0-9A-Fa-f]*[0-9]) (?=[0-9A-Fa-f]*[A-Fa-f]) [0-9A-Fa-f]{4,} (?:[-_][0-9A-Fa-f]+)*
      (?![0-9A-Za-z])                                                         # an id, or a piece of one
    | (?<![0-9A-Za-z]) (?=[A-Za-z]*[0-9]) (?=[0-9]*[A-Za-z]) [0-9A-Za-z]{16,} (?![0-9A-Za-z])
    """,
    re.VERBOSE,
)
"""What looks like a value that no two runs share."""
_OF_ONE_RUN_REMEDY = (
    "  what differs looks like an id, a path or a time, which differs in each run or folder. For an image's "
    "file_url or id, run.id and workspace.store.folder, used whole, a cassette holds placeholders; for "
    "anything else use what stays the same, such as an asset's file_name, and record again"
)


def explain(asked: Recording, recordings: Sequence[Recording], known: Iterable[str] = ()) -> str:
    """The asked call, the nearest recording, and how they differ; without the `known` keys."""
    lines = [f"  asked:   {asked}"]
    if recordings:
        nearest = min(recordings, key=lambda recording: _distance(asked, recording))
        differences = [f"    {line}" for line in _differences(asked, nearest)]
        lines += [f"  nearest: {nearest}", *differences[:_MOST_DIFFERENCES]]
        if len(differences) > _MOST_DIFFERENCES:
            lines.append(f"    … and {len(differences) - _MOST_DIFFERENCES} more")
        if _differs_by_run(asked, nearest):
            lines.append(_OF_ONE_RUN_REMEDY)
    else:
        lines.append("  nearest: none, the cassette is empty")
    return redact("\n".join(lines), known, limit=4_000)


def _distance(asked: Recording, recorded: Recording) -> tuple[float, ...]:
    """Sorts recordings by host, path, count of differing fields, whether only values of one run differ, how
    alike the fields are, and call number."""
    asked_url, recorded_url = urlsplit(asked.url), urlsplit(recorded.url)
    asked_fields, recorded_fields = _fields(asked.request_json), _fields(recorded.request_json)
    differing = [
        name
        for name in {*asked_fields, *recorded_fields}
        if asked_fields.get(name) != recorded_fields.get(name)
    ]
    asked_text, recorded_text = (
        "\n".join(str(fields.get(name, "")) for name in differing)[:1_000]
        for fields in (asked_fields, recorded_fields)
    )
    likeness = difflib.SequenceMatcher(None, asked_text, recorded_text).quick_ratio()
    return (
        asked_url.netloc != recorded_url.netloc,
        asked_url.path != recorded_url.path,
        len(differing),
        not _differs_by_run(asked, recorded),  # random digits may be less alike than another prompt is
        round(1 - likeness, 3),
        abs(int(asked.call) - int(recorded.call)) if recorded.call.isdecimal() else math.inf,
    )


def _differences(asked: Recording, recorded: Recording) -> Iterator[str]:
    asked_url, recorded_url = urlsplit(asked.url), urlsplit(recorded.url)
    yield from _difference("method", recorded.method, asked.method)
    yield from _difference("host", recorded_url.netloc, asked_url.netloc)
    yield from _difference("path", recorded_url.path, asked_url.path)
    yield from _difference("query", recorded_url.query, asked_url.query)
    asked_fields, recorded_fields = _fields(asked.request_json), _fields(recorded.request_json)
    for name in dict.fromkeys([*recorded_fields, *asked_fields]):
        if name not in asked_fields:
            yield f"{name}: recorded {_excerpt(recorded_fields[name])}, now left out"
        elif name not in recorded_fields:
            yield f"{name}: now {_excerpt(asked_fields[name])}, left out when recorded"
        else:
            yield from _difference(name, recorded_fields[name], asked_fields[name])
    if not asked_fields or not recorded_fields:  # a body is no JSON object
        yield from _difference(
            "body", recorded.request_body.decode("latin-1"), asked.request_body.decode("latin-1")
        )
    yield from _difference("call number", recorded.call, asked.call)


def _differs_by_run(asked: Recording, recorded: Recording) -> bool:
    """Whether all that differs is texts, and in them only what looks like values of one run or machine."""
    if (asked.method, asked.url, asked.call) != (recorded.method, recorded.url, recorded.call):
        return False
    asked_fields, recorded_fields = _fields(asked.request_json), _fields(recorded.request_json)
    differing = [
        (asked_fields.get(name), recorded_fields.get(name))
        for name in {*asked_fields, *recorded_fields}
        if asked_fields.get(name) != recorded_fields.get(name)
    ]
    return bool(differing) and all(
        isinstance(one, str)
        and isinstance(other, str)
        and _OF_ONE_RUN.sub("", one) == _OF_ONE_RUN.sub("", other)
        for one, other in differing
    )


def _difference(name: str, recorded: object, asked: object) -> Iterator[str]:
    """One line where the two differ; long texts are shown from shortly before that place."""
    if recorded == asked:
        return
    start = 0
    if isinstance(recorded, str) and isinstance(asked, str) and max(len(recorded), len(asked)) > _LONGEST:
        start = max(0, _common_prefix(recorded, asked) - _CONTEXT)
    yield f"{name}: recorded {_excerpt(recorded, start)}, asked {_excerpt(asked, start)}"


def _common_prefix(one: str, other: str) -> int:
    """How many characters the two begin with in common."""
    pairs = zip(one, other, strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _excerpt(value: object, start: int = 0) -> str:
    text = shortened(repr(value[start:] if isinstance(value, str) else value), _LONGEST)
    return f"…{text}" if start else text


def _fields(request: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of a JSON body by their paths, such as `contents[0].parts[0].text`."""
    fields = {}
    for node in walk(request):
        is_container = isinstance(node.value, dict | list) and node.value
        if node.parent and not is_container:
            path = bracketed(key if isinstance(key, int) else key[:_LONGEST] for key in node.keys)
            fields[path] = node.value
    return fields
