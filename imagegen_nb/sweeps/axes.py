"""What varies in a sweep: axes with their values, or rows out of dicts, a CSV file or a table.

An axis is a setting by its platform key, or an input as `inputs.<name>`. Everything here is about the form of
what a user gives; whether a combination can be run is decided in `cells`.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagegen_nb.core import given_files, variable_mistakes, variable_paths, variables
from imagegen_nb.core.atomic_files import explain, read_bounded, user_path
from imagegen_nb.core.frames import rows_of
from imagegen_nb.core.html_repr import byte_size
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.redaction import mask
from imagegen_nb.core.words import shortened
from imagegen_nb.errors import InvalidOption, VariableError
from imagegen_nb.providers import catalog
from imagegen_nb.providers.capabilities import Integer, Model
from imagegen_nb.step.step import ImageGenerationStep

INPUTS = "inputs."
MOST_CELLS = 100_000
_LARGEST_FILE = 50_000_000
_DELIMITERS = ",;\t"
_NAMED_DELIMITER = re.compile(r'"?sep=([^\r\n])"?[ \t]*(?:\r\n?|\n)', re.IGNORECASE)
"""The line by which Excel is told of a delimiter, before that of the names."""
_LONGEST_NAME = 100
"""Characters of an unknown name that are compared with the known ones."""
_SEPARATORS = re.compile(r"[\s-]+")
_WRITTEN_NUMBER = re.compile(r"([0-9]{1,18})(?:\.0*)?")
_WRITTEN_INPUT = re.compile(r"inputs?(?:[._\[][\"']?|$)")
"""How the axis of an input begins, and what people write for it."""


class _Kept:
    """Stands in a row where it says nothing of an axis: the step's own value, or input, stays."""

    def __repr__(self) -> str:
        return "(as in the step)"


KEPT = _Kept()


@dataclass(frozen=True, slots=True)
class Axes:
    """The names of what varies, and each combination's values in that order. `of_rows` are the names that
    came from rows, and so vary together."""

    names: tuple[str, ...]
    combinations: list[tuple[Any, ...]]
    of_rows: frozenset[str] = frozenset()


def read(
    step: ImageGenerationStep, over: Mapping[str, Iterable[Any]] | None = None, rows: object = None
) -> Axes:
    """The axes of `over`, each combined with each and with every row. Raises `InvalidOption`."""
    if over is not None and not isinstance(over, Mapping):
        raise InvalidOption(
            f"over is of type {type(over).__name__}: give the values by axis, e.g. "
            'over={"model": ["gpt-image-2", "grok-imagine-image"]}, or rows=... for a table'
        )
    row_dicts = [] if rows is None else _rows(rows)
    given = {name: _values(name, values) for name, values in (over or {}).items()}
    prompts = [step.prompt, *given.get("prompt", ())]
    prompts += [row["prompt"] for row in row_dicts if "prompt" in row]
    over_names = {name: _axis(name, prompts, "over") for name in given}
    axes = {over_names[name]: values for name, values in given.items()}
    if not axes and rows is None:
        raise InvalidOption('nothing varies: give over={"prompt": ["…", "…"]}, or rows=...')
    columns = dict.fromkeys(name for row in row_dicts for name in row)
    renamed = {column: _axis(column, prompts, "rows") for column in columns}
    if both := [column for column, name in renamed.items() if name in axes]:
        raise InvalidOption(f"{both[0]} is in both over and rows: leave it out of one of them")
    names = (*renamed.values(), *over_names.values())
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidOption(f"{twice} is given twice: leave one of them out")
    if rows is not None and not row_dicts:
        raise InvalidOption("rows is empty: give at least one")
    count = max(1, len(row_dicts))
    for values in axes.values():
        count *= len(values)
    if count > MOST_CELLS:
        parts = [f"{name} ({len(values):,})" for name, values in axes.items()]
        raise InvalidOption(
            f"the axes make {count:,} cells: {' × '.join(parts)}; a sweep has at most {MOST_CELLS:,}: "
            "shorten an axis, or make several sweeps"
        )
    combinations = [
        tuple(
            _cell_value(row.get(column, KEPT), name, f"rows[{number}].{column}")
            for column, name in renamed.items()
        )
        for number, row in enumerate(row_dicts)
    ] or [()]
    for values in axes.values():
        combinations = [(*before, value) for before in combinations for value in values]
    return Axes(names, combinations, frozenset(renamed.values()))


