"""Messages of widgets in marimo, which hears only from its own threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ipywidgets import HTML

from imagegen_nb.widgets import page_threads
from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.factory import WidgetFactory
from imagegen_nb.widgets.output_tree import OutputTree
from imagegen_nb.widgets.page_threads import PageThread, page_thread


class MarimoThread(threading.Thread):
    """As `marimo.Thread`: told by `should_exit` that its cell was run again."""

    made: list[MarimoThread]
    should_exit = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made.append(self)


@pytest.fixture
def marimo(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[MarimoThread]]:
    MarimoThread.made = []
    module = SimpleNamespace(Thread=MarimoThread, running_in_notebook=lambda: True)
    monkeypatch.setitem(sys.modules, "marimo", module)
    monkeypatch.setattr(page_threads, "_of_thread", threading.local())
    monkeypatch.setattr(page_threads, "_LOOK_AROUND", 0.05)
    yield MarimoThread
    for thread in MarimoThread.made:
        thread.should_exit = True
        thread.join(30)


def elsewhere(work: Any) -> None:
    """Do it in a thread that marimo does not know."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)


@pytest.mark.parametrize("module", [None, SimpleNamespace(running_in_notebook=lambda: False)])
def test_elsewhere_messages_go_out_from_any_thread(monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    monkeypatch.setitem(sys.modules, "marimo", module)
    assert page_thread() is None
    assert OutputTree()._page_thread is None


def test_what_another_thread_sends_goes_out_from_one_that_marimo_hears(marimo: type[MarimoThread]) -> None:
    pages, sent = page_thread(), threading.Event()
    names: list[str] = []

    def send() -> None:
        names.append(threading.current_thread().name)
        if len(names) == 3:
            sent.set()

    assert pages is not None
    pages.deliver(send)
    elsewhere(lambda: (pages.deliver(send), pages.deliver(send)))
    assert sent.wait(30)
    assert names == [threading.current_thread().name, "imagegen-pages", "imagegen-pages"]


def test_order_is_kept_and_a_failure_ends_nothing(marimo: type[MarimoThread]) -> None:
    pages, last = page_thread(), threading.Event()
    order: list[int] = []

    def fail() -> None:
        raise RuntimeError("the page is gone")

    assert pages is not None
    work = [lambda number=number: order.append(number) for number in range(5)]
    elsewhere(lambda: [pages.deliver(send) for send in (*work[:2], fail, *work[2:], last.set)])
    assert last.wait(30)
    assert order == [0, 1, 2, 3, 4]


def test_a_cell_that_is_run_again_gets_a_thread_anew(marimo: type[MarimoThread]) -> None:
    first = page_thread()
    assert first is page_thread()
    marimo.made[0].should_exit = True
    second = page_thread()
    assert isinstance(second, PageThread)
    assert second is not first
    assert first is not None
    called: list[int] = []
    elsewhere(lambda: first.deliver(lambda: called.append(1)))  # an old widget's message is not kept for ever
    assert called == [1]


@pytest.mark.parametrize("make", [OutputTree, lambda: WidgetFactory().make(HTML)], ids=["anywidget", "plain"])
def test_traits_and_messages_of_all_widgets_take_that_way(
    marimo: type[MarimoThread], monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    widget = make()
    heard: list[str] = []
    done = threading.Event()

    def listen(data: Any, **_: Any) -> None:
        heard.append(threading.current_thread().name)
        done.set()

    monkeypatch.setattr(widget.comm, "send", listen)
    name = "label" if isinstance(widget, BaseWidget) else "value"
    elsewhere(lambda: setattr(widget, name, "new"))
    assert done.wait(30)
    assert set(heard) == {"imagegen-pages"}
