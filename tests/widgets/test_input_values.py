"""Values of variables: which fields are offered, what they hold, and the resolved prompt."""

from __future__ import annotations

import enum

import pytest

from imagegen_nb.widgets.draft_inputs import DraftInputs
from imagegen_nb.widgets.factory import WidgetFactory
from imagegen_nb.widgets.input_values import InputValues


@pytest.fixture
def changes():
    return []


@pytest.fixture
def data():
    return DraftInputs({"room": "a hall", "colours": ["red", "blue"]})


@pytest.fixture
def inputs(data, changes):
    return InputValues(WidgetFactory(), data, lambda: changes.append(True))


@pytest.fixture
def show(inputs, data):
    """Show a prompt, with what the data make of it."""
    return lambda prompt: inputs.show(prompt, data.fill(prompt).text)


def labels(inputs) -> list[str]:
    return [field.label for field in inputs.fields.values()]


def test_each_text_input_of_the_prompt_gets_a_field(inputs, show):
    show("a {{thing}} in {{room}} like {{thing}}, {{colours.0}}")
    assert labels(inputs) == ["Value of {{thing}}", "Value of {{room}}"]
    assert "Replaces {{thing}}" in inputs.fields["thing"].lines["help"]
    assert [field.value for field in inputs.fields.values()] == ["", "a hall"]


def test_the_fields_follow_the_prompt_whatever_was_there_first(inputs, show):
    show("a {{thing}}")
    show("an {{animal}} beside a {{thing}}")
    assert labels(inputs) == ["Value of {{animal}}", "Value of {{thing}}"]
    show("a {{thing}} beside an {{animal}}")
    assert labels(inputs) == ["Value of {{thing}}", "Value of {{animal}}"]


def test_what_was_typed_is_kept_while_the_prompt_changes(inputs, data, changes, show):
    show("a {{thing}}")
    inputs.fields["thing"].value = "lamp"
    assert changes == [True]
    show("nothing")
    assert labels(inputs) == []
    show("a {{thing}}")
    assert data.values() == {"room": "a hall", "colours": ["red", "blue"], "thing": "lamp"}


def test_what_the_data_say_is_written_and_not_reported(inputs, data, changes, show):
    show("{{room}}")
    data.recall({"room": ["a", "b"]})
    show("{{room}}")
    assert inputs.fields["room"].value == '["a", "b"]'
    assert changes == []
    inputs.fields["room"].value = ""
    assert (data.values()["room"], changes) == ("", [True])


def test_the_resolved_prompt_is_shown_and_escaped(inputs, show):
    show("a <lamp> for {{room}}")
    assert "a &lt;lamp&gt; for a hall" in inputs.resolved
    show("a {{thing}}")
    assert inputs.resolved == ""  # the prompt's own problem says why
    show("a lamp")
    assert inputs.resolved == ""


class Colour(str, enum.Enum):  # noqa: UP042 - how most people still write it
    RED = "red"


def test_a_member_of_an_enumeration_is_shown_as_its_value():
    values = InputValues(WidgetFactory(), DraftInputs({"colour": Colour.RED}), lambda: None)
    values.show("a {{colour}} lamp", "a red lamp")
    assert values.fields["colour"].value == "red"
