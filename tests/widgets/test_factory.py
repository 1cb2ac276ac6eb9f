"""The plain widgets of a form: what they share, and what an update sends."""

from __future__ import annotations

import pytest
from ipywidgets import HTML, Button, Text
from ipywidgets.widgets.widget import _instances

from imagegen_nb.widgets.factory import WidgetFactory, set_visible, update_traits


@pytest.fixture
def factory():
    factory = WidgetFactory()
    yield factory
    factory.close()


def classes(widget) -> tuple[str, ...]:
    return tuple(widget.get_state()["_dom_classes"])  # a key of the widget protocol


def test_widgets_of_a_form_share_layouts_and_styles(factory):
    first, second = (factory.make(Button, description=text) for text in ("Run", "Cancel"))
    assert (first.layout, first.style) == (second.layout, second.style)
    name, file = (factory.make_labelled(Text, label) for label in ("Name", "File"))
    assert (name.layout, name.style) == (file.layout, file.style)
    assert name.style != factory.make(Text).style
    assert name.style.description_width == "180px"


def test_classes_are_given_by_name(factory):
    assert classes(factory.make(HTML, "ig-alert ig-wide")) == ("ig-alert", "ig-wide")


def test_a_widget_is_hidden_and_shown_by_its_class(factory):
    widget = factory.make(HTML, "ig-alert")
    for _ in range(2):
        set_visible(widget, False)
        assert classes(widget) == ("ig-alert", "ig-hidden")
    for _ in range(2):
        set_visible(widget, True)
        assert classes(widget) == ("ig-alert",)


def test_an_update_sends_only_what_differs(factory, monkeypatch):
    widget = factory.make(Button, description="Run", tooltip="Run this step")
    sent = []
    monkeypatch.setattr(Button, "send_state", lambda _, key=None: sent.append(key))
    update_traits(widget, description="Run", tooltip="Run this step")
    assert sent == []
    update_traits(widget, description="Stop", tooltip="Run this step")
    assert sent == ["description"]
    assert widget.description == "Stop"


def test_closing_closes_what_is_shared():
    before = set(_instances)
    factory = WidgetFactory()
    for widget in (factory.make(Button), factory.make_labelled(Text, "Name")):
        widget.close()
    factory.close()
    assert set(_instances) == before
