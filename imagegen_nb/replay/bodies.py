"""Shows JSON bodies field by field in the file, where that gives the same bytes again."""

from __future__ import annotations

import json
from typing import Any

from imagegen_nb.errors import ReplayError

_WAYS: dict[str, dict[str, Any]] = {
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
    "spaced": {"ensure_ascii": False},
    "indented": {"indent": 2, "ensure_ascii": False},
    "compact-ascii": {"separators": (",", ":")},
    "spaced-ascii": {},
    "indented-ascii": {"indent": 2},
}
"""How JSON is written: providers and their packages differ, and a replay must not."""
_DEEPEST = 12


def shown(text: str) -> str | dict[str, Any]:
    """`text` as it stands in the file: its JSON and how that is written, or itself."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    if not isinstance(value, dict) or _is_deep(value):
        return text
    way = next((name for name, way in _WAYS.items() if json.dumps(value, **way) == text), None)
    return {"json": value, "written": way} if way else text


def told(body: object) -> str:
    """The text a body in the file stands for. Raises `ReplayError`."""
    if isinstance(body, str):
        return body
    if isinstance(body, dict) and set(body) == {"json", "written"} and body["written"] in tuple(_WAYS):
        try:
            return json.dumps(body["json"], **_WAYS[body["written"]])
        except (TypeError, ValueError):  # a date, a number of 5,000 digits: what YAML has and JSON has not
            pass
    raise ReplayError("a body is damaged or of another version, so record it again")


def is_deep(body: bytes) -> bool:
    """Whether `body` is JSON that is nested deeper than is shown."""
    try:
        return _is_deep(json.loads(body))
    except RecursionError:
        return True
    except ValueError:
        return False


def _is_deep(value: object, depth: int = 1) -> bool:
    """Whether `value` is nested deeper than is shown; what lies below that is not looked at."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > _DEEPEST or any(_is_deep(item, depth + 1) for item in inner)


def _refuse(name: str) -> float:
    raise ValueError(name)
