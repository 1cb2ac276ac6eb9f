"""Light parts: what code can do with them, and what of them a page draws."""

from __future__ import annotations

import pytest

from imagegen_nb.widgets.parts import Button, Control, Line, Progress, Toggle


def test_a_button_does_its_work_also_while_it_is_off():
    clicks = []
    button = Button(lambda: clicks.append("run"), label="Run", disabled=True)
    button.click()
    assert clicks == ["run"]
    assert (button.label, button.disabled, button.tooltip) == ("Run", True, "")


def test_parts_can_be_observed():
    seen = []
    for part in (Line(), Toggle(), Progress()):
        part.observe(lambda change: seen.append(change["new"]), "value")
        part.value = {Line: "x", Toggle: True, Progress: 2}[type(part)]
    assert seen == ["x", True, 2]


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("text", None, ""),
        ("integer", 3, "3"),
        ("integer", "2.7", "2.7"),
        ("check", True, True),
        ("choice", "max", "max"),
    ],
)
def test_a_control_is_drawn_from_its_view(kind, value, shown):
    view = Control(kind=kind, value=value, label="A", lines={"help": "B."}).view()
    assert (view["value"], view["label"], view["help"], view["kind"]) == (shown, "A", "B.", kind)
