"""Inputs as people write them in notebooks, turned into the plain JSON data that paths walk through.

A value becomes what it means: a member of an enumeration its value, a date its ISO form, a model or dataclass
an object with its fields. What has no one meaning as text (sets, bytes, pictures) is refused, with a way out.
Arrays of other libraries are known by their shape, so that none of those libraries is imported.
"""

from __future__ import annotations

import collections.abc as abstract
import dataclasses
import inspect
import math
import numbers
import operator
import os
from collections import UserString
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import SimpleNamespace
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

import pydantic

from imagegen_nb.errors import VariableError

_DEEPEST = 64
_MOST_IN_ARRAY = 100_000
"""Values of one array: a picture's pixels are surely a mistake, and to copy them takes long."""
_LONGEST_DECIMAL = 40
"""Digits a decimal number is written out with; beyond it keeps its exponent."""
_UNKNOWN = object()


@runtime_checkable
class HasContext(Protocol):
    """A value that later prompts can refer to, such as a run: it gives its plain data."""

    def as_context(self) -> dict[str, Any]:
        """The data paths walk through, made of dict, list, str, int, float, bool and None."""
        ...


def plain(value: object, place: str = "inputs", depth: int = 0) -> Any:
    """A copy of `value` in plain JSON types; a run gives its output.

    Raises `VariableError` naming the place for anything that cannot be one, and for nesting past 64 levels.
    """
    if depth > _DEEPEST:
        raise VariableError(f"{place} is nested deeper than {_DEEPEST} levels (does it contain itself?)")
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, type):  # a class has its instances' attributes, and is none of them
        raise _refusal(value, place)
    if isinstance(value, HasContext):
        return plain(value.as_context(), place, depth + 1)
    try:
        simpler = _simpler(value)
    except Exception as error:  # noqa: BLE001 - a field's own code may raise anything
        reason = type(error).__name__
    else:
        if simpler is _UNKNOWN:
            raise _refusal(value, place)
        return _copy(simpler, place, depth)
    raise VariableError(
        f"{place}, a {type(value).__name__}, could not be read ({reason}): pass it as text, a list or a dict"
    )


