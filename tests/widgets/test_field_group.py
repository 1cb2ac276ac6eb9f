"""Plain fields drawn by one widget: what they send to a page, and what they take from one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.field_group import FieldGroup
from imagegen_nb.widgets.parts import Control

QUALITIES = [
    {"value": "auto", "label": "Auto", "disabled": False},
    {"value": "max", "label": "Max", "disabled": True},
]


@pytest.fixture
def controls() -> dict[str, Control]:
    return {
        "name": Control(kind="text", label="Name", value=""),
        "count": Control(kind="integer", label="Count", value=1, minimum=1, maximum=10),
        "quality": Control(kind="choice", label="Quality", value="auto", options=QUALITIES),
        "previews": Control(kind="check", label="Previews", value=False),
    }


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []
    monkeypatch.setattr(BaseWidget, "send", lambda _, content, buffers=None: sent.append(content))
    return sent


def opened(controls: dict[str, Control]) -> FieldGroup:
    group = FieldGroup(controls)
    group._handle_custom_msg({"type": "script"}, [])
    return group


def enter(group: FieldGroup, key: object, value: object) -> None:
    group._handle_custom_msg({"type": "entry", "key": key, "value": value}, [])


def test_a_page_gets_every_field_with_the_script(controls, sent):
    opened(controls)
    (answer,) = sent
    assert list(answer["values"]["fields"]) == list(controls)
    assert answer["values"]["fields"]["count"]["value"] == "1"


def test_nothing_is_sent_before_a_page_is_there(controls, sent):
    FieldGroup(controls)
    controls["name"].value = "Hero"
    assert sent == []


def test_only_what_differs_is_sent_and_all_of_it_at_once(controls, sent):
    group = opened(controls)
    sent.clear()
    with group.hold():
        controls["name"].value = "Hero"
        controls["count"].problem = "too many"
        controls["quality"].lines = {"help": "higher costs more"}
    assert sent == [
        {
            "type": "fields",
            "fields": {
                "name": {"value": "Hero"},
                "count": {"problem": "too many"},
                "quality": {"help": "higher costs more"},
            },
            "answers": [],
        }
    ]
    sent.clear()
    controls["quality"].lines = {}
    assert sent == [{"type": "fields", "fields": {"quality": {"help": ""}}, "answers": []}]


@pytest.mark.parametrize(
    ("key", "value", "entry"),
    [
        ("name", "Hero", "Hero"),
        ("count", "3", 3),
        ("count", " 3 ", 3),
        ("count", "-1", -1),
        ("count", "2.7", "2.7"),
        ("count", "", ""),
        ("count", "9" * 5000, "9" * 5000),
        ("previews", True, True),
    ],
)
def test_an_entry_becomes_the_controls_value(controls, sent, key, value, entry):
    enter(opened(controls), key, value)
    assert controls[key].value == entry


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [("name", "Hero", "Hero"), ("count", " 3 ", "3"), ("count", "2.7", "2.7"), ("quality", "x", "auto")],
)
def test_an_entry_is_answered_with_what_became_of_it(controls, sent, key, value, shown):
    """Also where nothing changed: the page waits for it."""
    group = opened(controls)
    for _ in range(2):
        sent.clear()
        enter(group, key, value)
        (answer,) = sent
        assert (answer["answers"], answer["fields"]) == ([key], {key: {"value": shown}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("count", 3),
        ("name", None),
        ("name", True),
        ("quality", "max"),
        ("quality", "x"),
        ("previews", "on"),
        ("other", "x"),
        (3, "x"),
        (None, None),
    ],
)
def test_what_no_page_of_ours_sends_changes_nothing(controls, sent, key, value):
    before = {key: control.value for key, control in controls.items()}
    enter(opened(controls), key, value)
    assert {key: control.value for key, control in controls.items()} == before


@given(st.text())
def test_whatever_is_typed_as_a_number_is_kept_or_is_that_number(typed):
    control = Control(kind="integer")
    group = FieldGroup({"count": control})
    enter(group, "count", typed)
    assert control.value == typed.strip().replace("−", "-") or control.value == int(typed.replace("−", "-"))
    group.close()


def test_its_text_names_the_fields(controls):
    assert (
        repr(FieldGroup(controls))
        == "Fields: Name, Count, Quality, Previews (run this cell to see them live)"
    )
