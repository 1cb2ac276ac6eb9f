"""The top of the form: what it says and which buttons work, from before a run to after it."""

from __future__ import annotations

import pytest

from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.header import Header


@pytest.fixture
def clicks():
    return []


@pytest.fixture
def header(clicks):
    header = Header(lambda: clicks.append("run"), lambda: clicks.append("cancel"))
    yield header
    header.close()


def test_a_click_is_passed_on(header, clicks):
    header.run.click()
    header.cancel.click()
    header._handle_custom_msg({"type": "run"}, [])
    header._handle_custom_msg({"type": "cancel"}, [])
    assert clicks == ["run", "cancel", "run", "cancel"]


@pytest.mark.parametrize(
    ("untouched", "wrong", "message"),
    [
        ((), (), ""),
        ((), ("Image Size",), "To fix: Image Size"),
        (("Prompt", "{{room}}"), (), "To fill in: Prompt, {{room}}"),
        (
            ("{{room}}",),
            ("Image Size", "Image Count"),
            "To fill in: {{room}} · To fix: Image Size, Image Count",
        ),
    ],
)
def test_what_keeps_the_step_from_being_run_is_named(header, untouched, wrong, message):
    header.show_ready(untouched, wrong)
    assert header.run.disabled == bool(message)
    assert header.run.tooltip == f"{message or 'Run this step'} (Ctrl+Enter)"
    assert header.status.value == message


def test_a_run_is_followed_to_its_end(header):
    header.show_running(0, 3)
    assert (header.cancel.disabled, header.progress.max) == (False, 3)
    assert header.view["elapsed"] >= 0
    assert header.status.value == "running: 0 of 3 images"
    header.show_running(2, 3)
    assert header.progress.value == 2
    assert header.status.value == "running: 2 of 3 images"
    header.show_running(2, 3, waiting=1)
    assert header.status.value == "running: 2 of 3 images · 1 waiting"
    assert header.cancel.label == "Cancel all"
    header.show_waiting(7.5, "rate limit")
    assert header.status.value == "waiting 7.5 s: rate limit"
    header.show_finished("done: 3 of 3 images", (), ("Image Size",))
    assert (header.run.disabled, header.cancel.disabled, header.cancel.label) == (True, True, "Cancel")
    assert header.status.value == "done: 3 of 3 images"
    assert header.view["elapsed"] is None


def test_a_notice_has_a_button_until_there_is_another(header, clicks):
    header._handle_custom_msg({"type": "next"}, [])
    header.show_notice("It was replaced.", "Undo", lambda: clicks.append("undo"))
    assert header.view["notice"] == {"text": "It was replaced.", "label": "Undo"}
    header.show_ready()
    header._handle_custom_msg({"type": "next"}, [])
    assert (header.notice.value, clicks) == ("It was replaced.", ["undo"])
    header.show_notice("")
    header._handle_custom_msg({"type": "next"}, [])
    assert (header.view["notice"], clicks) == ({"text": "", "label": ""}, ["undo"])


def test_who_goes_on_has_only_its_button_left_until_somebody_closes_it(header, clicks):
    header.show_notice("It was replaced.", "Undo", lambda: clicks.append("undo"), later="As before")
    header.shrink_notice()
    assert header.view["notice"] == {"text": "", "label": "As before"}
    header.shrink_notice()
    header._handle_custom_msg({"type": "next"}, [])
    assert clicks == ["undo"]
    header._handle_custom_msg({"type": "dismiss"}, [])
    header._handle_custom_msg({"type": "next"}, [])
    assert (header.view["notice"], clicks) == ({"text": "", "label": ""}, ["undo"])


def test_one_image_is_no_images(header):
    header.show_running(0, 1)
    assert header.status.value == "running: 0 of 1 image"


def test_each_step_of_a_run_is_one_message(header, monkeypatch):
    sent = []
    monkeypatch.setattr(BaseWidget, "send", lambda _, content, buffers=None: sent.append(content))
    header._handle_custom_msg({"type": "script"}, [])
    sent.clear()
    header.show_running(0, 3)
    header.show_running(1, 3)
    header.show_finished("done")
    assert len(sent) == 3


def test_a_key_that_is_missing_is_marked_and_no_error(header):
    header.show_payer("no key: OPENAI_API_KEY is not set", key_found=False)
    assert (header.view["payer"], header.view["key_found"]) == ("no key: OPENAI_API_KEY is not set", False)


def test_the_place_for_the_cost_is_empty_until_there_are_prices(header):
    assert header.view["cost"] == ""
    header.show_cost("about 3 images")
    assert header.view["cost"] == "about 3 images"


def test_its_text_is_its_title(header):
    header.show_title("Hero")
    assert repr(header) == "Hero (run this cell to see it live)"


def test_a_page_that_is_opened_late_counts_from_the_runs_beginning(header, monkeypatch):
    now = 100.0
    monkeypatch.setattr("imagegen_nb.widgets.header.time.monotonic", lambda: now)
    header.show_started(2)
    now = 107.0
    header.page_opened()
    assert header.view["elapsed"] == 7.0
    header.show_started(2)  # the next one
    assert header.view["elapsed"] == 0.0


def test_what_a_page_answers_is_what_it_was_shown(header, clicks):
    header.show_notice("It was replaced.", "Undo", lambda: clicks.append("undo"), later="As before")
    shown = header.view["offer"]
    header.shrink_notice()
    assert header.view["offer"] == shown  # the same is offered
    header.show_report("It is there.", [("Replace it", lambda: clicks.append("replace"))])
    for kind in ("next", "more", "dismiss"):
        header._handle_custom_msg({"type": kind, "offer": shown}, [])
    assert (clicks, header.notice.value) == ([], "It is there.")
    header._handle_custom_msg({"type": "next", "offer": header.view["offer"]}, [])
    assert clicks == ["replace"]
