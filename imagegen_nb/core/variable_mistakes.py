"""What keeps a prompt from saying what its author meant: variables without a value, tags that are no path or
are not closed, inputs in single braces or without any; each with its remedy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from imagegen_nb.core.keywords import did_you_mean
from imagegen_nb.core.redaction import mask, redact, visible
from imagegen_nb.core.variable_paths import PATH, is_name, likeliest, look_up, names_in, suggest, tag_of
from imagegen_nb.core.variables import (
    MOST_HINTS,
    TAG,
    inputs_of,
    lines_of_missing,
    lines_of_unusable,
    malformed,
    paths,
    plain_path,
    remedy_for,
    render,
    unknown_paths,
)
from imagegen_nb.errors import VariableError

_SINGLE = re.compile(rf"(?<!\{{)\{{({PATH.pattern})\}}(?!\}})")
"""What a variable looks like in Python's own templates."""
_BEGUN = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)?")
"""A tag that has begun, with as much of its path as there is."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_NAMED = 50
"""Inputs of one prompt that something is looked for among: comparing many takes long."""
_LONGEST_TAG = 100
"""Characters of a tag in what is told of it."""


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
    missing = lines_of_missing(template, context, offered, hinted=bool(names_in(context)))
    remedy = "Give it a value, or name another path" if names_in(context) else "Give it a value"
    found = [(line, remedy) for line in missing]
    found += [(line, "Name a path that holds text") for line in lines_of_unusable(template, context)]
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
        named = _named(template, context)
        context, offered = {**named, **context}, {**named, **(offered or {})}
    whole = frozenset(paths(template)) if begun else frozenset[str]()
    for written, path in begun.items():
        hint = f"write {tag_of(path)}" if path in whole else _closed(path, context, offered)
        yield Mistake(written, "is not closed", _sentence(hint))
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
        yield f"{{{path}}} has single braces", f"Write {tag_of(path)}"


def _in_single_braces(template: str, names: Collection[str]) -> list[str]:
    if _nested(template):  # a mistake by itself, and to double the braces in it would be another
        return []
    written = dict.fromkeys(_SINGLE.findall(_without_tags(template)))
    return [path for path in written if path.partition(".")[0] in names]


def fill(template: str, context: Mapping[str, Any]) -> str:
    """As `render`, for a prompt: raises `VariableError` also for an input in single braces, which would be
    sent as text and is hardly meant so."""
    if "{" in template and (found := list(single_braces(template, context))):
        lines = "; ".join(f"{problem}: {remedy}" for problem, remedy in found[:MOST_HINTS])
        raise VariableError(
            f"the prompt has braces that are no variable: {lines}. Braces that are to be sent as they stand "
            'can be an input: prompt="… {{braces}}", inputs={"braces": "{braces}"}'
        )
    return render(template, context)


def how_to_use(names: Collection[str], template: str) -> str:
    """What is surely meant where inputs are given that `template` does not use: that one of them stands in
    it, but in single braces or without any, that one is a variable misspelt, or that the template has no
    variable at all; else empty."""
    names = list(filter(is_name, names))
    if wrong := next(single_braces(template, names), None):
        return ": ".join(wrong)
    written, named = _written_out(names, template), inputs_of(template)
    if meant := written if written or named else names:
        return f"did you mean {tag_of(meant[0])}?"
    hints = (did_you_mean(name, named) for name in names[:MOST_HINTS])
    return next((hint for hint in hints if hint.endswith("?")), "")


def notes(template: str, context: Mapping[str, Any]) -> list[str]:
    """What to tell of a `template` that can be filled, but then hardly says what its author meant: of values
    that it does not use, of those that are empty, and of braces around its variables."""
    told = (
        note_of_unused(template, context),
        note_of_empty(template, context),
        note_of_braces_around(template),
    )
    return [note for note in told if note]


def note_of_unused(template: str, context: Mapping[str, Any]) -> str:
    """What to tell of values that `template` does not use; empty where there is nothing. Beside variables,
    only texts and numbers are told of: an object may well be what other steps need."""
    named = inputs_of(template)
    unused = [name for name in context if name not in named]
    if named:
        unused = [name for name in unused if isinstance(context[name], str | int | float)]
    if not unused:
        return ""
    hint = how_to_use(unused, template)
    given = ", ".join(visible(name) for name in unused[:MOST_HINTS])
    return f"the prompt does not use the input{'s' * (len(unused) > 1)} {given}{hint and f'; {hint}'}"


def note_of_empty(template: str, context: Mapping[str, Any]) -> str:
    """What to tell of variables whose text is empty: the prompt is sent with a gap."""
    values = ((path, look_up(path, context)[1]) for path in paths(template))
    empty = [tag_of(path) for path, value in values if isinstance(value, str) and not value.strip()]
    if not empty:
        return ""
    are, their = ("is", "its") if len(empty) == 1 else ("are", "their")
    return f"{', '.join(empty[:MOST_HINTS])} {are} empty, so the prompt has nothing in {their} place"


def note_of_braces_around(template: str) -> str:
    """What to tell of variables in three braces, `{{{product}}}`: the outer ones are sent as text, which may
    be meant, as in JSON; empty where there are none."""
    if "{{{" not in template and "}}}" not in template:
        return ""
    around = _without_tags(template)
    is_balanced = around.count("{") == around.count("}")
    found: dict[str, str] = {}
    for tag in TAG.finditer(template):
        path = tag[1].strip()
        before = "{" * template.startswith("{", max(tag.start() - 1, 0), tag.start())
        after = "}" * template.startswith("}", tag.end())
        # Of one alone the other may stand elsewhere, in its place.
        if PATH.fullmatch(path) and (before and after if is_balanced else before or after):
            found[f"{before}{tag_of(path)}{after}"] = path
    if not found:
        return ""
    written, path = next(iter(found.items()))
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return (
        f"the prompt has {redact(written, limit=_LONGEST_TAG)}{others}, whose outer braces are sent as text; "
        f"write {redact(tag_of(path), limit=_LONGEST_TAG)} where that is not meant"
    )


def _written_out(names: Iterable[str], template: str) -> list[str]:
    """Those of `names` that `template` has as a plain word, outside its tags."""
    words = set(_WORD.findall(_without_tags(template)))
    return [name for name in names if name in words]


def _named(template: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that `template` names itself: it can name each of them once more. One that has no value and
    is near to a path that has one is misspelt, and nothing to be offered."""
    names = islice(filter(is_name, paths(template)), _MOST_NAMED)
    return {name: "" for name in names if name in context or not likeliest(name, context)}


