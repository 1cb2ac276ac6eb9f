"""Fills `{{paths}}` in a prompt from plain data: one pass, nothing evaluated, nothing rendered twice.

A path is a name, then more names or list positions after dots: `product`,
`step_2.output.assets.0.file_url`. There are no filters, defaults or expressions, as on the platform.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from imagegen_nb.errors import VariableError

LONGEST_VALUE = 32_000
"""Characters one value may add to a prompt; more than a whole prompt may have is surely a mistake."""

_DEEPEST = 64
_TAG = re.compile(r"\{\{([^{}]*)\}\}")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.(?:[A-Za-z_][A-Za-z0-9_]*|0|[1-9][0-9]{0,8}))*")
_MOST_SUGGESTIONS = 2_000


@runtime_checkable
class HasContext(Protocol):
    """A value that later prompts can refer to, such as a run: it gives its plain data."""

    def as_context(self) -> dict[str, Any]:
        """The data paths walk through, made of dict, list, str, int, float, bool and None."""
        ...


def paths(template: str) -> tuple[str, ...]:
    """The paths in `template`, each once, in order of appearance; malformed tags are left out."""
    found = (match[1].strip() for match in _TAG.finditer(template))
    return tuple(dict.fromkeys(path for path in found if _PATH.fullmatch(path)))


def malformed(template: str) -> tuple[str, ...]:
    """Tags whose inside is not a path, as they stand in the text."""
    return tuple(
        dict.fromkeys(match[0] for match in _TAG.finditer(template) if not _PATH.fullmatch(match[1].strip()))
    )


def plain(value: object, place: str = "inputs", depth: int = 0) -> Any:
    """A copy of `value` in plain JSON types; a run gives its output.

    Raises `VariableError` naming the place for anything else, and for nesting past 64 levels.
    """
    if depth > _DEEPEST:
        raise VariableError(f"{place} is nested deeper than {_DEEPEST} levels (does it contain itself?)")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, HasContext):
        return plain(value.as_context(), place, depth + 1)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise VariableError(f"{place} has the key {key!r}; keys must be text")
        return {key: plain(item, f"{place}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item, f"{place}.{index}", depth + 1) for index, item in enumerate(value)]
    raise VariableError(
        f"{place} is a {type(value).__name__}, which a prompt cannot hold. "
        "Pass text, a number, a list, a dict or a run; turn anything else into text first, e.g. str(value)"
    )


def render(template: str, context: Mapping[str, Any]) -> str:
    """`template` with every tag replaced by its value from `context` (plain data, see `plain`).

    Text stays as it is; numbers, true and false are written as JSON, arrays and objects as compact
    JSON. Raises one `VariableError` that names every tag that cannot be filled, and why.
    """
    values: dict[str, str] = {}
    missing: dict[str, str] = {}
    unusable = [
        f"{tag} is not a path: write only names and positions, e.g. {{{{product}}}}"
        for tag in malformed(template)
    ]
    for path in paths(template):
        found, value = _look_up(path, context)
        if not found:
            missing[path] = _suggest(path, context)
        elif value is None:
            unusable.append(f"{{{{{path}}}}} is null: there is nothing to fill in")
        else:
            text = value if isinstance(value, str) else _as_json(path, value)
            if len(text) > LONGEST_VALUE:
                unusable.append(
                    f"{{{{{path}}}}} is {len(text):,} characters long; at most {LONGEST_VALUE:,} fit a prompt"
                )
            values[path] = text
    if missing or unusable:
        raise VariableError(_describe(missing, unusable), missing=tuple(missing))
    return _TAG.sub(lambda match: values[match[1].strip()], template)


def _as_json(path: str, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise VariableError(
            f"{{{{{path}}}}} holds NaN or an infinite number, which JSON cannot write"
        ) from None


def _describe(missing: Mapping[str, str], unusable: Sequence[str]) -> str:
    lines = [f"{{{{{path}}}}} has no value{hint}" for path, hint in missing.items()] + list(unusable)
    if len(lines) == 1:
        return lines[0]
    return f"{len(lines)} variables cannot be filled:\n" + "\n".join(f"  {line}" for line in lines)


def _look_up(path: str, data: Any) -> tuple[bool, Any]:
    for segment in path.split("."):
        if isinstance(data, dict):
            if segment not in data:
                return False, None
            data = data[segment]
        elif isinstance(data, list) and segment.isdecimal():
            if int(segment) >= len(data):
                return False, None
            data = data[int(segment)]
        else:
            return False, None
    return True, data


def _suggest(path: str, context: Mapping[str, Any]) -> str:
    known = [known for known, _ in _first(leaves(context))]
    close = difflib.get_close_matches(path, known, n=1, cutoff=0.5)
    if close:
        return f"; the nearest available path is {{{{{close[0]}}}}}"
    names = ", ".join(f"{{{{{name}}}}}" for name in list(context)[:8])
    return f"; available: {names}" if names else "; no inputs were given"


def _first(pairs: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for _, pair in zip(range(_MOST_SUGGESTIONS), pairs, strict=False):
        yield pair


def leaves(data: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every path into plain `data` with its value, containers before what they hold."""
    if prefix:
        yield prefix, data
    if isinstance(data, Mapping):
        items: Iterator[tuple[str, Any]] = iter(data.items())
    elif isinstance(data, list):
        items = ((str(index), item) for index, item in enumerate(data))
    else:
        return
    for key, item in items:
        yield from leaves(item, f"{prefix}.{key}" if prefix else str(key))
