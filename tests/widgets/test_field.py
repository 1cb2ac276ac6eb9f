"""The fields: the control for each kind of setting, entries reported once, problems and hints shown."""

from __future__ import annotations

from dataclasses import replace

import ipywidgets
import pytest

from imagegen_nb.providers import catalog
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.field import Field, Fields
from imagegen_nb.widgets.field_group import FieldGroup
from imagegen_nb.widgets.form_state import Draft, FormState
from imagegen_nb.widgets.parts import Control
from imagegen_nb.widgets.prompt import PromptBox
from imagegen_nb.widgets.tiles import TileChoice

STATES = FormState.of(Draft.of(ImageGenerationStep(prompt="a fox", image_output_format="webp"))).fields
KINDS = {"name": "text", "model": "choice", "image_count": "integer", "image_quality": "choice"}


@pytest.fixture
def entries():
    return []


@pytest.fixture
def fields(entries):
    """All fields; what is entered into them is listed in `entries`."""
    return Fields(STATES, ipywidgets.Layout(), lambda *entry: entries.append(entry))


@pytest.mark.parametrize("key", KINDS)
def test_plain_kinds_have_a_control_within_a_group(fields, key):
    assert isinstance(fields[key].control, Control)
    assert fields[key].control.kind == KINDS[key]


def test_prompt_and_tiles_are_widgets_of_their_own(fields):
    assert isinstance(fields["prompt"].control, PromptBox)
    assert isinstance(fields["image_size"].control, TileChoice)
    assert list(fields) == list(STATES)
    assert len(fields) == len(STATES)


def test_plain_fields_that_follow_one_another_share_a_widget(fields):
    kinds = {"model": FieldGroup, "prompt": PromptBox, "image_size": TileChoice, "image_count": FieldGroup}
    assert list(fields.widgets) == list(kinds)
    assert all(isinstance(fields.widgets[key], kind) for key, kind in kinds.items())


@pytest.mark.parametrize(
    ("key", "value", "entry"),
    [
        ("name", "Hero", "Hero"),
        ("name", "", None),
        ("image_count", 3, 3),
        ("image_count", "2.7", "2.7"),
        ("image_quality", "high", "high"),
        ("prompt", "a dog", "a dog"),
        ("image_size", "1024x1024", "1024x1024"),
    ],
)
def test_an_entry_is_reported(fields, entries, key, value, entry):
    fields[key].show(replace(STATES[key], value="x" if key == "name" else STATES[key].value))
    fields[key].control.value = value
    assert entries == [(key, entry)]


def test_what_is_shown_is_not_reported(fields, entries):
    fields.show({**STATES, "image_size": replace(STATES["image_size"], value="1536x1024")})
    assert fields["image_size"].control.value == "1536x1024"
    assert entries == []


@pytest.mark.parametrize("value", [0, 11, "2.7", "", None, 3])
def test_a_number_is_shown_as_it_was_entered(fields, value):
    fields["image_count"].show(replace(STATES["image_count"], value=value))
    assert fields["image_count"].control.view()["value"] == ("" if value is None else str(value))


@pytest.mark.parametrize("key", ["image_output_compression", "prompt", "image_size"])
def test_every_line_below_a_field_is_given_to_its_control(fields, key):
    state = replace(
        STATES[key], enabled=False, hint="PNG <has no> loss", note="80 is kept", problems=("a.", "b.")
    )
    fields[key].show(state)
    control = fields[key].control
    assert control.disabled
    assert control.problem == "a. b."
    assert control.lines == {"help": STATES[key].help, "hint": "PNG <has no> loss", "note": "80 is kept"}


def test_the_prompt_says_how_an_input_field_is_made(fields):
    fields["prompt"].show(STATES["prompt"])
    assert "{{product}}" in fields["prompt"].control.lines["help"]


def test_a_field_that_does_not_apply_is_hidden_and_keeps_what_it_showed(fields):
    for key in ("image_quality", "image_size"):
        value = fields[key].control.value
        fields[key].show(replace(STATES[key], visible=False, value=None))
        assert not fields[key].control.visible
        assert fields[key].control.value == value


def test_what_is_not_possible_is_offered_as_disabled(fields):
    state = STATES["image_background"]
    options = tuple(replace(option, disabled=option.value == "transparent") for option in state.options)
    fields["image_background"].show(replace(state, options=options))
    offered = fields["image_background"].control.options
    assert [(option["label"], option["disabled"]) for option in offered] == [
        ("Auto", False),
        ("Opaque", False),
        ("Transparent", True),
    ]


@pytest.mark.parametrize("model", [entry.model.name for entry in catalog.models()])
@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")
def test_every_visible_field_has_a_label_and_says_what_it_is_for(fields, model):
    states = FormState.of(Draft(model)).fields
    fields.show(states)
    for key, state in states.items():
        if state.visible:
            control = fields[key].control
            assert getattr(control, "legend" if isinstance(control, TileChoice) else "label")
            assert control.lines["help"].endswith(".")


def test_a_field_reports_to_whoever_made_it():
    entries = []
    control = Control(kind="text")
    Field("name", control, lambda *entry: entries.append(entry)).show(STATES["name"])
    control.value = "Hero"
    assert entries == [("name", "Hero")]
