"""What the form costs a page: messages, widgets and bytes, counted in a real JupyterLab."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from support.form_page import FORM, expect_status, press_run, saved
from support.lab import Opener, OpenNotebook, run_all

from benchmarks.rows import opening
from benchmarks.stores import gallery_of

# Every message of a comm between the page and the kernel, with its bytes.
_LISTEN = """() => {
  window.comms = [];
  const size = (msg) => JSON.stringify(msg.content).length
    + (msg.buffers ?? []).reduce((sum, buffer) => sum + buffer.byteLength, 0);
  const session = jupyterapp.shell.currentWidget.context.sessionContext;
  const listen = (kernel) => kernel.anyMessage.connect((_, { msg, direction }) => {
    const kind = msg.header.msg_type;
    if (!kind.startsWith("comm_")) return;
    window.comms.push({ kind, direction, bytes: size(msg), at: performance.now() });
  });
  return session.ready.then(() => listen(session.session.kernel));
}"""
_QUIET = "() => window.comms.length && performance.now() - window.comms.at(-1).at > 1500"


def heard(page: Page) -> list[dict[str, Any]]:
    """The messages since the last call, once none has come for a while."""
    page.wait_for_function(_QUIET)
    return page.evaluate("() => window.comms.splice(0)")


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    """A page with an open form, and nothing said so far."""
    page = open_notebook([FORM], size=(1280, 1700))
    page.evaluate(_LISTEN)
    run_all(page)
    expect(page.locator(".ig-run")).to_be_enabled()
    return page


def test_a_form_opens_with_few_widgets_and_messages(page: Page) -> None:
    messages = heard(page)
    kinds = Counter(message["kind"] for message in messages)
    assert kinds["comm_open"] <= 40, kinds
    assert len(messages) <= 60, kinds


def test_slow_typing_costs_one_message_a_pause(page: Page) -> None:
    heard(page)
    page.locator(".ig-prompt textarea").focus()
    page.keyboard.press("Control+End")
    for key in "slowly":
        page.keyboard.type(key)
        page.wait_for_timeout(700)
    messages = heard(page)
    sent = [message for message in messages if message["direction"] == "send"]
    received = [message["bytes"] for message in messages if message["direction"] == "recv"]
    assert len(sent) == len("slowly")
    assert sum(received) <= len("slowly") * 3_000, received


@pytest.mark.parametrize("save_state", [False, True], ids=["", "with-widget-state"])
def test_a_form_that_was_not_run_stays_small(opener: Opener, save_state: bool) -> None:
    page = opener.open_notebook([FORM], save_state=save_state)
    run_all(page)
    expect(page.locator(".ig-run")).to_be_enabled()
    _, size = saved(page, opener)
    assert size < 40_000
    page.locator(".ig-image-count input").fill("1")
    page.locator(".ig-image-count input").blur()
    press_run(page)
    expect_status(page, "done: 1 of 1 image")
    _, size = saved(page, opener)
    assert size < 60_000


def test_the_benchmark_measures_how_long_a_page_takes_to_open(opener: Opener, tmp_path: Path) -> None:
    """What it measures is nobody's business here."""
    form, button = opening.in_turn(opener)
    assert form > 0
    assert button > 0
    assert opening.first_screen(opener, gallery_of(6, 64, tmp_path)) > 0
