"""The gallery of a run's images: thumbnails in the widget's state, full size only when it is asked for."""

from __future__ import annotations

import io
import re
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit
from urllib.request import url2pathname

import anywidget
import traitlets

from imagegen_nb import images, naming
from imagegen_nb.errors import ImagegenError, ImageRejected, InvalidOption
from imagegen_nb.output import Asset, thumbnail
from imagegen_nb.redaction import redact
from imagegen_nb.run import Run
from imagegen_nb.store.base import Store, StoredAsset

_ASSETS = Path(__file__).parent / "assets"
_SCRIPTS = ("dom.js", "talk.js", "viewer.js", "gallery.js")
_LONGEST_ALT, _MOST_PENDING = 250, 100
_MOST_PAGES = 50  # to flip through; the oldest go first


@dataclass(frozen=True, slots=True)
class _Page:
    """What is shown at once: a run, or the stored records of one. `label` names its zip file."""

    id: str = ""
    title: str = ""
    label: str = "images"
    facts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    emulated: bool = False
    alt: str = "Stored image"
    prefix: str = ""
    assets: tuple[Asset, ...] = ()
    run: Run | None = None
    time: str = ""

    def shown(self, removed: Collection[str] = ()) -> Iterator[tuple[str, int, Asset]]:
        """Each image that was not removed: its id on the wire, its position in the output, its record."""
        for index, asset in enumerate(self.assets):
            if (key := f"{self.id}.{index}") not in removed:
                yield key, index, asset