def _closed(path: str, context: Mapping[str, Any] | None, offered: Mapping[str, Any] | None) -> str:
    """How a tag that was not closed is written."""
    # Where there is no input yet, the author begins, as in `problems`.
    if path and (not context or look_up(path, context)[0]):
        return f"write {tag_of(path)}"
    hint = suggest(path, context, offered) if path and context else ""
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
    return TAG.sub(lambda tag: "\0" * len(tag[0]), template)


def corrections(template: str, context: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """For tags of `template` that lead nowhere, are no path, have single braces or are not closed, where one
    path is meant: the tag, that path, and `template` with it in the tag's place."""
    for path in unknown_paths(template, context)[:MOST_HINTS]:
        if meant := likeliest(path, context):
            corrected = TAG.sub(lambda tag: tag_of(meant) if tag[1].strip() == path else tag[0], template)  # noqa: B023
            yield tag_of(path), meant, corrected
    for tag in malformed(template)[:MOST_HINTS]:
        if meant := plain_path(tag):
            yield tag, meant, template.replace(tag, tag_of(meant))
    for path in _in_single_braces(template, context)[:MOST_HINTS]:
        if meant := likeliest(path, context):
            corrected = _SINGLE.sub(lambda tag: tag_of(meant) if tag[1] == path else tag[0], template)  # noqa: B023
            yield f"{{{path}}}", meant, corrected
    context, whole = {**_named(template, context), **context}, paths(template)
    for begun in islice(_unclosed(template), MOST_HINTS):
        path = (begun[1] or "").rstrip(".")
        if path and (meant := path if path in whole else likeliest(path, context)):
            end = begun.end() - len(begun[1]) + len(path)
            yield begun[0].rstrip("."), meant, f"{template[: begun.start()]}{tag_of(meant)}{template[end:]}"
