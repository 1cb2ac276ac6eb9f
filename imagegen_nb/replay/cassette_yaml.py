"""The YAML of a cassette: parsed within bounds, and put together from the texts of its recordings.

Each recording's text is made and checked by itself, once, however often the file is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imagegen_nb.core.install_hint import install_command
from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay.yaml_keys import RepeatedKeys

ONE_SIDE = "take one side whole (git checkout --ours, or --theirs, of its folder), or record it again"
_LIST = "recordings"
_TOO_DEEP = "it is nested deeper than a cassette is"
_TOO_MUCH = "it holds more than a cassette does"
_UNLIKE = "the recordings cannot be written as text that reads the same"
_DEEPEST = 20
_MOST_EVENTS = 500_000
"""YAML events (scalars, beginnings and ends) of the text; a recorded call has about forty."""
_LONGEST_PLACE = 60
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
"""What YAML reads as a number of base 60. PyYAML computes its value in quadratic time."""
_CONFLICT = re.compile(r"^([<>|=])\1{6,}(?:[ \r]|$)", re.MULTILINE)
"""What git leaves at the beginning of a line, longer within a conflict; no text of ours begins there."""
_NEXT = "- 0\n"
"""Stands for the recordings that follow one."""
_CLOSING = "...\n"
_EVENTS_AROUND = 9
"""Those of a text with one recording and what stands for the next that are not the recording's."""


@dataclass(frozen=True, slots=True)
class Item:
    """One recording's text in the file, and how many events it has.

    YAML closes a document in which a text ends in empty lines: with some emitters where it is the last
    (`closes_after`), with others wherever it is (`closes`).
    """

    text: str
    events: int
    closes: bool
    closes_after: bool


def parse(text: str) -> dict[str, Any]:
    """The mapping in a YAML text. Raises `ReplayError`."""
    return _parse(text)[0]


def make_item(entry: dict[str, Any]) -> Item:
    """The text of a recording. Raises `ReplayError` where it would not read the same."""
    before_another, alone = {_LIST: [entry, 0]}, {_LIST: [entry]}
    whole = _dump(before_another)
    events = _check(whole, before_another) - _EVENTS_AROUND
    text, closes = _without_next(whole)
    last = _dump(alone)
    if last not in (text, text + _CLOSING):
        raise ReplayError(_UNLIKE)
    return Item(text.removeprefix(f"{_LIST}:\n"), events, closes, last != text)


def whole_text(about: dict[str, Any], items: Sequence[Item]) -> str:
    """What the cassette says of itself, and its recordings. Raises `ReplayError`."""
    beginning = about | {_LIST: [0] if items else []}
    head = _dump(beginning)
    if _check(head, beginning) - bool(items) + sum(item.events for item in items) > _MOST_EVENTS:
        raise ReplayError(_TOO_MUCH)
    if not items:
        return head
    head, closes = _without_next(head)
    closes = closes or items[-1].closes_after or any(item.closes for item in items)
    return "".join([head, *(item.text for item in items), _CLOSING if closes else ""])


def _without_next(text: str) -> tuple[str, bool]:
    """A text without what stands for the next recording, and whether its document is closed."""
    if text.endswith(_NEXT + _CLOSING):
        return text.removesuffix(_NEXT + _CLOSING), True
    return text.removesuffix(_NEXT), False


def repeated_key(key: str, first: int, second: int) -> str:
    """What is wrong where `key` stands twice in a mapping, on those lines."""
    return (
        f"{redact(key, limit=_LONGEST_PLACE)!r} is there twice, on line {first} and on "
        f"line {second} (did a merge keep both sides?): {ONE_SIDE}"
    )


def _parse(text: str) -> tuple[dict[str, Any], int]:
    """The mapping in a YAML text, and how many events come after the first.

    The text is checked event by event before any value is made of it: no tags, no anchors, and bounds for
    depth, size and numbers, so that a small file cannot unfold into a large value.
    """
    if conflict := _CONFLICT.search(text):
        conflict_line = text.count("\n", 0, conflict.start()) + 1
        raise ReplayError(f"it holds a merge conflict near line {conflict_line}: {ONE_SIDE}")
    yaml = _yaml_library()
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth, number, problem, keys = 0, 0, "", RepeatedKeys(yaml)
    try:
        for number, event in enumerate(yaml.parse(text, Loader=loader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                problem = "it holds an anchor, which cassettes never do"
            elif getattr(event, "tag", None) is not None:
                problem = "it holds a tag, which cassettes never do"
            elif depth > _DEEPEST:
                problem = _TOO_DEEP
            elif number > _MOST_EVENTS:
                problem = _TOO_MUCH
            elif isinstance(event, yaml.ScalarEvent) and not event.style and _BASE_60.fullmatch(event.value):
                problem = "it holds a number of base 60, which cassettes never do"
            elif found := keys.see(event):
                problem = repeated_key(*found)
            if problem:
                break
        value = None if problem else yaml.load(text, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" near line {mark.line + 1}" if mark else ""
        problem = f"it is not whole or not YAML{line}; restore the file, or record it again"
        # Parsers look ahead, and may meet a bound of their own before the events that are counted above.
        if isinstance(error, RecursionError) or "nesting" in str(getattr(error, "problem", "")):
            problem = _TOO_DEEP
    if not problem and not isinstance(value, dict):
        problem = "it is not a cassette (cut short?); restore the file, or record it again"
    if problem:
        raise ReplayError(problem)
    assert isinstance(value, dict)
    return value, number


def _dump(document: dict[str, Any]) -> str:
    yaml = _yaml_library()
    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc]
        """Writes text of several lines as lines."""

    def represent_text(dumper: Any, text: str) -> Any:
        style = "|" if "\n" in text.rstrip("\n") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent_text)
    text: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def _check(text: str, document: dict[str, Any]) -> int:
    """The events of a text after the first. Raises `ReplayError` where it is not that of `document`."""
    value, events = _parse(text)
    if value != document:
        raise ReplayError(_UNLIKE)
    return events


def _yaml_library() -> Any:
    try:
        import yaml
    except ImportError:
        raise ReplayError(f"cassettes need PyYAML: {install_command('replay')}") from None
    return yaml
