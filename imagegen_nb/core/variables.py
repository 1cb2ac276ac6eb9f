"""Fills `{{paths}}` in a prompt from plain data: one pass, nothing evaluated, nothing rendered twice.

A path is a name, then more names or list positions after dots: `product`,
`step_2.output.assets.0.file_url`. There are no filters, defaults or expressions, as on the platform.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from imagegen_nb.core.json_walk import walk
from imagegen_nb.core.redaction import mask, redact, visible
from imagegen_nb.errors import InvalidOption, VariableError

LONGEST_VALUE = 32_000
"""Characters one value may add to a prompt; more than a whole prompt may have is surely a mistake."""
LONGEST_TEXT = 100_000
"""Characters of a filled-in text: a long value used a thousand times must not fill the memory."""
LONGEST_PATH = 500
"""Characters of a path that is listed: nobody writes longer ones, and their number could be squared."""

_TAG = re.compile(r"\{\{([^{}]*)\}\}")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.(?:[A-Za-z_][A-Za-z0-9_]*|0|[1-9][0-9]{0,8}))*")
_BRACKETS = re.compile(r"""\.?\[\s*(?:(0|[1-9][0-9]{0,8})|["']?([A-Za-z_][A-Za-z0-9_]*)["']?)\s*\]""")
"""A position or name as Python, JavaScript and JSONPath write it: `[0]`, `["name"]`."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_BEGUN = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)?")
"""A tag that has begun, with as much of its path as there is."""
_SINGLE = re.compile(rf"(?<!\{{)\{{({_PATH.pattern})\}}(?!\}})")
"""What a variable looks like in Python's own templates."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_TAG = 100
"""Characters of a tag in what is told of it."""
_MOST_HINTS = 5
_MOST_NAMES = 50
_LONGEST_NAME = 32
"""Characters of a name that something like it is looked for; comparing long ones takes long."""
_MOST_LOOKED_FOR = 2
"""Unlike steps of one path that something like them is looked for."""


def paths(template: str) -> tuple[str, ...]:
    """The paths in `template`, each once, in order of appearance; malformed tags are left out."""
    contents = (inside.strip() for inside in dict.fromkeys(_TAG.findall(template)))
    return tuple(dict.fromkeys(path for path in contents if _PATH.fullmatch(path)))


def malformed(template: str) -> tuple[str, ...]:
    """Tags whose content is not a path, as written in the text."""
    contents = dict.fromkeys(_TAG.findall(template)) if "{{" in template else ()
    return tuple(f"{{{{{inside}}}}}" for inside in contents if not _PATH.fullmatch(inside.strip()))


def remedy_for(tag: str) -> str:
    """How a malformed tag is written; where its path is plain, as in `{{images[0].url}}`, that path."""
    if path := _plain_path(tag):
        return f"write {{{{{path}}}}}, with a dot before each name and position"
    return "write only names and positions between the braces, e.g. {{product}}"


def _plain_path(tag: str) -> str:
    """The path that a malformed tag means; empty where that is not plain."""
    path = _BRACKETS.sub(lambda match: f".{match[1] or match[2]}", tag.strip("{}").strip())
    path = path.removeprefix("$.").replace("..", ".")
    return path if _PATH.fullmatch(path) else ""


def unclosed(template: str) -> bool:
    """Whether `template` holds a `{{` that no `}}` closes; it is text then, but hardly meant so."""
    return next(_unclosed(template), None) is not None


def problems(
    template: str, context: Mapping[str, Any], offered: Mapping[str, Any] | None = None
) -> tuple[tuple[str, str], ...]:
    """What keeps `template` from saying what its author surely meant, each with the remedy: tags that
    `render` refuses, and braces that it would leave as text. Where no path is near to the one that was
    written, those of `offered` are named, a part of `context`, and all only where that has none."""
    # Where there is no other path yet, the author begins: what could be meant instead is then no matter.
    missing = _lines_of_missing(template, context, offered, hinted=bool(_names(context)))
    remedy = "Give it a value, or name another path" if _names(context) else "Give it a value"
    found = [(line, remedy) for line in missing]
    found += [(line, "Name a path that holds text") for line in _unusable(template, context)]
    found += [(wrong.line, mask(wrong.remedy)) for wrong in mistakes(template, context, offered)]
    found += single_braces(template, context)
    return tuple((visible(problem), visible(remedy)) for problem, remedy in found)


class Mistake(NamedTuple):
    """Braces that are a mistake whatever the inputs are: as they stand in the text, what is wrong with them,
    and the remedy."""

    written: str
    fault: str
    remedy: str

    @property
    def line(self) -> str:
        """All but the remedy, for people: without keys, which get into prompts too."""
        return f"{redact(self.written, limit=_LONGEST_TAG)} {self.fault}"


def mistakes(
    template: str, context: Mapping[str, Any] | None = None, offered: Mapping[str, Any] | None = None
) -> Iterator[Mistake]:
    """Tags of `template` whose content is no path, that are not closed, or that have braces inside. Where the
    inputs are known, as `context` and `offered` (see `problems`), a remedy names the nearest of them."""
    if "{{" not in template:
        return
    for tag in malformed(template):
        yield Mistake(tag, "is not a path", _sentence(remedy_for(tag)))
    begun = {match[0].rstrip().rstrip("."): (match[1] or "").rstrip(".") for match in _unclosed(template)}
    if begun and context is not None:
        context, offered = _with_named(template, context), _with_named(template, offered or {})
    for written, path in begun.items():
        yield Mistake(written, "is not closed", _sentence(_closed(path, context, offered)))
    if written := _nested(template):
        yield Mistake(written, "has braces inside", "Write only a path there, e.g. {{product}}")


def _nested(template: str) -> str:
    """The first braces within `{{ }}`, such as `{{ {x} }}`, as they stand in `template`; empty where none."""
    before, _, rest = _without_tags(template).partition("{{")
    inside, closed, _ = rest.partition("}}")
    return template[len(before) :][: len(inside) + 4] if closed else ""


def single_braces(template: str, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Of the inputs `names` those that `template` has as `{name}`, each with the remedy. A word in single
    braces that is no input is text as any other, such as JSON."""
    for path in _in_single_braces(template, names):
        yield f"{{{path}}} has single braces", f"Write {_tag(path)}"


def _in_single_braces(template: str, names: Collection[str]) -> list[str]:
    if _nested(template):  # a mistake by itself, and to double the braces in it would be another
        return []
    written = dict.fromkeys(_SINGLE.findall(_without_tags(template)))
    return [path for path in written if path.partition(".")[0] in names]


def fill(template: str, context: Mapping[str, Any]) -> str:
    """As `render`, for a prompt: raises `VariableError` also for an input in single braces, which would be
    sent as text and is hardly meant so."""
    if "{" in template and (found := list(single_braces(template, context))):
        lines = "; ".join(f"{problem}: {remedy}" for problem, remedy in found[:_MOST_HINTS])
        raise VariableError(
            f"the prompt has braces that are no variable: {lines}. Braces that are to be sent as they stand "
            'can be an input: prompt="… {{braces}}", inputs={"braces": "{braces}"}'
        )
    return render(template, context)


def how_to_use(names: Collection[str], template: str) -> str:
    """What is surely meant where inputs are given that `template` does not use: that one of them stands in
    it, but in single braces or without any, or that the template has no variable at all; else empty."""
    names = list(filter(is_name, names))
    if wrong := next(single_braces(template, names), None):
        return ": ".join(wrong)
    written = _written_out(names, template)
    meant = written if written or paths(template) else names
    return f"did you mean {_tag(meant[0])}?" if meant else ""


def note_of_unused(template: str, context: Mapping[str, Any]) -> str:
    """What to tell of values that `template` does not use; empty where there is nothing. Beside variables,
    only a text or number whose name the template has as a plain word is told of: the others may well be
    what other steps need."""
    named = {path.partition(".")[0] for path in paths(template)}
    unused = [name for name in context if name not in named]
    if named:
        plain = [name for name in unused if isinstance(context[name], str | int | float)]
        unused = _written_out(plain, template)
    if not unused:
        return ""
    hint = how_to_use(unused, template)
    given = ", ".join(visible(name) for name in unused[:_MOST_HINTS])
    return f"the prompt does not use the input{'s' * (len(unused) > 1)} {given}{hint and f'; {hint}'}"


def _written_out(names: Iterable[str], template: str) -> list[str]:
    """Those of `names` that `template` has as a plain word, outside its tags."""
    words = set(_WORD.findall(_without_tags(template)))
    return [name for name in names if name in words]


def _with_named(template: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """`context` with the inputs that `template` names itself: it can name each of them once more."""
    return {**dict.fromkeys((path for path in paths(template) if is_name(path)), ""), **context}


def _closed(path: str, context: Mapping[str, Any] | None, offered: Mapping[str, Any] | None) -> str:
    """How a tag that was not closed is written."""
    # Where there is no input yet, the author begins, as in `problems`.
    if path and (not context or _look_up(path, context)[0]):
        return f"write {_tag(path)}"
    hint = _suggest(path, context, offered) if path and context else ""
    return f"close it with }}}}{hint and f'; {hint}'}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _unclosed(template: str) -> Iterator[re.Match[str]]:
    """The tags that have begun and do not end, as they stand in `template`."""
    text = _without_tags(template)
    # Behind the last "}}": what a later one closes is nested.
    return _BEGUN.finditer(text, text.rfind("}}") + 2 if "}}" in text else 0)


@lru_cache(maxsize=16)
def _without_tags(template: str) -> str:
    # As much in their place, which is no space: the braces around a tag are no pair, what is behind it is not
    # what an earlier one begins with, and the rest stands where it stood.
    return _TAG.sub(lambda tag: "\0" * len(tag[0]), template)


def is_path(text: str) -> bool:
    """Whether `text` can stand between `{{` and `}}`."""
    return _PATH.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether a path can begin with `text`."""
    return _NAME.fullmatch(text) is not None


def check_identifier(name: object) -> None:
    """Raise `InvalidOption` for a name no path can begin with; None is no name."""
    if name is not None and not (isinstance(name, str) and is_name(name)):
        raise InvalidOption(
            f"identifier = {name!r}: use letters, digits and _, not beginning with a digit, e.g. step_2"
        )


def render(template: str, context: Mapping[str, Any]) -> str:
    """`template` with every tag replaced by its value from `context` (plain data, see `core/plain_data.py`).

    Text stays as it is; numbers, true and false are written as JSON, arrays and objects as compact
    JSON. Raises one `VariableError` that names every tag that cannot be filled, and why.
    """
    parts = list(_split(template))
    values: dict[str, str] = {}
    for path in parts[1::2]:
        if path not in values:
            exists, value = _look_up(path, context) if path else (False, None)
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
    return _TAG.sub(lambda tag: "" if tag[1].strip().partition(".")[0] in names else tag[0], template)


@lru_cache(maxsize=16)
def _split(template: str) -> tuple[str, ...]:
    """Text and path in turn, as they stand in `template`; an empty path for what is none. Many runs fill in
    the same prompt."""
    parts = _TAG.split(template)
    contents = [inside.strip() for inside in parts[1::2]]
    parts[1::2] = [path if _PATH.fullmatch(path) else "" for path in contents]
    return tuple(parts)


def _unfillable(template: str, context: Mapping[str, Any]) -> VariableError:
    """The error that names every tag of `template` that cannot be filled."""
    wrong = [f"{tag} is not a path: {remedy_for(tag)}" for tag in malformed(template)]
    lines = [*_lines_of_missing(template, context), *wrong, *_unusable(template, context)]
    return VariableError(visible(_listed(lines)), missing=tuple(_missing(template, context)))


def _missing(template: str, context: Mapping[str, Any]) -> list[str]:
    return [path for path in paths(template) if not _look_up(path, context)[0]]


def _lines_of_missing(
    template: str,
    context: Mapping[str, Any],
    offered: Mapping[str, Any] | None = None,
    *,
    hinted: bool = True,
) -> list[str]:
    """A line for each path that leads nowhere; the first ones name the nearest that leads somewhere."""
    missing = _missing(template, context)
    hints = [f"; {_suggest(path, context, offered)}" for path in missing[: _MOST_HINTS if hinted else 0]]
    hints += [""] * (len(missing) - len(hints))
    return [f"{{{{{path}}}}} has no value{hint}" for path, hint in zip(missing, hints, strict=True)]


def _unusable(template: str, context: Mapping[str, Any]) -> list[str]:
    """A line for each path whose value no prompt can hold."""
    found = ((path, *_look_up(path, context)) for path in paths(template))
    reasons = ((path, _as_text(value)[1]) for path, exists, value in found if exists)
    return [f"{{{{{path}}}}} {reason}" for path, reason in reasons if reason]


def _as_text(value: Any) -> tuple[str, str]:
    """A value as it is written into a prompt, and why it cannot be (empty when it can)."""
    if isinstance(value, str):
        text = value
    elif value is None:
        return "", "is null: there is nothing to fill in"
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


def _look_up(path: str, data: Any) -> tuple[bool, Any]:
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


def _suggest(path: str, context: Mapping[str, Any], offered: Mapping[str, Any] | None = None) -> str:
    """What may be meant instead of a path that leads nowhere; for `offered` see `problems`."""
    names = ", ".join(_tag(name) for name in (_names(offered) or _names(context))[:8])
    return nearest(path, context) or (f"available: {names}" if names else "no inputs were given")


def nearest(path: str, context: Mapping[str, Any]) -> str:
    """What says which path there is nearest to one that leads nowhere; empty where none is near."""
    found, beyond = _approach(path, context)
    if beyond is not None:
        return f"{{{{{found}}}}} has {', '.join(_names(beyond)[:8]) or 'nothing'}"
    return f"the nearest available path is {{{{{found}}}}}" if found else ""


def corrections(template: str, context: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """For tags of `template` that lead nowhere, are no path, have single braces or are not closed, where one
    path is meant: the tag, that path, and `template` with it in the tag's place."""
    for path in _missing(template, context)[:_MOST_HINTS]:
        if meant := _meant(path, context):
            corrected = _TAG.sub(lambda tag: _tag(meant) if tag[1].strip() == path else tag[0], template)  # noqa: B023
            yield _tag(path), meant, corrected
    for tag in malformed(template)[:_MOST_HINTS]:
        if meant := _plain_path(tag):
            yield tag, meant, template.replace(tag, _tag(meant))
    for path in _in_single_braces(template, context)[:_MOST_HINTS]:
        if meant := _meant(path, context):
            corrected = _SINGLE.sub(lambda tag: _tag(meant) if tag[1] == path else tag[0], template)  # noqa: B023
            yield f"{{{path}}}", meant, corrected
    context = _with_named(template, context)
    for begun in islice(_unclosed(template), _MOST_HINTS):
        path = (begun[1] or "").rstrip(".")
        if path and (meant := _meant(path, context)):
            end = begun.end() - len(begun[1]) + len(path)
            yield begun[0].rstrip("."), meant, f"{template[: begun.start()]}{_tag(meant)}{template[end:]}"


def _meant(path: str, context: Mapping[str, Any]) -> str:
    """The path itself, or the one that is nearest to it; empty where none is near."""
    found, beyond = _approach(path, context)
    return found if beyond is None else ""


def _tag(path: str) -> str:
    return f"{{{{{path}}}}}"


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
    for name in _names(data) if isinstance(data, dict) else ():
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

    close = difflib.get_close_matches(segment, _names(data), n=1, cutoff=cutoff)
    return close[0] if close else ""


def _names(data: Any) -> list[str]:
    """Keys of an object that a path can be written with."""
    keys = list(data)[:_MOST_NAMES] if isinstance(data, Mapping) else []
    return [key for key in keys if len(key) <= _LONGEST_NAME and _PATH.fullmatch(key) and "." not in key]


def leaves(data: Any) -> Iterator[tuple[str, Any]]:
    """Every path into plain `data` with its value, containers before what they hold.

    What lies deeper than a path of `LONGEST_PATH` characters is left out.
    """
    for node in walk(data):
        if node.parent is not None and node.length <= LONGEST_PATH:
            yield node.dotted, node.value
