"""The gallery of a run's images: thumbnails are sent along, full-size images only when asked for."""

from __future__ import annotations

import io
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import traitlets
from IPython.display import display

from imagegen_nb.core import filenames, images
from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import ImagegenError, ImageRejected, InvalidOption
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import Asset, thumbnail
from imagegen_nb.store.base import AssetRecord, Store
from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.fallback import StaticFallback
from imagegen_nb.widgets.gallery_page import GalleryPage, base_name, count_images, pages

_MOST_PENDING = 100
_MOST_PAGES = 50  # the oldest are dropped first


class Gallery(BaseWidget):
    """The images of a run, to look at, compare, copy paths of and download.

    `source` is a `Run`, runs in the order they happened (the last is shown, the others are flipped to), or
    the records of `workspace.records()`, with `store=workspace.store` so that their bytes are found. Nothing
    given, the gallery is empty until `show(run)`.

    While a run goes on, `placeholders(count)` shows tiles for what is to come and `preview(index, data)` an
    unfinished picture in one of them; `show(run)` ends that. `on_use(callback)` offers **Use these
    settings**: the callback gets the `Run`. Removing an image takes it out of the view only.

    What is shown (`view`) holds only texts; it is written here and never read back. Thumbnails of at most
    256 pixels are sent along, and again to a page that asks. Without a kernel, a static table is shown.
    All methods may be called from any thread.
    """

    scripts = ("shared.js", "requests.js", "gallery_parts.js", "dialogs.js", "gallery.js")
    styles = ("base.css", "gallery.css")

    view: traitlets.Dict[str, Any] = traitlets.Dict(read_only=True).tag(unsaved=True)

    def __init__(
        self, source: Run | Iterable[Run | AssetRecord] | None = None, *, store: Store | None = None
    ) -> None:
        self._lock = threading.RLock()
        sources = (source,) if isinstance(source, Run) else source or ()
        self._pages = list(pages(sources, store))[-_MOST_PAGES:]
        self._position = max(len(self._pages) - 1, 0)
        self._pending = 0
        self._removed: list[str] = []
        self._thumbnails_sent_for = self._page().id  # a browser page opened later asks for what it lacks
        self._use_callbacks: list[Callable[[Run], object]] = []
        self._fallback = StaticFallback(lambda: self._page().html(), lambda: self._page().text())
        super().__init__()
        self.on_msg(self._on_request)
        self._refresh()

    def show(self, run: Run) -> None:
        """Add `run` behind the others and show it; a run that is there already is brought up to date."""
        with self._lock:
            self._pending = 0
            others = [page for page in self._pages if page.id != run.id]
            self._pages = [*others, GalleryPage.of_run(run)][-_MOST_PAGES:]
            self._position = len(self._pages) - 1
            self._refresh()
        self._fallback.update()

    def placeholders(self, count: int) -> None:
        """Show `count` tiles for images that are being made; 0 goes back to the last run."""
        with self._lock:
            self._pending = max(0, min(count, _MOST_PENDING))
            self._position = max(len(self._pages) - (0 if count else 1), 0)
            self._refresh()

    def preview(self, index: int, data: bytes, *, finished: bool = False) -> None:
        """Show the image file `data`, small, in tile `index`, from 0. Bytes that are no image do nothing."""
        if index >= self._pending:
            self.placeholders(index + 1)
        with suppress(ImageRejected):
            thumbnail_data = images.thumbnail(data)
            self.send({"type": "preview", "index": index, "finished": finished}, [thumbnail_data])

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
        return f"Gallery of {count_images(len(self._shown()))} (run this cell to see it live)"

    def _page(self) -> GalleryPage:
        return self._pages[self._position] if self._position < len(self._pages) else GalleryPage()

    def _shown(self) -> list[tuple[str, int, Asset]]:
        return list(self._page().shown(self._removed))

    def _refresh(self) -> None:
        page, removed = self._page(), self._last_removed()
        if page.id != self._thumbnails_sent_for:
            # Sent before the view that shows them: if the page had to ask, it would wait for a busy kernel.
            self.send(*self._thumbnails([image_id for image_id, _, _ in self._shown()]))
            self._thumbnails_sent_for = page.id
        total = len(self._pages) + bool(self._pending)
        pending = self._pending if self._position == len(self._pages) else 0
        view = {
            "title": f"Making {count_images(pending)}…" if pending else page.title,
            "badge": "EMULATED" if page.emulated else "",
            "facts": list(page.facts),
            "notes": list(page.notes),
            "items": [page.item(*shown) for shown in self._shown()],
            "position": self._position,
            "total": total,
            "run": f"run {self._position + 1}" if total > 1 else "",
            "pending": pending,
            "running": bool(self._pending),
            "usable": bool(self._use_callbacks and page.run),
            "undo": removed[1].file_name if removed else "",
            "empty": "No images here." if page.title else "No images yet: they appear when the step is run.",
        }
        self.set_trait("view", view)

    def _last_removed(self) -> tuple[str, Asset] | None:
        """The image that Undo would bring back, where it belongs to what is shown."""
        on_page = {image_id: asset for image_id, _, asset in self._page().shown()}
        return next(((last, on_page[last]) for last in reversed(self._removed) if last in on_page), None)

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
                asset = self._find(image_id)[1]
                # An imported record may claim any type; only an image's reaches the page.
                media = asset.file_type if asset.file_type in images.EXTENSIONS else ""
                return {"type": "full", "name": base_name(asset), "media": media}, [asset.bytes()]
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
        match content:
            case {"type": "flip", "by": (-1 | 1) as by}:
                last = len(self._pages) + bool(self._pending) - 1
                self._position = max(0, min(self._position + by, last))
            case {"type": "remove", "id": str(image_id)}:
                self._find(image_id)  # refuses an image that is not here
                self._removed.append(image_id)
            case {"type": "undo"}:
                if removed := self._last_removed():
                    self._removed.remove(removed[0])
            case _:
                _refuse("the gallery does not know this request")

    def _find(self, image_id: str) -> tuple[GalleryPage, Asset]:
        """The page and the asset of an image on any page: compared images may be of different runs."""
        for page in self._pages:
            for known_id, _, asset in page.shown(self._removed):
                if known_id == image_id:
                    return page, asset
        return _refuse("the image is not in this gallery")

    def _thumbnails(self, image_ids: list[Any]) -> tuple[dict[str, Any], list[bytes]]:
        """The thumbnails of those images that are in the gallery and whose bytes are at hand."""
        everything = [shown for page in self._pages for shown in page.shown()]
        assets = {image_id: asset for image_id, _, asset in everything if image_id in image_ids}
        data = {image_id: small for image_id, asset in assets.items() if (small := thumbnail(asset))}
        return {"type": "thumbnails", "ids": list(data)}, list(data.values())

    def _zip(self) -> tuple[dict[str, Any], list[bytes]]:
        """The files that are shown and at hand, numbered where names are the same."""
        shown, buffer, names = self._shown(), io.BytesIO(), Counter[str]()
        with zipfile.ZipFile(buffer, "w") as archive:  # image files do not compress further
            for _, _, asset in shown:
                with suppress(ImagegenError):
                    data, name = asset.bytes(), Path(base_name(asset))
                    names[name.name] += 1
                    number = f" ({names[name.name]})" if names[name.name] > 1 else ""
                    archive.writestr(f"{name.stem}{number}{name.suffix}", data)
        if not names:
            _refuse("there is no image at hand to download")
        text = f"Downloaded {names.total()} of {count_images(len(shown))}."
        file_name = f"{filenames.slug(self._page().label)}.zip"
        return {"type": "zip", "name": file_name, "text": text}, [buffer.getvalue()]


def _refuse(reason: str) -> NoReturn:
    raise InvalidOption(reason)
