"""The top of the form: what it says and which buttons work, from before a run to after it."""

from __future__ import annotations

import pytest

from imagegen_nb.widgets.factory import WidgetFactory
from imagegen_nb.widgets.header import Header


@pytest.fixture
def clicks():
    return []


@pytest.fixture
def header(clicks):
    return Header(WidgetFactory(), lambda: clicks.append("run"), lambda: clicks.append("cancel"))


def test_a_click_is_passed_on(header, clicks):
    header.run.click()
    header.cancel.click()
    assert clicks == ["run", "cancel"]


@pytest.mark.parametrize(
    ("problems", "message"),
    [
        (0, ""),
        (1, "1 problem below keeps the step from running"),
        (2, "2 problems below keep the step from running"),
    ],
)
def test_problems_keep_the_step_from_being_run(header, problems, message):
    header.show_ready(problems)
    assert header.run.disabled == bool(problems)
    assert header.run.tooltip == (message or "Run this step")
    assert header.status.value == f'<span class="ig-status" role="status">{message}</span>'


def test_a_run_is_followed_to_its_end(header):
    header.show_running(3)
    assert (header.run.disabled, header.cancel.disabled, header.progress.max) == (False, False, 3)
    assert "running: 0 of 3 images" in header.status.value
    assert "ig-hidden" in header.progress._dom_classes  # nobody knows how far it is
    header.show_progress(2, 3)
    assert header.progress.value == 2
    assert "ig-hidden" not in header.progress._dom_classes
    assert "running: 2 of 3 images" in header.status.value
    header.show_progress(0, 1, waiting=2)
    assert "running: 0 of 1 image · 2 waiting" in header.status.value
    assert header.cancel.description == "Cancel all"
    header.show_waiting(7.5, "rate limit")
    assert "waiting 7.5 s: rate limit" in header.status.value
    header.show_finished("done: 3 of 3 images", 1)
    assert (header.run.disabled, header.cancel.disabled) == (True, True)
    assert header.cancel.description == "Cancel"
    assert "done: 3 of 3 images" in header.status.value


def test_texts_are_escaped(header):
    header.show_title("<b>")
    header.show_payer("<b>", key_found=False)
    header.show_status("<b>")
    for widget in (header.title, header.payer, header.status):
        assert "&lt;b&gt;" in widget.value
        assert "<b>" not in widget.value
    assert "ig-problem" in header.payer.value