class Gallery(anywidget.AnyWidget):
    """The images of a run, to look at, compare, copy paths of and download.

    `source` is a `Run`, runs in the order they happened (the last is shown, the others are flipped to), or
    the records of `workspace.records()`, with `store=workspace.store` so that their bytes are found. Nothing
    given, the gallery is empty until `show(run)`.

    While a run goes on, `placeholders(count)` shows tiles for what is to come and `preview(index, data)` an
    unfinished picture in one of them; `show(run)` ends that. `on_use(callback)` offers **Use these
    settings**: the callback gets the `Run`. Removing an image takes it out of the view only.

    The state (`view`) holds texts and thumbnails of at most 256 pixels of the run that is shown; it is
    written here and never read back. All methods may be called from any thread.
    """

    _esm = "".join((_ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    _css = "".join((_ASSETS / name).read_text(encoding="utf-8") for name in ("base.css", "gallery.css"))

    view: traitlets.Dict[str, Any] = traitlets.Dict(read_only=True).tag(sync=True, echo_update=False)

    def __init__(
        self, source: Run | Iterable[Run | StoredAsset] | None = None, *, store: Store | None = None
    ) -> None:
        self._lock = threading.RLock()
        self._pages = list(_pages((source,) if isinstance(source, Run) else source or (), store))[
            -_MOST_PAGES:
        ]
        self._position = max(len(self._pages) - 1, 0)
        self._pending = 0
        self._removed: list[str] = []
        self._callbacks: list[Callable[[Run], object]] = []
        super().__init__()
        self.on_msg(self._heard)
        self._refresh()

    def show(self, run: Run) -> None:
        """Add `run` behind the others and show it; a run that is there already is brought up to date."""
        with self._lock:
            self._pending = 0
            others = [page for page in self._pages if page.id != run.id]
            self._pages = [*others, _of_run(run)][-_MOST_PAGES:]
            self._position = len(self._pages) - 1
            self._refresh()

    def placeholders(self, count: int) -> None:
        """Show `count` tiles for images that are on their way; 0 goes back to the last run."""
        with self._lock:
            self._pending = max(0, min(count, _MOST_PENDING))
            self._position = max(len(self._pages) - (0 if count else 1), 0)
            self._refresh()

    def preview(self, index: int, data: bytes, *, finished: bool = False) -> None:
        """Show the image file `data`, small, in tile `index`, from 0. Bytes that are no image do nothing."""
        if index >= self._pending:
            self.placeholders(index + 1)
        with suppress(ImageRejected):
            small = images.thumbnail(data)
            self.send({"type": "preview", "index": index, "finished": finished}, [small])

    def on_use(self, callback: Callable[[Run], object]) -> None:
        """Call `callback(run)` when somebody wants a run's settings; the gallery itself changes nothing."""
        with self._lock:
            self._callbacks.append(callback)
            self._refresh()

    def __repr__(self) -> str:
        return f"Gallery of {_images(len(self._shown()))} (run this cell to see it live)"

    def _page(self) -> _Page:
        return self._pages[self._position] if self._position < len(self._pages) else _Page()

    def _shown(self) -> list[tuple[str, int, Asset]]:
        return list(self._page().shown(self._removed))

    def _refresh(self) -> None:
        page, removed = self._page(), self._last_removed()
        total = len(self._pages) + bool(self._pending)
        pending = self._pending if self._position == len(self._pages) else 0
        view = {
            "title": f"Making {_images(pending)}…" if pending else page.title,
            "badge": "EMULATED" if page.emulated else "",
            "facts": list(page.facts),
            "notes": list(page.notes),
            "items": [_item(page, *shown) for shown in self._shown()],
            "position": self._position,
            "total": total,
            "run": f"run {self._position + 1}" if total > 1 else "",
            "pending": pending,
            "running": bool(self._pending),
            "usable": bool(self._callbacks and page.run),
            "undo": removed[1].file_name if removed else "",
            "empty": "No images here." if page.title else "No images yet: they appear when the step is run.",
        }
        self.set_trait("view", view)

    def _last_removed(self) -> tuple[str, Asset] | None:
        """The image that Undo would bring back, where it belongs to what is shown."""
        own = {key: asset for key, _, asset in self._page().shown()}
        return next(((key, own[key]) for key in reversed(self._removed) if key in own), None)

    def _heard(self, _widget: object, content: object, _buffers: object) -> None:
        """Answer a message; whatever a front-end sends, no exception comes of it."""
        request = content.get("request") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(request, str) or len(request) > 64:
            return
        try:
            answer, buffers = self._answer(content)
        # A callback of the user's may raise anything, and an exception in a message handler shows nowhere.
        except Exception as error:  # noqa: BLE001
            told = error.summary() if isinstance(error, ImagegenError) else f"{type(error).__name__}: {error}"
            answer, buffers = {"type": "refused", "reason": redact(told, limit=200)}, []
        self.send({**answer, "request": request}, buffers)

    def _answer(self, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        match content:
            case {"type": "full", "id": str(key)}:
                asset = self._known(key)[1]
                # An imported record may claim any type; only a picture's reaches the page.
                media = asset.file_type if asset.file_type in images.EXTENSIONS else ""
                return {"type": "full", "name": _base_name(asset), "media": media}, [asset.bytes()]
            case {"type": "zip"}:
                return self._zip()
            case {"type": "use", "id": str(key)}:
                # Not under the lock: a callback may well run the step, which shows its images here.
                if run := self._known(key)[0].run:
                    for callback in self._callbacks:
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
            case {"type": "remove", "id": str(key)}:
                self._known(key)
                self._removed.append(key)
            case {"type": "undo"}:
                if removed := self._last_removed():
                    self._removed.remove(removed[0])
            case _:
                _refuse("the gallery does not know this request")

    def _known(self, key: str) -> tuple[_Page, Asset]:
        """The page and the record of an id; compared images may be of different runs."""
        everything = ((page, shown) for page in self._pages for shown in page.shown(self._removed))
        found = next(((page, asset) for page, (known, _, asset) in everything if known == key), None)
        return found or _refuse("the image is not in this gallery")

    def _zip(self) -> tuple[dict[str, Any], list[bytes]]:
        """The files that are shown and at hand, under names that differ."""
        shown, buffer, names = self._shown(), io.BytesIO(), Counter[str]()
        with zipfile.ZipFile(buffer, "w") as archive:  # image files do not compress further
            for _, _, asset in shown:
                with suppress(ImagegenError):
                    data, name = asset.bytes(), Path(_base_name(asset))
                    names[name.name] += 1
                    again = f" ({names[name.name]})" if names[name.name] > 1 else ""
                    archive.writestr(f"{name.stem}{again}{name.suffix}", data)
        if not names:
            _refuse("there is no image at hand to download")
        text = f"Downloaded {names.total()} of {_images(len(shown))}."
        told = {"type": "zip", "name": f"{naming.slug(self._page().label)}.zip", "text": text}
        return told, [buffer.getvalue()]


def _refuse(reason: str) -> NoReturn:
    raise InvalidOption(reason)


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def _pages(source: Iterable[Run | StoredAsset], store: Store | None) -> Iterator[_Page]:
    """A page for each run, and for the records of each run."""
    records: dict[str, list[StoredAsset]] = {}
    for given in source:
        if isinstance(given, Run):
            yield _of_run(given)
        elif store is None:
            _refuse("records need their store: Gallery(ws.records(), store=ws.store)")
        else:
            records.setdefault(given.run_id, []).append(given)
    for run_id, members in records.items():
        yield _Page(
            id=run_id,
            title=f"{_images(len(members))} from the store",
            facts=(_clock(members[0].created_at),),
            emulated=any(record.emulated for record in members),
            assets=tuple(Asset.of(record, store) for record in members if store),
        )


def _of_run(run: Run) -> _Page:
    notes = [run.error.summary()] if run.error else []
    notes += [f"{short.count} missing: {short.error.summary()}" for short in run.shortfalls if not run.error]
    model = run.step.model if run.step.name else ""
    came = f"{run.returned} of {_images(run.requested)}" + ("" if run.status == "done" else f", {run.status}")
    return _Page(
        id=run.id,
        title=run.step.name or run.step.model,
        label=run.step.name or run.prompt,
        facts=tuple(filter(None, (model, came, _clock(run.started_at)))),
        notes=(*notes, *run.warnings),
        emulated=run.emulated,
        alt=run.prompt if len(run.prompt) <= _LONGEST_ALT else f"{run.prompt[:_LONGEST_ALT]}…",
        prefix=f"{run.identifier}.output" if run.identifier else "",
        assets=run.output.assets,
        run=run,
        time=f"{run.duration:.1f} s",
    )


def _item(page: _Page, key: str, index: int, asset: Asset) -> dict[str, Any]:
    """What the front-end needs to know of one image. `cost` is shown as soon as somebody knows it."""
    stored, thumb, address = asset.stored, thumbnail(asset), urlsplit(asset.file_url)
    return {
        "id": key,
        "name": asset.file_name,
        "alt": f"{page.alt} ({index + 1} of {len(page.assets)})",
        "facts": [fact for fact in (*asset.facts(), page.time) if fact and "sha256" not in fact],
        "more": [f"sha256 {stored.sha256[:8]}"] if stored else [],
        "cost": "",
        "path": f"{{{{{page.prefix}.assets.{index}.file_url}}}}" if page.prefix else "",
        "file": url2pathname(address.path) if address.scheme == "file" else "",
        "width": stored.width if stored else 0,
        "height": stored.height if stored else 0,
        "missing": thumb is None,
        "thumb": thumb or b"",
    }


def _base_name(asset: Asset) -> str:
    return re.split(r"[\\/]", asset.file_name)[-1].strip(". \0") or "image"  # a record may claim any folder


def _clock(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
