"""The kinds of setting, each for itself: what they take, how they say no, and their JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.properties import plain_values, values_of

from imagegen_nb.providers.capabilities import Choice, Integer, Kind, Model, PixelSize, Rule, Text, one_of

SIZE = PixelSize(
    tiles=("1024x1024", "1536x1024"),
    multiple=16,
    longest_edge=3840,
    widest_ratio=3,
    fewest_pixels=655_360,
    most_pixels=8_294_400,
)
KINDS: dict[str, Kind] = {
    "choice": Choice(("auto", "low", "high"), "auto"),
    "integer": Integer(0, 100, 100),
    "text": Text(1, 20),
    "free text": Text(0, 20),
    "size": SIZE,
}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("choice", "low"),
        ("integer", 0),
        ("integer", 100),
        ("text", "x"),
        ("text", "x" * 20),
        ("free text", ""),
        ("free text", " "),
        ("size", "auto"),
        ("size", "1536x1024"),
        ("size", "2048x1152"),
    ],
)
def test_allowed_values_pass(kind, value):
    assert KINDS[kind].check(value) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[("choice", wrong) for wrong in ("LOW", "", None, 1, ["low"], {"low"}, b"low")],
        *[("integer", wrong) for wrong in (-1, 101, True, 5.0, "5", None, [5])],
        *[("text", wrong) for wrong in ("", "  ", "x" * 21, None, 5, b"x", "\0", "\ud800")],
        *[("free text", wrong) for wrong in ("x" * 21, "a\0", None)],
        *[("size", wrong) for wrong in ("1000x1000", "512x512", 5, None, "", ("a",), "1:1")],
    ],
)
def test_other_values_are_refused_with_a_reason_and_a_remedy(kind, value):
    refusal = KINDS[kind].check(value)
    assert refusal is not None
    reason, remedy = refusal
    assert reason
    assert remedy
    assert not reason.endswith(".")
    assert not remedy.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_describes_itself_in_a_few_words(kind):
    assert 0 < len(KINDS[kind].describe()) < 200


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_of_a_kind_is_a_schema_with_its_default(kind):
    schema = KINDS[kind].schema()
    Draft202012Validator.check_schema(schema)
    assert schema.get("default") == KINDS[kind].default


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_the_schema_takes_whatever_the_kind_takes(name, data):
    kind = KINDS[name]
    allowed = st.text(max_size=25) if isinstance(kind, Text) else values_of(kind)
    value: Any = data.draw(plain_values | allowed)
    if kind.check(value) is None:
        assert Draft202012Validator(kind.schema()).is_valid(value)


@given(st.integers(1, 3840 // 16), st.integers(1, 3840 // 16))
def test_a_legal_size_is_its_own_nearest(width, height):
    width, height = width * 16, height * 16
    if SIZE.check(f"{width}x{height}") is None:
        assert SIZE.nearest(width, height) == (width, height)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_nearest_size_of_a_turned_picture_is_turned(width, height):
    nearest = SIZE.nearest(width, height)
    assert SIZE.check("{}x{}".format(*nearest)) is None
    turned = SIZE.nearest(height, width)
    if width != height:
        assert (nearest[0] >= nearest[1]) == (turned[1] >= turned[0])


@pytest.mark.parametrize(
    ("values", "words"), [(("a",), "a"), (("a", "b"), "a or b"), (("a", "b", "c"), "a, b or c")]
)
def test_lists_in_words(values, words):
    assert one_of(values) == words


@pytest.mark.parametrize(
    ("value", "other", "broken"),
    [
        ("transparent", "jpeg", True),
        ("transparent", "png", False),
        ("opaque", "jpeg", False),
        (None, "jpeg", False),
    ],
)
def test_a_rule_refuses_some_values(value, other, broken):
    rule = Rule("image_background", ("transparent",), "image_output_format", ("jpeg",), "b", "r")
    assert rule.broken_by(value, other) is broken


@pytest.mark.parametrize(
    ("value", "other", "broken"), [(0, "png", True), (50, "jpeg", False), (None, "png", False)]
)
def test_a_rule_without_values_refuses_them_all(value, other, broken):
    rule = Rule("image_output_compression", (), "image_output_format", ("png",), "b", "r")
    assert rule.broken_by(value, other) is broken


@pytest.mark.parametrize(
    ("values", "idle"),
    [
        ({}, {"image_output_compression"}),
        ({"image_output_format": "png"}, {"image_output_compression"}),
        ({"image_output_format": None}, {"image_output_compression"}),
        ({"image_output_format": "jpeg"}, set()),
    ],
)
def test_idle_settings_are_told_and_unset_counts_as_the_default(values, idle):
    model = Model(
        name="m",
        settings={"image_output_format": Choice(("png", "jpeg"), "png")},
        rules=(Rule("image_output_compression", (), "image_output_format", ("png",), "b", "r"),),
    )
    assert model.idle(values) == idle


@pytest.mark.parametrize(
    ("value", "legal"),
    [("1000x1000", "1008x1008"), ("1024x1024", None), ("auto", None), ("x", None), (None, None)],
)
def test_only_for_a_size_that_breaks_the_bounds_there_is_a_legal_one(value, legal):
    assert SIZE.legal(value) == legal
