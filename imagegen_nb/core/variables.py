"""Fills `{{paths}}` in a prompt from plain data: one pass, nothing evaluated, nothing rendered twice.

There are no filters, defaults or expressions, as on the platform.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from imagegen_nb.core.redaction import visible
from imagegen_nb.core.variable_paths import PATH, look_up, misspelt_name, suggest
from imagegen_nb.errors import VariableError

LONGEST_VALUE = 32_000
"""Characters one value may add to a prompt; more than a whole prompt may have is surely a mistake."""
LONGEST_TEXT = 100_000
"""Characters of a filled-in text: a long value used a thousand times must not fill the memory."""
TAG = re.compile(r"\{\{([^{}]*)\}\}")
_BRACKETS = re.compile(r"""\.?\[\s*(?:(0|[1-9][0-9]{0,8})|["']?([A-Za-z_][A-Za-z0-9_]*)["']?)\s*\]""")
"""A position or name as Python, JavaScript and JSONPath write it: `[0]`, `["name"]`."""
MOST_HINTS = 5


def paths(template: str) -> tuple[str, ...]:
    """The paths in `template`, each once, in order of appearance; malformed tags are left out."""
    contents = (inside.strip() for inside in dict.fromkeys(TAG.findall(template)))
    return tuple(dict.fromkeys(path for path in contents if PATH.fullmatch(path)))


def inputs_of(template: str) -> list[str]:
    """The inputs that `template` uses, which its paths begin with, each once."""
    return list(dict.fromkeys(path.partition(".")[0] for path in paths(template)))


def malformed(template: str) -> tuple[str, ...]:
    """Tags whose content is not a path, as written in the text."""
    contents = dict.fromkeys(TAG.findall(template)) if "{{" in template else ()
    return tuple(f"{{{{{inside}}}}}" for inside in contents if not PATH.fullmatch(inside.strip()))


def remedy_for(tag: str) -> str:
    """How a malformed tag is written; where its path is plain, as in `{{images[0].url}}`, that path."""
    if path := plain_path(tag):
        return f"write {{{{{path}}}}}, with a dot before each name and position"
    return "write only names and positions between the braces, e.g. {{product}}"


def plain_path(tag: str) -> str:
    """The path that a malformed tag means; empty where that is not plain."""
    path = _BRACKETS.sub(lambda match: f".{match[1] or match[2]}", tag.strip("{}").strip())
    path = path.removeprefix("$.").replace("..", ".")
    return path if PATH.fullmatch(path) else ""


def render(template: str, context: Mapping[str, Any]) -> str:
    """`template` with every tag replaced by its value from `context` (plain data, see `core/plain_data.py`).

    Text stays as it is; numbers, true and false are written as JSON, arrays and objects as compact
    JSON. Raises one `VariableError` that names every tag that cannot be filled, and why.
    """
    parts = list(_split(template))
    values: dict[str, str] = {}
    for path in parts[1::2]:
        if path not in values:
            exists, value = look_up(path, context) if path else (False, None)
            text, reason = _as_text(value) if exists else ("", "has no value")
            if reason:
                raise _unfillable(template, context)
            values[path] = text
    parts[1::2] = [values[path] for path in parts[1::2]]
    length = sum(map(len, parts))
    if length > LONGEST_TEXT:
        raise VariableError(
            f"the text would have {length:,} characters with its variables filled in; at most "
            f"{LONGEST_TEXT:,} are written. Use shorter values, or each of them less often"
        )
    return "".join(parts)


def without(template: str, names: Collection[str]) -> str:
    """`template` without the tags whose paths begin with one of `names`; the others stay as they are."""
    return TAG.sub(lambda tag: "" if tag[1].strip().partition(".")[0] in names else tag[0], template)


@lru_cache(maxsize=16)
def _split(template: str) -> tuple[str, ...]:
    """Text and path in turn, as they stand in `template`; an empty path for what is none. Many runs fill in
    the same prompt."""
    parts = TAG.split(template)
    contents = [inside.strip() for inside in parts[1::2]]
    parts[1::2] = [path if PATH.fullmatch(path) else "" for path in contents]
    return tuple(parts)


def _unfillable(template: str, context: Mapping[str, Any]) -> VariableError:
    """The error that names every tag of `template` that cannot be filled."""
    missing = unknown_paths(template, context)
    names = inputs_of(template)
    unused = [name for name in context if name not in names]
    lines, not_given = lines_of_missing(template, context), list[str]()
    for number, path in enumerate(missing):
        # A longer path leads into what another step made: there it is the path that is misspelt.
        given = misspelt_name(path, unused) if number < MOST_HINTS and path not in context else ""
        if given and "." not in path:
            or_write = f", or write {{{{{given}}}}} into the prompt" if PATH.fullmatch(given) else ""
            lines[number] = (
                f"{{{{{path}}}}} has no value; the input {given}, which the prompt does not use, may be "
                f"misspelt: call it {path}{or_write}"
            )
        elif path.partition(".")[0] not in context:
            not_given.append(path)
    return VariableError(
        visible(_listed([*lines, *_lines_of_others(template, context)])),
        missing=tuple(missing),
        not_given=tuple(not_given),
        remedy=remedy_in_python(not_given),
    )


def why_unfillable(template: str, context: Mapping[str, Any]) -> str:
    """Why `render` refuses tags, without a remedy; empty where it does not."""
    lines = [*lines_of_missing(template, context), *_lines_of_others(template, context)]
    return visible(_listed(lines)) if lines else ""


def _lines_of_others(template: str, context: Mapping[str, Any]) -> list[str]:
    """A line for each tag that is no path, or whose value no prompt can hold."""
    wrong = [f"{tag} is not a path: {remedy_for(tag)}" for tag in malformed(template)]
    return [*wrong, *lines_of_unusable(template, context)]


def remedy_in_python(not_given: Collection[str]) -> str:
    """How inputs are given that paths begin with; empty where there are none."""
    examples = {
        path.partition(".")[0]: "run" if is_into_output(path) else "{…}" if "." in path else '"…"'
        for path in not_given
    }
    inputs = ", ".join(f'"{name}": {value}' for name, value in islice(examples.items(), MOST_HINTS))
    return f"{how_many(examples)}: inputs={{{inputs}}}" if examples else ""


def how_many(names: Collection[str]) -> str:
    """The beginning of a remedy for inputs that were not given."""
    return "Give it a value" if len(names) == 1 else "Give each a value"


def is_into_output(path: str) -> bool:
    """Whether `path` leads into what an earlier step made."""
    return path.split(".")[1:2] == ["output"]


def unknown_paths(template: str, context: Mapping[str, Any]) -> list[str]:
    """The paths in `template` that lead nowhere in `context`."""
    return [path for path in paths(template) if not look_up(path, context)[0]]


def lines_of_missing(
    template: str,
    context: Mapping[str, Any],
    offered: Mapping[str, Any] | None = None,
    *,
    hinted: bool = True,
) -> list[str]:
    """A line for each path that leads nowhere; the first ones name the nearest that leads somewhere."""
    missing = unknown_paths(template, context)
    hints = [f"; {suggest(path, context, offered)}" for path in missing[: MOST_HINTS if hinted else 0]]
    hints += [""] * (len(missing) - len(hints))
    return [f"{{{{{path}}}}} has no value{hint}" for path, hint in zip(missing, hints, strict=True)]


def lines_of_unusable(template: str, context: Mapping[str, Any]) -> list[str]:
    """A line for each path whose value no prompt can hold."""
    found = ((path, *look_up(path, context)) for path in paths(template))
    reasons = ((path, _as_text(value)[1]) for path, exists, value in found if exists)
    return [f"{{{{{path}}}}} {reason}" for path, reason in reasons if reason]


def _as_text(value: Any) -> tuple[str, str]:
    """A value as it is written into a prompt, and why it cannot be (empty when it can)."""
    if isinstance(value, str):
        text = value
    elif value is None:
        return "", "is null: there is nothing to fill in; give it a value, or leave it out of the prompt"
    elif _holds_more(value, LONGEST_VALUE // 2):  # each takes a character and a comma, at the least
        return "", f"is more than {LONGEST_VALUE:,} characters long as JSON, which is all that fits a prompt"
    else:
        try:
            text = _compact(value)
        except ValueError:
            return "", "holds a number JSON cannot write (NaN, infinite, or far too long)"
    if len(text) > LONGEST_VALUE:
        return "", f"is {len(text):,} characters long; at most {LONGEST_VALUE:,} fit a prompt"
    return text, ""


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _holds_more(value: Any, most: int) -> bool:
    """Whether there are more than `most` values in `value`, without writing them all out."""
    waiting = [value]
    for item in waiting:
        if isinstance(item, list | dict):
            waiting.extend(item.values() if isinstance(item, dict) else item)
        if len(waiting) > most:
            return True
    return False


def _listed(lines: Sequence[str]) -> str:
    if len(lines) == 1:
        return lines[0]
    return f"{len(lines)} variables cannot be filled:\n" + "\n".join(f"  {line}" for line in lines)
