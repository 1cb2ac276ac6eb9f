"""Sends thumbnails to the pages of a gallery: kept ones at once, others when a thread has made them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from imagegen_nb.core import images
from imagegen_nb.errors import ImagegenError
from imagegen_nb.step.output import Asset, is_at_hand, kept_thumbnail, thumbnail
from imagegen_nb.store import thumbnails

_THREADS = 2
"""Enough to keep a page filled; more would take the cores from the runs that go on."""

Send = Callable[[dict[str, Any], Sequence[bytes]], object]

_pool: ThreadPoolExecutor | None = None


class ThumbnailDelivery:
    """The thumbnails of one gallery. `send(message, buffers)` is called from other threads too."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._under_way: set[tuple[str, str]] = set()  # image id, and the name of a size
        self._run = 0
        self._previews = 0
        self._last_asked: dict[int, int] = {}
        self._last_sent: dict[int, int] = {}

    def answer(
        self, wanted: Mapping[str, Asset], size: images.ThumbnailSize = images.LIVE
    ) -> tuple[dict[str, Any], list[bytes]]:
        """A message with the thumbnails that are kept. `later` names those that will be sent when they are
        made; what is in neither list has no bytes at hand."""
        ready: dict[str, bytes] = {}
        later: list[str] = []
        for image_id, asset in wanted.items():
            if (small := kept_thumbnail(asset, size)) is not None:
                ready[image_id] = small
            elif is_at_hand(asset):
                later.append(image_id)
                self._start(image_id, asset, size)
        return {"type": _kind(size), "ids": list(ready), "later": later}, list(ready.values())

    def begin_previews(self) -> None:
        """What was a preview until now belongs to an earlier run, and is not sent any more."""
        with self._lock:
            self._run += 1
            self._last_asked.clear()
            self._last_sent.clear()

    def preview(self, index: int, data: bytes) -> None:
        """Send a picture of a run that goes on, unless a newer one of the same image comes before it."""
        with self._lock:
            self._previews += 1
            self._last_asked[index] = self._previews
            run, number = self._run, self._previews
        _shared_pool().submit(self._send_preview, run, number, index, data)

    def _start(self, image_id: str, asset: Asset, size: images.ThumbnailSize) -> None:
        with self._lock:
            if (image_id, size.name) in self._under_way:
                return  # whoever asked: all pages of a gallery get its messages
            self._under_way.add((image_id, size.name))
        _shared_pool().submit(self._make, image_id, asset, size)

    def _make(self, image_id: str, asset: Asset, size: images.ThumbnailSize) -> None:
        small = None
        # A page that waits is told, whatever went wrong.
        with suppress(Exception):
            small = thumbnail(asset, size)
        with self._lock:
            self._under_way.discard((image_id, size.name))
        if small is None:
            self._send({"type": _kind(size), "ids": [], "damaged": [image_id]}, [])
        else:
            self._send({"type": _kind(size), "ids": [image_id]}, [small])

    def _send_preview(self, run: int, number: int, index: int, data: bytes) -> None:
        if not self._is_wanted(run, number, index):
            return
        with suppress(ImagegenError):
            small = thumbnails.of_arrived(data, images.LIVE)
            with self._lock:  # held while it is sent, so that a newer one is sent after it
                if self._run == run and self._last_sent.get(index, 0) < number:
                    self._last_sent[index] = number
                    self._send({"type": "preview", "index": index}, [small])

    def _is_wanted(self, run: int, number: int, index: int) -> bool:
        with self._lock:
            return self._run == run and self._last_asked.get(index) == number


def _kind(size: images.ThumbnailSize) -> str:
    """What a page calls thumbnails of this size."""
    return "thumbnails" if size == images.LIVE else "small_thumbnails"


def make_static(assets: Iterable[Asset], size: images.ThumbnailSize = images.STATIC) -> None:
    """Make what is lacking for a static view, in all threads at once: its cell waits for it."""
    lacking = [asset for asset in assets if kept_thumbnail(asset, size) is None]
    if len(lacking) > 1:
        list(_shared_pool().map(partial(thumbnail, size=size), lacking))


def _shared_pool() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="imagegen-thumbnails")
    return _pool


def _after_fork_in_child() -> None:
    """Threads do not survive a fork."""
    global _pool
    _pool = None


os.register_at_fork(after_in_child=_after_fork_in_child)
