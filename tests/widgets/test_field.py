"""One field: the control for each kind of setting, entries reported once, problems and hints shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ipywidgets import BoundedIntText, Dropdown, Text

from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.factory import WidgetFactory
from imagegen_nb.widgets.field import Field
from imagegen_nb.widgets.form_state import Draft, FormState
from imagegen_nb.widgets.prompt import PromptBox
from imagegen_nb.widgets.tiles import TileChoice

STATES = FormState.of(Draft.of(ImageGenerationStep(prompt="a fox", image_output_format="webp"))).fields
CONTROLS = {
    "name": Text,
    "model": Dropdown,
    "prompt": PromptBox,
    "image_size": TileChoice,
    "image_count": BoundedIntText,
    "image_quality": Dropdown,
}


@pytest.fixture
def entries():
    return []


@pytest.fixture
def field(entries):
    """Makes a field; what is entered into it is listed in `entries`."""
    return lambda key: Field(WidgetFactory(), STATES[key], lambda *entry: entries.append(entry))


@pytest.mark.parametrize("key", CONTROLS)
def test_each_kind_has_its_control(field, key):
    assert isinstance(field(key).control, CONTROLS[key])


@pytest.mark.parametrize(
    ("key", "value", "entry"),
    [("name", "Hero", "Hero"), ("name", "", None), ("image_count", 3, 3), ("image_quality", "high", "high")],
)
def test_an_entry_is_reported(field, entries, key, value, entry):
    made = field(key)
    made.show(replace(STATES[key], value="x" if key == "name" else STATES[key].value))
    made.control.value = value
    assert entries == [(key, entry)]


def test_what_is_shown_is_not_reported(field, entries):
    made = field("image_size")
    made.show(replace(STATES["image_size"], value="1536x1024"))
    assert made.control.value == "1536x1024"
    assert entries == []


def test_a_range_can_move_above_and_below_the_one_before(field):
    made, state = field("image_count"), STATES["image_count"]
    for low, high in ((20, 30), (1, 4), (2, 3)):
        made.show(replace(state, minimum=low, maximum=high, value=high))
        assert (made.control.min, made.control.max, made.control.value) == (low, high, high)


def test_a_disabled_field_says_why_below_it(field):
    made = field("image_output_compression")
    assert len(made.widgets) == 1
    made.show(replace(STATES["image_output_compression"], enabled=False, hint="PNG <has no> loss"))
    assert made.control.disabled
    assert "PNG &lt;has no&gt; loss" in made.message.value
    assert made.widgets[-1] is made.message


def test_a_problem_stands_in_the_controls_own_line_where_it_has_one(field):
    prompt, count = field("prompt"), field("image_count")
    prompt.show(replace(STATES["prompt"], problems=("missing.", "Write one.")))
    assert prompt.control.problem == "missing. Write one."
    assert prompt.message is None
    count.show(replace(STATES["image_count"], problems=("not in its range",)))
    assert "not in its range" in count.message.value


def test_a_dropdown_offers_only_what_is_possible(field):
    made, state = field("image_background"), STATES["image_background"]
    options = [replace(option, disabled=option.value == "transparent") for option in state.options]
    made.show(replace(state, options=tuple(options)))
    assert made.control.options == (("auto", "auto"), ("opaque", "opaque"))
