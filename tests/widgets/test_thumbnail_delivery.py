"""Thumbnails on their way to a page: what is kept comes at once, everything else when it is made."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from support.images import picture
from support.runs import stored_assets

from imagegen_nb.core import images
from imagegen_nb.step.output import thumbnail
from imagegen_nb.store import thumbnails
from imagegen_nb.widgets.thumbnail_delivery import ThumbnailDelivery, make_static


class Page:
    """Collects what is sent to it."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []
        self._came = threading.Condition()
        self.delivery = ThumbnailDelivery(self._receive)

    def _receive(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        with self._came:
            self.messages.append((message, list(buffers)))
            self._came.notify_all()

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The messages, once there are so many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.messages) >= count, timeout=30)
        return [message for message, _ in self.messages]


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """No thumbnail is made before this is set."""
    go, real = threading.Event(), images.thumbnail

    def waiting(data: bytes, size: images.ThumbnailSize = images.STATIC) -> bytes:
        assert go.wait(30)
        return real(data, size)

    monkeypatch.setattr(images, "thumbnail", waiting)
    thumbnails._made.clear()
    return go


def test_kept_ones_come_at_once_and_others_later_and_missing_ones_never(page, workspace):
    kept, new, gone = stored_assets(workspace.store, *(picture(size=(401, size)) for size in (1, 2, 3)))
    small = thumbnail(kept, images.LIVE)
    workspace.store.paths.blob(gone.stored.sha256, gone.file_type).unlink()
    answer, buffers = page.delivery.answer({"kept": kept, "new": new, "gone": gone})
    assert answer == {"type": "thumbnails", "ids": ["kept"], "later": ["new"]}
    assert buffers == [small]
    assert page.wait_for(1) == [{"type": "thumbnails", "ids": ["new"]}]
    assert page.messages[0][1] == [thumbnail(new, images.LIVE)]


def test_small_ones_are_asked_for_and_sent_under_a_name_of_their_own(page, workspace):
    (asset,) = stored_assets(workspace.store, picture(size=(401, 9)))
    answer, _ = page.delivery.answer({"a": asset}, images.STATIC)
    assert answer == {"type": "small_thumbnails", "ids": [], "later": ["a"]}
    page.delivery.answer({"a": asset})
    assert {message["type"] for message in page.wait_for(2)} == {"thumbnails", "small_thumbnails"}
    answer, buffers = page.delivery.answer({"a": asset}, images.STATIC)
    assert (answer["ids"], buffers) == (["a"], [thumbnail(asset, images.STATIC)])


def test_what_a_static_view_lacks_is_made_at_once(workspace, monkeypatch):
    assets = stored_assets(workspace.store, *(picture(size=(407, size)) for size in (1, 2, 3)))
    thumbnail(assets[0], images.STATIC)
    make_static(assets)
    monkeypatch.setattr(images, "thumbnail", None)
    assert all(thumbnail(asset, images.STATIC) for asset in assets)
    make_static(assets)


def test_what_is_under_way_is_made_once_whoever_asks(page, workspace, held):
    (asset,) = stored_assets(workspace.store, picture(size=(402, 1)))
    for _ in range(5):
        assert page.delivery.answer({"a": asset})[0]["later"] == ["a"]
    held.set()
    page.wait_for(1)
    assert page.delivery.answer({"a": asset})[0]["ids"] == ["a"]
    assert len(page.messages) == 1


def test_whatever_goes_wrong_a_page_that_waits_is_told(page, workspace, monkeypatch):
    def broken(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(images, "thumbnail", broken)
    thumbnails._made.clear()
    (asset,) = stored_assets(workspace.store, picture(size=(403, 1)))
    page.delivery.answer({"a": asset})
    assert page.wait_for(1) == [{"type": "thumbnails", "ids": [], "damaged": ["a"]}]


def test_of_previews_only_the_newest_of_an_image_is_made(page, held):
    first = [picture(size=(404, height)) for height in (1, 2)]
    for number, data in enumerate(first):
        page.delivery.preview(number, data)  # keeps both threads
    for height in range(3, 9):
        page.delivery.preview(2, picture(size=(404, height)))
    held.set()
    page.wait_for(3)
    sent = [buffers for message, buffers in page.messages if message["index"] == 2]
    assert sent == [[images.thumbnail(picture(size=(404, 8)), images.LIVE)]]


def test_a_preview_of_an_earlier_run_is_not_sent(page, held):
    page.delivery.preview(0, picture(size=(405, 1)))
    page.delivery.begin_previews()
    page.delivery.preview(1, picture(size=(405, 2)))
    held.set()
    assert [message["index"] for message in page.wait_for(1)] == [1]


def test_a_forked_child_has_threads_of_its_own(page, workspace):
    page.delivery.preview(0, picture(size=(406, 1)))
    page.wait_for(1)
    child = os.fork()
    if child == 0:
        page.delivery.preview(0, picture(size=(406, 2)))
        page.wait_for(2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
