"""The gallery of runs' images: a page gets what it shows, and thumbnails and full-size images as it asks."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import traitlets
from IPython.display import display

from imagegen_nb.core import filenames, html_repr, images
from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.runs.run import Run
from imagegen_nb.store.base import AssetRecord, Store
from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.fallback import StaticFallback
from imagegen_nb.widgets.gallery_page import GalleryPage, Pages, base_name, count_images
from imagegen_nb.widgets.thumbnail_delivery import ThumbnailDelivery, make_static

_MOST_PENDING = 100
_SENT_ALONG = 24
"""Images described in the view itself; a page asks for the others as they come into sight."""
_THUMBNAILS_AHEAD = 12
"""Thumbnails sent along with a new run, before the page can ask."""
_MOST_ASKED = 48
_LARGEST_ZIP = 400_000_000
"""Bytes of one download: all of it passes through the kernel's memory and the page's."""


class Gallery(BaseWidget):
    """The images of a run, to look at, compare, copy paths of and download.

    `source` is a `Run`, runs in the order they happened, or the records of `workspace.records()`, with
    `store=workspace.store` so that their bytes are found. All runs are kept, however many; the newest is
    shown, the others are flipped to. Nothing given, the gallery is empty until `show(run)`.

    While a run goes on, `placeholders(count)` shows tiles for what is to come and `preview(index, data)` an
    unfinished picture in one of them; `show(run)` ends that. `on_use(callback)` offers **Use these
    settings**: the callback gets the `Run`. Removing an image takes it out of the view only.

    What is shown (`view`) holds only texts; it is written here and never read back. It describes the first
    images of a run; a page asks for the others, and for thumbnails, as they come into sight. Thumbnails are
    made once, in threads beside the kernel's own, and kept in the store. Without a kernel, a static table
    is shown. All methods may be called from any thread.
    """

    scripts = ("shared.js", "requests.js", "gallery_parts.js", "gallery_cards.js", "dialogs.js", "gallery.js")
    styles = ("base.css", "gallery.css")

    view: traitlets.Dict[str, Any] = traitlets.Dict(read_only=True).tag(unsaved=True)

    def __init__(
        self, source: Run | Iterable[Run | AssetRecord] | None = None, *, store: Store | None = None
    ) -> None:
        self._lock = threading.RLock()
        sources = (source,) if isinstance(source, Run) else source or ()
        self._pages = Pages(sources, store)
        self._position = max(len(self._pages) - 1, 0)
        self._pending = 0
        self._removed: dict[str, list[int]] = {}  # page id -> positions, the last removed last
        self._delivery = ThumbnailDelivery(lambda message, buffers: self.send(message, list(buffers)))
        self._thumbnails_sent_for = self._page().id  # a browser page opened later asks for what it lacks
        self._use_callbacks: list[Callable[[Run], object]] = []
        self._fallback = StaticFallback(self._static_page)
        super().__init__()
        self.on_msg(self._on_request)
        self._refresh()

    def show(self, run: Run) -> None:
        """Add `run` behind the others and show it; a run that is there already is brought up to date."""
        with self._lock:
            self._pending = 0
            self._delivery.begin_previews()
            self._pages.put(run)
            self._position = len(self._pages) - 1
            self._refresh()
        self._fallback.update()

    def placeholders(self, count: int) -> None:
        """Show `count` tiles for images that are being made; 0 goes back to the last run."""
        with self._lock:
            self._delivery.begin_previews()
            self._set_pending(count)

    def _set_pending(self, count: int) -> None:
        self._pending = max(0, min(count, _MOST_PENDING))
        self._position = max(len(self._pages) - (0 if count else 1), 0)
        self._refresh()

    def preview(self, index: int, data: bytes, *, finished: bool = False) -> None:
        """Show the image file `data`, small, in tile `index`, from 0. Bytes that are no image do nothing."""
        with self._lock:
            if index >= self._pending:
                self._set_pending(index + 1)
        self._delivery.preview(index, data, finished)

    def on_use(self, callback: Callable[[Run], object]) -> None:
        """Call `callback(run)` when somebody wants a run's settings; the gallery itself changes nothing."""
        with self._lock:
            self._use_callbacks.append(callback)
            self._refresh()

    def _ipython_display_(self) -> None:
        data, metadata = self._repr_mimebundle_()  # type: ignore[misc]  # never None beside a kernel
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        self._fallback.show()

    def __repr__(self) -> str:
        return f"Gallery of {count_images(len(self._page_and_shown()[1]))} (run this cell to see it live)"

    def _static_page(self) -> html_repr.Page:
        page = self._page()
        make_static(page.in_static_view())
        static, others = page.static_page(), len(self._pages) - 1
        if others <= 0:
            return static
        # The static view shows one run.
        line = f"… and {others:,} other run{'' if others == 1 else 's'}, not shown here"
        return replace(static, below=[line])

    def _page(self) -> GalleryPage:
        return self._pages[self._position] if self._position < len(self._pages) else GalleryPage()

    def _page_and_shown(self) -> tuple[GalleryPage, Sequence[int]]:
        """What is shown, and the positions of its images that were not removed."""
        page = self._page()
        return page, page.shown(self._removed.get(page.id, ()))

    def _refresh(self) -> None:
        page, shown = self._page_and_shown()
        removed = self._removed.get(page.id, [])
        if page.id != self._thumbnails_sent_for:
            # Sent before the view that shows them: if the page had to ask, it would wait for a busy kernel.
            ahead = {page.image_id(index): page.assets[index] for index in shown[:_THUMBNAILS_AHEAD]}
            self.send(*self._delivery.answer(ahead))
            self._thumbnails_sent_for = page.id
        total = len(self._pages) + bool(self._pending)
        pending = self._pending if self._position == len(self._pages) else 0
        view = {
            "title": f"Making {count_images(pending)}…" if pending else page.title,
            "badge": "EMULATED" if page.emulated else "",
            "facts": list(page.facts),
            "notes": list(page.notes),
            "page": page.id,
            "count": len(page.assets),
            "removed": list(removed),
            "items": [page.item(index) for index in shown[:_SENT_ALONG]],
            "position": self._position,
            "total": total,
            "run": f"run {self._position + 1}" if total > 1 else "",
            "pending": pending,
            "running": bool(self._pending),
            "usable": bool(self._use_callbacks and page.run),
            "undo": page.assets[removed[-1]].file_name if removed else "",
            "empty": "No images here." if page.title else "No images yet: they appear when the step is run.",
        }
        self.set_trait("view", view)

    def _on_request(self, _widget: object, content: object, _buffers: object) -> None:
        """Answer a message. Whatever a front-end sends, this raises nothing."""
        request = content.get("request") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(request, str) or len(request) > 64:
            return
        try:
            answer, buffers = self._answer(content)
        # A callback of the user's may raise anything, and an exception in a message handler shows nowhere.
        except Exception as error:  # noqa: BLE001
            summary = error.summary() if isinstance(error, ImagegenError) else ""
            reason = summary or f"{type(error).__name__}: {error}"
            answer, buffers = {"type": "refused", "reason": redact(reason, limit=200)}, []
        self.send({**answer, "request": request}, buffers)

    def _answer(self, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        match content:
            case {"type": "full", "id": str(image_id)}:
                page, index = self._find(image_id)
                asset = page.assets[index]
                # An imported record may claim any type; only an image's reaches the page.
                media = asset.file_type if asset.file_type in images.EXTENSIONS else ""
                data, stored = asset.bytes(), asset.stored
                # A browser shows the half of a file without a word.
                damaged = stored is not None and hashlib.sha256(data).hexdigest() != stored.sha256
                answer = {"type": "full", "name": base_name(asset), "media": media, "damaged": damaged}
                return answer, [data]
            case {"type": "thumbnails", "ids": list(image_ids)}:
                return self._thumbnails(image_ids)
            case {"type": "zip"}:
                return self._zip()
            case {"type": "use", "id": str(image_id)}:
                # Without the lock: a callback may run the step, which shows its images here.
                if run := self._find(image_id)[0].run:
                    for callback in self._use_callbacks:
                        callback(run)
                return {"type": "done", "text": "Settings handed over." if run else "Settings unknown."}, []
        with self._lock:
            self._change(content)
            self._refresh()
        return {"type": "done"}, []

    def _change(self, content: Mapping[str, Any]) -> None:
        last = len(self._pages) + bool(self._pending) - 1
        match content:
            case {"type": "flip", "by": (-1 | 1) as by}:
                self._position = max(0, min(self._position + by, last))
            case {"type": "flip", "to": int(position)}:
                self._position = max(0, min(position, last))
            case {"type": "remove", "id": str(image_id)}:
                page, index = self._find(image_id)
                self._removed.setdefault(page.id, []).append(index)
            case {"type": "undo"}:
                if removed := self._removed.get(self._page().id):
                    removed.pop()
            case _:
                _refuse("the gallery does not know this request")

    def _find(self, image_id: str) -> tuple[GalleryPage, int]:
        """The page and the position of an image on any page: compared images may be of different runs."""
        found = self._pages.find(image_id)
        if found is None or found[1] in self._removed.get(found[0].id, ()):
            _refuse("the image is not in this gallery")
        return found

    def _thumbnails(self, image_ids: list[Any]) -> tuple[dict[str, Any], list[bytes]]:
        """What a page needs to show those of the images that are in the gallery."""
        found = {}
        for image_id in image_ids[:_MOST_ASKED]:
            if isinstance(image_id, str) and (place := self._pages.find(image_id)):
                found[image_id] = place
        answer, buffers = self._delivery.answer(
            {key: page.assets[index] for key, (page, index) in found.items()}
        )
        return {**answer, "items": [page.item(index) for page, index in found.values()]}, buffers

    def _zip(self) -> tuple[dict[str, Any], list[bytes]]:
        """The files that are shown and at hand, numbered where names are the same."""
        page, shown = self._page_and_shown()
        buffer, names = io.BytesIO(), Counter[str]()
        size = sum(page.assets[index].file_size for index in shown)
        if size > _LARGEST_ZIP:
            have, most = html_repr.byte_size(size), html_repr.byte_size(_LARGEST_ZIP)
            _refuse(
                f"these images have {have}, a download at most {most}: take single ones, or copy the store"
            )
        with zipfile.ZipFile(buffer, "w") as archive:  # image files do not compress further
            for asset in (page.assets[index] for index in shown):
                with suppress(ImagegenError):
                    data, name = asset.bytes(), Path(base_name(asset))
                    names[name.name] += 1
                    number = f" ({names[name.name]})" if names[name.name] > 1 else ""
                    archive.writestr(f"{name.stem}{number}{name.suffix}", data)
        if not names:
            _refuse("there is no image at hand to download")
        text = f"Downloaded {names.total():,} of {count_images(len(shown))}."
        file_name = f"{filenames.slug(page.label)}.zip"
        return {"type": "zip", "name": file_name, "text": text}, [buffer.getvalue()]


def _refuse(reason: str) -> NoReturn:
    raise InvalidOption(reason)
