"""Shows JSON bodies field by field in the file, where that gives the same bytes again."""

from __future__ import annotations

import json
from typing import Any

from imagegen_nb.core import json_walk

_STYLES: dict[str, dict[str, Any]] = {
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
    "spaced": {"ensure_ascii": False},
    "indented": {"indent": 2, "ensure_ascii": False},
    "compact-ascii": {"separators": (",", ":")},
    "spaced-ascii": {},
    "indented-ascii": {"indent": 2},
}
"""The ways providers and their packages write JSON; a replay has to write the same bytes."""
_DEEPEST = 11


def to_document(text: str) -> str | dict[str, Any]:
    """`text` as it stands in the file: its JSON and the style that writes it, else the text itself."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text
    if not isinstance(value, dict) or json_walk.is_deep(value, _DEEPEST):
        return text
    style = next((name for name, options in _STYLES.items() if json.dumps(value, **options) == text), None)
    return {"json": value, "written": style} if style else text


def to_text(document: object) -> str:
    """The text of a body in the file. Raises ValueError for what `to_document` does not make."""
    if isinstance(document, str):
        return document
    if isinstance(document, dict) and set(document) == {"json", "written"}:
        style = document["written"]
        if isinstance(style, str) and style in _STYLES:
            try:
                return json.dumps(document["json"], **_STYLES[style])
            except (TypeError, ValueError):  # YAML has dates and numbers of 5,000 digits, JSON has not
                pass
    raise ValueError("is neither text nor JSON")


def is_deep(body: bytes) -> bool:
    """Whether `body` is JSON that is nested too deep to be shown field by field."""
    try:
        return json_walk.is_deep(json.loads(body), _DEEPEST)
    except RecursionError:
        return True
    except ValueError:
        return False


def _refuse_constant(name: str) -> float:
    raise ValueError(name)  # NaN and Infinity are no JSON
