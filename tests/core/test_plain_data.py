"""Values as notebooks hold them: each becomes what it means, or is refused with a way out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
import uuid
from collections import OrderedDict, UserString, deque
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import plain_values

from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.variables import render
from imagegen_nb.errors import VariableError

RUN = {"output": {"settings": {"model": "gpt-image-2"}, "assets": [{"file_url": "file:///a.png"}]}}
JSON_TYPES = {str, int, float, bool, type(None), list, dict}


class Colour(str, enum.Enum):  # noqa: UP042 - how most people still write it
    RED = "red"


class Shade(enum.StrEnum):
    DARK = "dark"


class Level(enum.IntEnum):
    HIGH = 3


class Mood(enum.Enum):
    CALM = "calm"
    SIZES = (1, 2)


class Options(enum.Flag):
    A = 1
    B = 2


class Point(NamedTuple):
    x: int
    y: int


class Word(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Product(pydantic.BaseModel):
    name: str
    colour: Colour = Colour.RED
    price: Decimal = Decimal("9.90")
    made: dt.date = dt.date(2026, 12, 24)
    link: pydantic.HttpUrl = pydantic.HttpUrl("https://shop.example/lamp")


class Names(pydantic.RootModel[list[str]]):
    pass


@dataclasses.dataclass
class Lamp:
    product: Product
    parts: list[np.int64] = dataclasses.field(default_factory=lambda: [np.int64(1), np.int64(2)])
    unset: str = dataclasses.field(init=False)


MEANINGS = [
    # enumerations
    (Colour.RED, "red"),
    (Shade.DARK, "dark"),
    (Level.HIGH, 3),
    (Mood.CALM, "calm"),
    (Mood.SIZES, [1, 2]),
    (Options.A | Options.B, 3),
    # NumPy
    (np.int64(3), 3),
    (np.uint8(255), 255),
    (np.float64(2.5), 2.5),
    (np.float32(0.1), 0.1),
    (np.float16(0.1), 0.1),
    (np.bool_(False), False),
    (np.str_("blue"), "blue"),
    (np.datetime64("2026-12-24"), "2026-12-24"),
    (np.datetime64("NaT", "ns"), None),
    (np.timedelta64(3, "D"), "3 days"),
    (np.array(0.1, dtype=np.float32), 0.1),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array(["a", "b"]), ["a", "b"]),
    (np.array([0.1, 0.2], dtype=np.float32), [0.1, 0.2]),
    (np.array([1, "a", None], dtype=object), [1, "a", None]),
    # numbers
    (Decimal("9.90"), "9.90"),
    (Decimal("1E+3"), "1000"),
    (Decimal("1E+5000"), "1E+5000"),
    (Fraction(1, 3), "1/3"),
    # dates
    (dt.date(2026, 12, 24), "2026-12-24"),
    (dt.datetime(2026, 12, 24, 18, 30), "2026-12-24T18:30:00"),  # noqa: DTZ001
    (dt.datetime(2026, 12, 24, tzinfo=dt.UTC), "2026-12-24T00:00:00+00:00"),
    (dt.time(18, 30), "18:30:00"),
    (dt.timedelta(days=1, hours=2), "1 day, 2:00:00"),
    # names of things
    (Path("assets") / "hero.png", "assets/hero.png"),
    (PureWindowsPath("C:/a.png"), "C:\\a.png"),
    (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (ip_address("10.0.0.1"), "10.0.0.1"),
    (pydantic.AnyUrl("https://shop.example/"), "https://shop.example/"),
    (UserString("text"), "text"),
    (Word("text"), "text"),
    # containers
    ((1, (2, 3)), [1, [2, 3]]),
    (range(3), [0, 1, 2]),
    (deque([1, 2]), [1, 2]),
    (Point(1, 2), [1, 2]),
    (OrderedDict(a=1), {"a": 1}),
    ({Colour.RED: 1}, {"red": 1}),
    (SimpleNamespace(a=Colour.RED), {"a": "red"}),
    # models
    (
        Product(name="lamp"),
        {
            "name": "lamp",
            "colour": "red",
            "price": "9.90",
            "made": "2026-12-24",
            "link": "https://shop.example/lamp",
        },
    ),
    (Names(["a", "b"]), ["a", "b"]),
]


def same(one: object, other: object) -> bool:
    """Equal in types as well: True is no 1 in a prompt."""
    return repr(one) == repr(other)


@pytest.mark.parametrize(("value", "meaning"), MEANINGS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    ("wrap", "unwrap"),
    [
        (lambda v: v, lambda v: v),
        (lambda v: {"a": [v]}, lambda v: v["a"][0]),
        (lambda v: SimpleNamespace(a=(v,)), lambda v: v["a"][0]),
    ],
    ids=["bare", "in a dict", "in an object"],
)
def test_a_value_becomes_what_it_means(value, meaning, wrap, unwrap):
    assert same(unwrap(plain({"v": wrap(value)})["v"]), meaning)


@pytest.mark.parametrize(("value", "meaning"), MEANINGS, ids=lambda value: type(value).__name__)
def test_it_is_written_into_a_prompt_as_its_meaning_is(value, meaning):
    if meaning is not None:
        assert render("{{v}}", plain({"v": value})) == render("{{v}}", {"v": meaning})


def test_fields_of_models_are_reached_by_paths():
    values = plain({"lamp": Lamp(Product(name="brass lamp"))})
    assert render("{{lamp.product.name}} in {{lamp.product.colour}}: {{lamp.parts.1}}", values) == (
        "brass lamp in red: 2"
    )
    assert "unset" not in values["lamp"]


@given(
    st.recursive(
        st.sampled_from([value for value, _ in MEANINGS]) | st.integers() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
        max_leaves=8,
    )
)
def test_whatever_is_taken_becomes_json_types_only_and_stays_as_it_is(value):
    once = plain({"v": value})
    waiting = [once]
    for item in waiting:
        assert type(item) in JSON_TYPES
        waiting += item.values() if isinstance(item, dict) else item if isinstance(item, list) else []
    assert same(plain(once), once)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity"), Decimal("sNaN"), np.float32("nan")])
def test_numbers_that_are_none_are_refused_in_a_prompt(value):
    number = plain({"v": value})["v"]
    assert not math.isfinite(number)
    with pytest.raises(VariableError, match="NaN"):
        render("{{v}}", {"v": number})


class Trap:
    """An object with attributes and a property that must not be touched."""

    secret = "attribute"

    @property
    def as_dict(self) -> str:
        raise AssertionError("a property was read")


class Slow(pydantic.BaseModel):
    secret: pydantic.SecretStr = pydantic.SecretStr("hush")


class Widget:
    value = "x"


class Faulty(pydantic.BaseModel):
    @pydantic.model_serializer
    def fail(self) -> None:
        raise RuntimeError("hush")


async def coming() -> None:
    """Never awaited."""


@pytest.mark.parametrize(
    "value",
    [Trap(), object(), b"bytes", bytearray(b"x"), memoryview(b"x"), {1, 2}, 1j, print, Trap, iter([])],
)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: {"deep": [v]}])
def test_inputs_that_are_no_plain_data_are_refused_with_their_place(value, wrap):
    with pytest.raises(VariableError, match=r"inputs\.thing") as caught:
        plain({"thing": wrap(value)})
    assert type(value).__name__ in str(caught.value)


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ({1, 2}, "sorted(value)"),
        ({}.keys(), "list(value)"),
        ((n for n in "ab"), "list(value)"),
        (b"x", "value.decode()"),
        (np.bytes_(b"x"), "value.decode()"),
        (print, "call it first"),
        (Colour, "the class itself"),
        (Widget(), "widget.value"),
        (np.zeros((400, 400, 3)), "the few values"),
        (np.complex64(1), "the few values"),
        (pydantic.SecretStr("hush"), "must not hold a key or password"),
        (Slow(), "must not hold a key or password"),
        (Faulty(), "could not be read"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_refusal_says_the_way_out_and_nothing_of_the_value(value, remedy):
    with pytest.raises(VariableError) as caught:
        plain({"thing": value})
    assert "inputs.thing" in str(caught.value)
    assert remedy in str(caught.value)
    assert "hush" not in str(caught.value)


def test_what_has_not_come_yet_is_to_be_awaited():
    call = coming()
    with pytest.raises(VariableError, match="await it first"):
        plain({"thing": call})
    call.close()


@pytest.mark.parametrize("key", [1, np.int64(1), np.uint8(1)])
def test_keys_that_are_whole_numbers_are_their_digits(key):
    """As JSON writes them; a prompt names them so: `{{thing.1}}`."""
    assert plain({"thing": {key: "x"}}) == {"thing": {"1": "x"}}


@pytest.mark.parametrize("key", [None, ("a",), b"a", True, 1.5])
def test_keys_that_are_no_text_are_refused(key):
    with pytest.raises(VariableError, match=r"inputs\.thing"):
        plain({"thing": {key: 1}})


def test_data_that_contains_itself_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(VariableError, match="contain itself"):
        plain({"loop": loop})


def test_an_object_that_contains_itself_is_refused():
    loop = SimpleNamespace()
    loop.inner = loop
    with pytest.raises(VariableError, match="contain itself"):
        plain({"loop": loop})


@given(plain_values)
def test_plain_data_stays_equal_and_is_a_copy(value):
    copy = plain(value)
    assert copy == value
    assert json.dumps(copy, sort_keys=True) == json.dumps(value, sort_keys=True)
    if isinstance(value, list | dict):
        assert copy is not value


def test_a_run_as_input_gives_its_output():
    class Run:
        def as_context(self):
            return RUN

    assert plain({"step_2": Run()}) == {"step_2": RUN}