def _copy(value: object, place: str, depth: int) -> Any:
    """`value` with everything in it plain."""
    if isinstance(value, dict):
        return {
            _key(key, place): plain(item, f"{place}.{_key(key, place)}", depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [plain(item, f"{place}.{index}", depth + 1) for index, item in enumerate(value)]
    return plain(value, place, depth + 1)


def _key(key: object, place: str) -> str:
    """As text; a whole number as its digits, as JSON writes it."""
    key = key.value if isinstance(key, Enum) else key
    if hasattr(key, "__index__") and not isinstance(key, bool):
        return str(operator.index(key))
    if not isinstance(key, str):
        raise VariableError(f"{place} has the key {key!r}; keys must be text")
    return str.__str__(key)


def _simpler(value: object) -> Any:
    """`value` one step nearer to plain data: text, a number, a dict, a list, or what it wraps."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime) and value != value:  # the NaT of pandas, "no time"
        return None
    for kinds, written in _WRITTEN:
        if isinstance(value, kinds):
            return written(value)
    if isinstance(value, pydantic.AnyUrl):  # not in the table: pydantic loads its networks when it is named
        return str(value)
    if hasattr(value, "shape") and not isinstance(value, memoryview):
        return _from_array(value)
    for kinds, number in _NUMBERS:
        if isinstance(value, kinds):
            return number(value)
    if (fields := _fields(value)) is not None:
        return fields
    if isinstance(value, Mapping):
        return dict(value.items())
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    return None if type(value).__name__ == "NAType" else _UNKNOWN  # pandas' "not available"


def _decimal(value: Decimal) -> str | float:
    """As text, since a number loses the zeros of 9.90; NaN and infinity as floats, which a prompt refuses."""
    if not value.is_finite():
        return math.nan if value.is_nan() else float(value)
    digits = value.as_tuple()
    written_out = len(digits.digits) + abs(int(digits.exponent))
    return f"{value:f}" if written_out <= _LONGEST_DECIMAL else str(value)


def _path(value: os.PathLike[Any]) -> str:
    return os.fsdecode(os.fspath(value))


_WRITTEN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (str, str.__str__),  # not what a subclass shows
    (UserString, lambda value: str(value.data)),
    (bool, bool),
    ((datetime, date, time), lambda value: value.isoformat()),
    (Decimal, _decimal),
    (os.PathLike, _path),
    ((timedelta, Fraction, UUID), str),
    ((IPv4Address, IPv6Address, IPv4Network, IPv6Network), str),
)
"""Types with one meaning as text, each with how it is written; the first that fits counts."""
_NUMBERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (numbers.Integral, int),
    (numbers.Rational, str),
    (numbers.Real, float),
)


def _from_array(value: Any) -> Any:
    """An array or one of its values (NumPy, pandas, PyTorch …); pandas' tables as a list of rows."""
    shape = tuple(value.shape)
    if not shape:
        return _from_array_value(value)
    if math.prod(shape) > _MOST_IN_ARRAY:
        return _UNKNOWN
    if hasattr(value, "columns"):
        rows = value.to_dicts() if hasattr(value, "to_dicts") else value.to_dict("records")
        return list(rows)
    labels: Any = getattr(value, "index", None)
    if hasattr(labels, "shape") and shape[0] and all(isinstance(label, str) for label in labels):
        return dict(value.items())  # a row of a table: its labels are the names
    return list(value)


def _from_array_value(value: Any) -> Any:
    """One value of an array, with the digits that its own precision has: 0.1, not 0.10000000149."""
    kind = getattr(value.dtype, "kind", "")
    if kind == "f":
        return float(str(value[()]))
    if kind in "mM" and kind:
        text = str(value)
        return None if text == "NaT" else text
    return value.item() if kind in "biuUO" else _UNKNOWN


def _fields(value: Any) -> Any:
    """What a model, dataclass, attrs class or namespace holds, by name; None for anything else."""
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(warnings=False)
    if isinstance(value, SimpleNamespace):
        return vars(value)
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    elif hasattr(type(value), "__attrs_attrs__"):
        names = [field.name for field in type(value).__attrs_attrs__]
    else:
        return None
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _refusal(value: object, place: str) -> VariableError:
    kind = type(value).__name__
    for applies, remedy in _REMEDIES:
        if applies(value):
            return VariableError(f"{place} is of type {kind}, which a prompt cannot hold. {remedy}")
    return VariableError(
        f"{place} is of type {kind}, which a prompt cannot hold. "
        "Pass text, a number, a list, a dict or a run; turn anything else into text first, e.g. str(value)"
    )


_REMEDIES: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (lambda value: isinstance(value, type), "That is the class itself: pass an instance of it"),
    (inspect.isawaitable, "It has no value yet: await it first"),
    (
        lambda value: isinstance(value, pydantic.SecretStr | pydantic.SecretBytes | pydantic.Secret),
        "A prompt must not hold a key or password",
    ),
    (
        lambda value: isinstance(value, abstract.Iterator | abstract.MappingView),
        "Pass its items: list(value)",
    ),
    (lambda value: isinstance(value, abstract.Set), "A set has no order: pass sorted(value)"),
    (
        lambda value: isinstance(value, bytes | bytearray | memoryview),
        "Bytes are not text: pass value.decode(), or the URL of an image",
    ),
    (lambda value: hasattr(value, "shape"), "Pass the few values of it that the prompt should say"),
    (lambda value: hasattr(value, "tobytes") and hasattr(value, "mode"), "Pass the URL of the image"),
    (callable, "Pass what it returns: call it first"),
    (lambda value: hasattr(type(value), "value"), "Pass its value, as in widget.value"),
)
"""What people put in by mistake, each with what they meant; the first that applies is told."""
