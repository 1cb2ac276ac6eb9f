"""Test values for variables: which fields are offered, what they are worth, and the resolved prompt."""

from __future__ import annotations

import enum

import pytest

from imagegen_nb.widgets.factory import WidgetFactory
from imagegen_nb.widgets.input_values import InputValues


@pytest.fixture
def changes():
    return []


@pytest.fixture
def inputs(changes):
    initial = {"room": "a hall", "colours": ["red", "blue"]}
    return InputValues(WidgetFactory(), initial, lambda: changes.append(True))


def labels(inputs) -> list[str]:
    return [child.description for child in inputs.widget.children[:-1]]


def test_each_text_input_of_the_prompt_gets_a_field(inputs):
    inputs.show("a {{thing}} in {{room}} like {{thing}}, {{colours.0}}")
    assert labels(inputs) == ["Test value for thing", "Test value for room"]
    assert [child.value for child in inputs.widget.children[:-1]] == ["", "a hall"]


def test_what_was_typed_is_kept_while_the_prompt_changes(inputs, changes):
    inputs.show("a {{thing}}")
    inputs.texts()[0].value = "lamp"
    assert changes == [True]
    inputs.show("nothing")
    assert labels(inputs) == []
    inputs.show("a {{thing}}")
    assert inputs.values() == {"room": "a hall", "colours": ["red", "blue"], "thing": "lamp"}


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ('["a", 1]', ["a", 1]),
        (' {"a": null}', {"a": None}),
        ("[a", "[a"),
        ("12", "12"),
        ('["a", NaN]', '["a", NaN]'),
    ],
)
def test_an_array_or_object_is_used_as_one(inputs, typed, value):
    inputs.show("{{room}}")
    inputs.texts()[0].value = typed
    assert inputs.values()["room"] == value


def test_the_resolved_prompt_is_shown_and_escaped(inputs):
    inputs.show("a <lamp> for {{room}}")
    assert "a &lt;lamp&gt; for a hall" in inputs.widget.children[-1].value
    inputs.show("a {{thing}}")
    assert "{{thing}} has no value" in inputs.widget.children[-1].value
    inputs.show("a lamp")
    assert inputs.widget.children[-1].value == ""


class Colour(str, enum.Enum):  # noqa: UP042 - how most people still write it
    RED = "red"


def test_a_member_of_an_enumeration_is_shown_as_its_value():
    values = InputValues(WidgetFactory(), {"colour": Colour.RED}, lambda: None)
    values.show("a {{colour}} lamp")
    assert values.texts()[0].value == "red"
    assert "a red lamp" in values.widget.children[-1].value
