"""Paths such as `step_2.output.assets.0.file_url`: how one is written, where it leads in plain data, and
which of those there are is nearest to one that leads nowhere.

A path is a name, then more names or list positions after dots.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from imagegen_nb.core.json_walk import walk
from imagegen_nb.errors import InvalidOption

LONGEST_PATH = 500
"""Characters of a path that is listed: nobody writes longer ones, and their number could be squared."""

PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.(?:[A-Za-z_][A-Za-z0-9_]*|0|[1-9][0-9]{0,8}))*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MOST_NAMES = 50
_LONGEST_NAME = 32
"""Characters of a name that something like it is looked for; comparing long ones takes long."""
_MOST_LOOKED_FOR = 2
"""Unlike steps of one path that something like them is looked for."""


def is_path(text: str) -> bool:
    """Whether `text` can stand between `{{` and `}}`."""
    return PATH.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether a path can begin with `text`."""
    return _NAME.fullmatch(text) is not None


def check_identifier(name: object) -> None:
    """Raise `InvalidOption` for a name no path can begin with; None is no name."""
    if name is not None and not (isinstance(name, str) and is_name(name)):
        raise InvalidOption(
            f"identifier = {name!r}: use letters, digits and _, not beginning with a digit, e.g. step_2"
        )


def tag_of(path: str) -> str:
    """`path` as a variable in a prompt."""
    return f"{{{{{path}}}}}"


def look_up(path: str, data: Any) -> tuple[bool, Any]:
    """Whether `path` leads somewhere in plain `data`, and the value there."""
    for segment in path.split("."):
        if isinstance(data, dict) and segment in data:  # as nearly always, and the quickest
            data = data[segment]
            continue
        exists, data = _step_into(data, segment)
        if not exists:
            return False, None
    return True, data


def _step_into(data: Any, segment: str) -> tuple[bool, Any]:
    if isinstance(data, dict) and segment in data:
        return True, data[segment]
    if isinstance(data, list) and segment.isdecimal() and int(segment) < len(data):
        return True, data[int(segment)]
    return False, None


def suggest(path: str, context: Mapping[str, Any], offered: Mapping[str, Any] | None = None) -> str:
    """What may be meant instead of a path that leads nowhere; those of `offered` are named
    where none is near, and all only where it has none."""
    names = ", ".join(tag_of(name) for name in (names_in(offered) or names_in(context))[:8])
    return nearest(path, context) or (f"available: {names}" if names else "no inputs were given")


def nearest(path: str, context: Mapping[str, Any]) -> str:
    """What says which path there is nearest to one that leads nowhere; empty where none is near."""
    found, beyond = _approach(path, context)
    if beyond is not None:
        return f"{{{{{found}}}}} has {', '.join(names_in(beyond)[:8]) or 'nothing'}"
    return f"the nearest available path is {{{{{found}}}}}" if found else ""


def _approach(path: str, context: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """How far one comes towards `path`: each segment that leads nowhere is replaced by its likeliest
    neighbour. Where that is not all the way, what there is to choose from."""
    found: list[str] = []
    data: Any = context
    guessed = 0
    for segment in path.split("."):
        guessed += not _step_into(data, segment)[0]
        steps = _towards(segment, data, cutoff=0.3 if found else 0.6)
        if not steps or guessed > _MOST_LOOKED_FOR:
            break
        for step in steps:
            found.append(step)
            data = _step_into(data, step)[1]
    short = found and isinstance(data, dict) and "." in path and len(found) <= path.count(".")
    return ".".join(found), data if short else None


def _towards(segment: str, data: Any, cutoff: float) -> list[str]:
    """The steps from `data` that `segment` most likely means; empty when nothing is similar."""
    if _step_into(data, segment)[0]:
        return [segment]
    # One level was left out: `step_2.assets` for `step_2.output.assets`, or the older `output.0`.
    for name in names_in(data) if isinstance(data, dict) else ():
        if isinstance(data[name], list | dict) and _step_into(data[name], segment)[0]:
            return [name, segment]
    close = _neighbour(segment, data, cutoff)
    return [close] if _step_into(data, close)[0] else []


def _neighbour(segment: str, data: Any, cutoff: float) -> str:
    if isinstance(data, list):
        return str(len(data) - 1)
    if len(segment) > _LONGEST_NAME:
        return ""
    import difflib

    close = difflib.get_close_matches(segment, names_in(data), n=1, cutoff=cutoff)
    return close[0] if close else ""


def misspelt_name(name: str, given: Iterable[str]) -> str:
    """The one of the names `given`, which lead nowhere, that was to be `name`; empty where none was."""
    import difflib

    names = (other for other in islice(given, _MOST_NAMES) if len(other) <= _LONGEST_NAME)
    found = {_as_meant(other): other for other in names}
    wanted = name.casefold()
    close = [wanted] if wanted in found else difflib.get_close_matches(wanted, found, n=1)
    return found[close[0]] if close else ""


def _as_meant(name: str) -> str:
    """A name without what people write around and within one."""
    return "_".join(name.casefold().strip(" {}").removeprefix("inputs.").replace("-", " ").split())


def likeliest(path: str, context: Mapping[str, Any]) -> str:
    """The path itself, or the one that is nearest to it; empty where none is near."""
    found, beyond = _approach(path, context)
    return found if beyond is None else ""


def names_in(data: Any) -> list[str]:
    """Keys of an object that a path can be written with."""
    keys = list(data)[:_MOST_NAMES] if isinstance(data, Mapping) else []
    return [key for key in keys if len(key) <= _LONGEST_NAME and PATH.fullmatch(key) and "." not in key]


def leaves(data: Any) -> Iterator[tuple[str, Any]]:
    """Every path into plain `data` with its value, containers before what they hold.

    What lies deeper than a path of `LONGEST_PATH` characters is left out.
    """
    for node in walk(data):
        if node.parent is not None and node.length <= LONGEST_PATH:
            yield node.dotted, node.value