def changes_of(names: Sequence[str], values: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings and the inputs, by their paths, that a combination of values changes."""
    given = {name: value for name, value in zip(names, values, strict=True) if value is not KEPT}
    settings = {name: value for name, value in given.items() if not name.startswith(INPUTS)}
    inputs = {name.removeprefix(INPUTS): value for name, value in given.items() if name.startswith(INPUTS)}
    return settings, inputs


def with_inputs(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values at the paths of `changes`. Raises `InvalidOption` for a path into what is no
    object."""
    inputs = dict(base)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = inputs
        for parent in parents:
            inner = place.get(parent, {})
            if not isinstance(inner, dict):
                raise InvalidOption(
                    f"inputs.{path}: {parent} is not an object in the sweep's inputs: nothing in it can vary"
                )
            place[parent] = dict(inner)
            place = place[parent]
        place[last] = value
    return inputs


def label(value: Any, longest: int = 0) -> str:
    """A value for people: text as it is, anything else as JSON; cut where it is longer than `longest`."""
    if value is None:
        return "(unset)"
    text = mask(value if isinstance(value, str) else repr(value) if value is KEPT else _as_json(value))
    return shortened(text, longest) if longest else text


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _axis(name: object, prompts: Sequence[object], where: str) -> str:
    """The axis that a name means. Raises `InvalidOption` with the nearest for one that is none."""
    known = list(ImageGenerationStep.model_fields)
    told = f"{where} has the {'column' if where == 'rows' else 'axis'} {name!r}"
    if not isinstance(name, str):
        raise InvalidOption(f'{told}: an axis is text, such as "model"')
    if name in known:
        return name
    roots = dict.fromkeys(path.partition(".")[0] for prompt in prompts for path in _paths(prompt))
    path = name.removeprefix(INPUTS)
    if path.partition(".")[0] in roots:
        variable_paths.check_identifier(path.partition(".")[0])
        return f"{INPUTS}{path}"
    inputs = [f"{INPUTS}{root}" for root in roots]
    text = "\n".join(prompt for prompt in prompts if isinstance(prompt, str))
    braces = ": ".join(next(variable_mistakes.single_braces(text, [path.partition(".")[0]]), ()))
    written = [f"{INPUTS}{path}" for prompt in prompts for path in _paths(prompt)]
    close = nearest_axis(name, [*written, *inputs, *known])
    meant = braces or (close and f"did you mean {close}?")
    plain_name = _WRITTEN_INPUT.sub("", name)
    into = f"write {{{{{plain_name}}}}} into the prompt" if variable_paths.is_path(plain_name) else ""
    if name.startswith(INPUTS):
        has = f"it has {', '.join(inputs)}" if inputs else "it has no variables"
        remedy = meant or f"{into or 'correct its name'}, or leave it out"
        raise InvalidOption(f"{told}, which no prompt uses ({has}): {remedy}")
    remedy = meant or f"use {', '.join([*known, *inputs])}{into and f', or {into}'}"
    raise InvalidOption(f"{told}, which is neither a setting nor an input: {remedy}")


def nearest_axis(name: str, axes: Sequence[str]) -> str:
    """The one of `axes` that a misspelt name most likely means, of equals the first; else empty.

    Each can also be written by its end, `quality` or `product`: so is what people misspell.
    """
    written = _SEPARATORS.sub("_", name[:_LONGEST_NAME].strip(" {}[]\t").casefold())
    is_input = _WRITTEN_INPUT.match(written)
    rest = written[is_input.end() :] if is_input else written
    if is_input and not rest:
        return next((axis for axis in axes if axis.startswith(INPUTS)), "")
    if is_input:  # with its beginning a setting is meant only by its whole name
        axes = [axis for axis in axes if axis.startswith(INPUTS) or axis == rest]
    scores = {axis: max(_likeness(rest, end) for end in _ends(axis)) for axis in axes}
    nearest = max(scores, key=scores.__getitem__, default="")
    return nearest if nearest and scores[nearest] >= (0.5 if is_input else 0.6) else ""


def _likeness(written: str, name: str) -> float:
    return difflib.SequenceMatcher(None, written, name.casefold()).ratio()


def _ends(axis: str) -> Iterator[str]:
    """An axis without its first words."""
    mark = "." if axis.startswith(INPUTS) else "_"
    words = axis.removeprefix(INPUTS).split(mark)
    return (mark.join(words[number:]) for number in range(len(words)))


def _paths(prompt: object) -> tuple[str, ...]:
    return variables.paths(prompt) if isinstance(prompt, str) else ()


def _values(name: object, values: Any) -> list[Any]:
    """The values of an axis. Raises `InvalidOption`, naming it, for what is no list of different ones."""
    place = f"over[{name!r}]"
    if isinstance(values, str | bytes | Mapping | Model) or not isinstance(values, Iterable):
        example = mask(repr(values))[:60]
        raise InvalidOption(f"{place} = {example}: give a list of values, e.g. [{example}]")
    if isinstance(values, set | frozenset):
        raise InvalidOption(f"{place} is a set, which has no order: give a list")
    found: list[Any] = []
    for number, value in enumerate(values):
        if number >= MOST_CELLS:
            raise InvalidOption(f"{place} has more than {MOST_CELLS:,} values: shorten it")
        found.append(_cell_value(value, name, f"{place}[{number}]"))
    if not found:
        raise InvalidOption(f"{place} is empty: give at least one value, or leave the axis out")
    seen: set[str] = set()
    for value in found:
        key = _as_json(value)
        if key in seen:
            raise InvalidOption(
                f"{place} has {label(value, 60)!r} twice: leave one out; repeats=2 runs each cell twice"
            )
        seen.add(key)
    return found


def _cell_value(value: Any, name: object, place: str) -> Any:
    """A value as plain data; a declared model is its name, and usable from now on."""
    if value is KEPT or value is None:
        return value
    if name == "model" and isinstance(value, Model):
        return catalog.declare(value).model.name
    try:
        return plain(value, place)
    except VariableError as error:
        raise InvalidOption(str(error)) from None


def _rows(rows: object) -> list[dict[str, Any]]:
    """Rows as dicts. Raises `InvalidOption` naming the row and what is wrong with it."""
    if isinstance(rows, str | os.PathLike):
        return _from_csv(rows)
    table = rows_of(rows)
    if table is not None:
        # Of columns of one name pandas gives the last one only, with a warning of its own.
        _check_named_once([str(name) for name in getattr(rows, "columns", ())], "rows")
    for name in ("collect", "compute") if table is None else ():  # of polars, of Dask
        if hasattr(type(rows), "columns") and callable(getattr(rows, name, None)):
            raise InvalidOption(f"rows is a table that was not read yet: give rows=table.{name}()")
    given = rows if table is None else table
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise InvalidOption(
            f"rows is of type {type(rows).__name__}: give a list of dicts, the path of a CSV file, or a "
            "table of pandas or polars"
        )
    found: list[dict[str, Any]] = []
    for number, row in enumerate(given):
        if number >= MOST_CELLS:
            raise InvalidOption(f"rows has more than {MOST_CELLS:,} rows: make several sweeps")
        if not isinstance(row, Mapping):
            raise InvalidOption(
                f"rows[{number}] is of type {type(row).__name__}: give a dict of values by axis"
            )
        # A table has a place for every value: nothing in it means that the row says nothing.
        told = dict(row)
        if table is not None:
            told = {name: _whole(name, value) for name, value in row.items() if value is not None}
        found.append({str(name): value for name, value in told.items()})
    return found


def _from_csv(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    target = user_path(path, InvalidOption)
    try:
        data = read_bounded(target, _LARGEST_FILE)
    except FileNotFoundError:
        raise InvalidOption(f"rows: {given_files.missing(target, ('.csv',))}") from None
    except OSError as error:
        reason = explain(error)
    else:
        if data is None:
            raise InvalidOption(
                f"rows: {target} has more than {byte_size(_LARGEST_FILE)}: make several sweeps"
            )
        try:
            return _csv_rows(data.decode("utf-8-sig"), str(target))
        except UnicodeDecodeError:
            reason = "it is not UTF-8: save it as “CSV UTF-8”"
    raise InvalidOption(f"rows: cannot read {target}: {reason}")


def _csv_rows(text: str, path: str) -> list[dict[str, Any]]:
    """The first line names the axes. An empty field leaves a setting as it is in the step, and is an empty
    text for an input."""
    whole, text = text, text.lstrip("\r\n")
    named = _NAMED_DELIMITER.match(text)
    text = text[named.end() :].lstrip("\r\n") if named else text
    above = len(whole[: len(whole) - len(text)].splitlines())
    first = next(iter(text.splitlines()), "")
    delimiter = named[1] if named else max(_DELIMITERS, key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        _check_named_once([name.strip() for name in reader.fieldnames or ()], f"rows: {path}")
        for row in reader:
            if None in row:
                raise InvalidOption(
                    f"rows: {path}, line {above + reader.line_num}: more values than the first line has "
                    f"names; text with a {delimiter!r} in it needs quotes"
                )
            told = {(name or "").strip(): value for name, value in row.items() if _says(name, value)}
            if told.get("") is not None:
                raise InvalidOption(
                    f"rows: {path}, line {above + reader.line_num}: {shortened(told[''], 60)!r} stands in a "
                    "column without a name: name it in the first line, or leave it out. A table of pandas is "
                    "written without its row numbers by to_csv(path, index=False)"
                )
            rows.append(told)
    except csv.Error as error:
        raise InvalidOption(
            f"rows: {path}, line {above + reader.line_num}: {error}. Are all quotes closed?"
        ) from None
    return [{name: _typed(name, value) for name, value in row.items()} for row in rows]


def _check_named_once(names: Sequence[str], where: str) -> None:
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise InvalidOption(f"{where} has the column {twice[0]!r} twice: leave one out")


def _says(name: str | None, value: str | None) -> bool:
    """Whether a field is there; an empty one says nothing of a setting, nor in a column without a name."""
    own = (name or "").strip()
    return value is not None and (value != "" or (own != "" and own not in ImageGenerationStep.model_fields))


def _typed(name: str, value: str) -> Any:
    """A CSV file has only text: numbers of settings that take numbers are numbers. Tables write whole ones as
    1.0 where another in the column is missing."""
    whole = _WRITTEN_NUMBER.fullmatch(value.strip()) if _takes_numbers(name) else None
    return int(whole[1]) if whole else value


def _whole(name: object, value: Any) -> Any:
    """A column in which a number is missing holds the others as fractions."""
    is_whole = isinstance(value, float) and value.is_integer() and _takes_numbers(name)
    return int(value) if is_whole else value


def _takes_numbers(name: object) -> bool:
    if name not in ImageGenerationStep.model_fields:
        return False
    own = [entry.model.settings.get(str(name)) for entry in catalog.models()]
    return any(isinstance(kind, Integer) for kind in [ImageGenerationStep.kinds().get(str(name)), *own])
