"""The gallery of runs' images: a page gets what it shows, and thumbnails and full-size images as it asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, NoReturn

import traitlets
from IPython.display import display

from imagegen_nb.core import html_repr, images
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption
from imagegen_nb.runs import marks
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import Asset, store_of
from imagegen_nb.store.base import AssetRecord, Store
from imagegen_nb.widgets import given
from imagegen_nb.widgets.download_names import archive_name
from imagegen_nb.widgets.fallback import StaticFallback
from imagegen_nb.widgets.full_size import full_size
from imagegen_nb.widgets.gallery_page import GalleryPage, Pages, PendingRun
from imagegen_nb.widgets.history import History, HistoryFilter
from imagegen_nb.widgets.image_archive import zip_of
from imagegen_nb.widgets.requests import AnsweringWidget
from imagegen_nb.widgets.thumbnail_delivery import ThumbnailDelivery, make_static

_MOST_PENDING = 100
_ANONYMOUS = "pending"
"""The id of what `placeholders` shows."""
_SENT_ALONG = 24
"""Images described in the view itself; a page asks for the others as they come into sight."""
_THUMBNAILS_AHEAD = 12
"""Thumbnails sent along with a new run, before the page can ask."""
_MOST_ASKED = 48
_MOST_CHOSEN = 10_000
"""Images of one request to download or remove."""


@dataclass(frozen=True, slots=True)
class _Removal:
    """Images that were taken out of the view at once, and what was shown then."""

    number: int  # from 1
    name: str
    places: tuple[tuple[str, int], ...]  # page id and position
    shown_id: str

    @property
    def told(self) -> str:
        verb = "was" if len(self.places) == 1 else "were"
        return f"{self.name} {verb} removed from this view; the files stay in the store."


@dataclass(frozen=True, slots=True)
class RunAction:
    """A button for the run that is shown. `label(page)` is its text, empty where it does not apply;
    `act(page)` does it and returns what to tell. `hint` is its tooltip; afterwards the focus goes to `focus`:
    "" leaves it where it is, "settings" is the form's prompt."""

    key: str
    label: Callable[[GalleryPage], str]
    act: Callable[[GalleryPage], str]
    hint: str = ""
    focus: str = ""


@helpful_calls
class Gallery(AnsweringWidget):
    """The images of a run, to look at, compare, copy paths of and download.

    `source` is a `Run`, runs in the order they happened, or the records of `workspace.records()`, with
    `store=workspace.store` so that their bytes are found. All runs are kept, however many; the newest is
    shown, the others are flipped to. Nothing given, the gallery is empty until `show(run)`.

    While a run goes on, `placeholders(count)` shows tiles for what is to come and `preview(index, data)` an
    unfinished picture in one of them; `show(run)` ends that. `on_use(callback)` offers "Use these
    settings" for the run that is shown: the callback gets the `Run`. Removing an image takes it out of the
    view only.

    Images can be starred and have notes, in the page or by `star` and `note`; `starred` and `notes` give them
    back. The store that has the image keeps them, for all its galleries, also of other kernels.

    Thumbnails are made once, in threads beside the kernel's own, and kept in the store. Without a kernel, a
    static view is shown. All methods may be called from any thread.
    """

    # What is shown (`view`) holds only texts; it is written here and never read back. It describes the first
    # images of a run; a page asks for the others, and for thumbnails, as they come into sight.

    scripts = (
        "shared.js",
        "clipboard.js",
        "kernel_gone.js",
        "requests.js",
        "picture_source.js",
        "gallery_parts.js",
        "popup_menu.js",
        "image_card.js",
        "grid_columns.js",
        "pending_images.js",
        "gallery_cards.js",
        "card_keys.js",
        "gallery_run.js",
        "sharp_pictures.js",
        "image_grid.js",
        "zoom.js",
        "key_help.js",
        "image_details.js",
        "lightbox.js",
        "comparison.js",
        "selection.js",
        "floating_bar.js",
        "history_filter.js",
        "strip_edges.js",
        "small_pictures.js",
        "history.js",
        "ways_to_images.js",
        "gallery_actions.js",
        "gallery.js",
    )
    styles = ("base.css", "kernel_gone.css", "gallery.css", "gallery_run.css", "dialogs.css", "history.css")

    view: traitlets.Dict[str, Any] = traitlets.Dict(read_only=True).tag(unsaved=True)
    # A line about the run that is shown. Not a part of the view, because it changes while somebody types, and
    # the view is large.
    run_note = traitlets.Unicode().tag(unsaved=True)

    def __init__(
        self,
        source: Run | Iterable[Run | AssetRecord] | None = None,
        *,
        store: Store | None = None,
    ) -> None:
        self._lock = threading.RLock()
        given.check_store(store)
        self._store = store
        self._pages = Pages(given.sources_of(source), store)
        self._shown_id = self._pages[len(self._pages) - 1].id if len(self._pages) else ""
        self._told_of = ""  # the page that was last told of as shown
        self._output_id = ""
        self._removed: dict[str, list[int]] = {}  # page id -> positions
        self._removals: list[_Removal] = []  # the last one last
        self._removal_count = 0
        self._marked = 0  # how often a mark has changed: a page then asks for the history again
        self._delivery = ThumbnailDelivery(lambda message, buffers: self.send(message, list(buffers)))
        self._thumbnails_sent_for = self._page().id  # a browser page opened later asks for what it lacks
        self._use_callbacks: list[Callable[[Run], object]] = []
        self._ask_others: Callable[[], Iterable[Run]] = tuple
        self._other_runs: tuple[Run, ...] = ()
        self._actions: list[RunAction] = []
        self._show_callbacks: list[Callable[[], object]] = []
        self._arrived = set[int]()  # of the run that is under way, by their positions
        self._fallback = StaticFallback(self._static_page)
        super().__init__()
        self._refresh()

    def page_opened(self) -> None:
        """Describe what is shown anew: a run that goes on has become older."""
        with self._lock:
            self._refresh()

    def show(self, run: Run) -> None:
        """Add `run` behind the others and show it; a run that is there already is brought up to date."""
        given.check_run(run)
        with self._changing():
            self._pages.end(_ANONYMOUS, None)
            self._delivery.begin_previews()
            self._pages.put(run)
            self._shown_id = run.id
        self._fallback.update()

    def placeholders(self, count: int, size: tuple[int, int] | None = None) -> None:
        """Show `count` tiles for images that are being made, in the shape of `size` (width and height) or
        square; 0 goes back to the last run."""
        self.end(_ANONYMOUS, None)
        if count > 0:
            count = min(count, _MOST_PENDING)
            self.begin(PendingRun(_ANONYMOUS, count, size=size, started=time.monotonic()))

    def begin(self, pending: PendingRun, *, show: bool = True) -> None:
        """Add a run that has not ended as a page, or bring its page up to date; `show` it."""
        with self._changing():
            if pending.started is not None:
                self._delivery.begin_previews()
                self._arrived.clear()
            self._pages.begin(pending)
            if show:
                self._shown_id = pending.id

    def go_to(self, run_id: str) -> None:
        """Show the page of a run that is here."""
        with self._changing():
            if self._pages.position(run_id) is not None:
                self._shown_id = run_id

    def end(self, pending_id: str, run: Run | None) -> None:
        """Put `run` in the place of what was pending, or nothing. Who looks at another run is left there."""
        with self._changing():
            if (making := self._making()) is not None and making.id == pending_id:
                self._delivery.begin_previews()
            position = self._pages.position(pending_id)
            self._pages.end(pending_id, run)
            if self._shown_id == pending_id and position is not None:
                self._shown_id = run.id if run else self._id_at(position)
        self._fallback.update()

    def preview(self, index: int, data: bytes, *, finished: bool = False) -> None:
        """Show the image file `data`, small, in tile `index`, from 0; a `finished` one has arrived, which the
        tile says before the picture is made. Bytes that are no image show none."""
        with self._lock:
            making = self._making()
            lacking = making is None or index >= making.count
        if lacking and (making is None or making.id == _ANONYMOUS):
            self.placeholders(index + 1)
        if finished:
            with self._changing():
                self._arrived.add(index)
        self._delivery.preview(index, data)

    def on_use(self, callback: Callable[[Run], object]) -> None:
        """Call `callback(run)` when somebody wants a run's settings; the gallery itself changes nothing."""
        if not callable(callback):
            raise InvalidOption(f"callback is of type {type(callback).__name__}: give a function of the run")
        with self._lock:
            self._use_callbacks.append(callback)
            self._refresh()

    def offer(self, action: RunAction) -> None:
        """Add a button for the run that is shown."""
        with self._lock:
            self._actions.append(action)
            self._refresh()

    def on_show(self, callback: Callable[[], object]) -> None:
        """Call `callback()` whenever another run is shown, or the one that is shown has ended."""
        self._show_callbacks.append(callback)

    def mark_output(self, run_id: str) -> None:
        """Mark the run that the paths of all runs mean."""
        with self._changing():
            self._output_id = run_id

    @property
    def shown(self) -> GalleryPage:
        """What is shown; an empty page before there is any run."""
        with self._lock:
            return self._page()

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that have ended, in the order of their pages."""
        with self._lock:
            return tuple(self._pages.runs())

    def number(self, run_id: str) -> int:
        """The number of a run's page, from 1; 0 for one that is not here."""
        with self._lock:
            position = self._pages.position(run_id)
            return 0 if position is None else position + 1

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the pages, show it, and tell who wants to know. Those may ask this gallery: no lock then."""
        with self._lock:
            yield
            self._refresh()
            is_other, self._told_of = self._told_of != self._shown_id, self._shown_id
        if is_other:
            for callback in self._show_callbacks:
                callback()

    def _making(self) -> PendingRun | None:
        """The run that is under way."""
        return next((run for run in self._pages.pending() if run.started is not None), None)

    def _id_at(self, position: int) -> str:
        last = len(self._pages) - 1
        return self._pages[max(0, min(position, last))].id if last >= 0 else ""

    def include_others(self, runs: Callable[[], Iterable[Run]]) -> None:
        """Let the history list runs that are shown elsewhere too: `runs()` gives them, oldest first."""
        self._ask_others = runs
        self.others_changed()

    def others_changed(self) -> None:
        """Ask again for the runs that are shown elsewhere."""
        runs = tuple(self._ask_others())  # without the lock: other galleries may be asking this one
        with self._changing():
            self._other_runs = runs
            self._marked += 1

    def _others(self) -> Pages:
        return Pages(run for run in self._other_runs if self._pages.position(run.id) is None)

    @property
    def starred(self) -> tuple[Asset, ...]:
        """The images with a star, in the order their runs happened."""
        return tuple(asset for asset in self._all_assets() if marks.mark_of(asset).starred)

    @property
    def notes(self) -> dict[str, str]:
        """The notes by the ids of their images."""
        found = ((asset.id, marks.mark_of(asset)) for asset in self._all_assets())
        return {asset_id: mark.note for asset_id, mark in found if mark.note}

    def star(self, asset: Asset, on: bool = True) -> None:
        """Give an image a star, or take it away."""
        given.check_asset(asset)
        self._mark(asset, starred=on)

    def note(self, asset: Asset, text: str) -> None:
        """Note something on an image; an empty text takes the note away, and keys in it are masked. Raises
        `InvalidOption` for a text that is too long."""
        given.check_asset(asset)
        if not isinstance(text, str):
            raise InvalidOption(
                f"text is of type {type(text).__name__}: give a text; an empty one takes the note away"
            )
        self._mark(asset, note=text)

    def _mark(self, asset: Asset, **change: Any) -> None:
        with self._lock:
            marks.change_mark(asset, **change)
            self._marked += 1
            self._refresh()

    def _all_assets(self) -> Iterable[Asset]:
        return (
            asset for page in map(self._pages.__getitem__, range(len(self._pages))) for asset in page.assets
        )

    def _ipython_display_(self) -> None:
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        self._fallback.show()

    def __repr__(self) -> str:
        return f"Gallery of {counted(len(self._left(self._page())), 'image')} (run this cell to see it live)"

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
        position = self._pages.position(self._shown_id)
        return GalleryPage() if position is None else self._pages[position]

    def _left(self, page: GalleryPage) -> Sequence[int]:
        """The positions of its images that were not removed."""
        return page.shown(self._removed.get(page.id, ()))

    def _item(self, page: GalleryPage, index: int) -> dict[str, Any]:
        """What a browser page needs to know of one image."""
        mark = marks.mark_of(page.assets[index])
        number, elsewhere = self.number(page.id), page.run.identifier if page.run else ""
        run = (f"run {number}" if len(self._pages) > 1 else "") if number else elsewhere or ""
        told = {"run": run, "starred": mark.starred, "note": mark.note, "path_run": self._path_run(page)}
        return {**page.item(index), **told}

    def _refresh(self) -> None:
        page = self._page()
        shown = self._left(page)
        removed = self._removed.get(page.id, [])
        if page.id != self._thumbnails_sent_for:
            # Sent before the view that shows them: if the page had to ask, it would wait for a busy kernel.
            ahead = {page.image_id(index): page.assets[index] for index in shown[:_THUMBNAILS_AHEAD]}
            self.send(*self._delivery.answer(ahead))
            self._thumbnails_sent_for = page.id
        total, position = len(self._pages), self._pages.position(page.id) or 0
        making, pending = self._making(), page.pending
        view = {
            "title": page.title,
            "badge": "EMULATED" if page.emulated else "",
            "facts": [*page.facts, *([f"{len(removed)} removed from this view"] if removed else [])],
            "notes": list(page.notes),
            "error": asdict(page.error) if page.error else None,
            "page": page.id,
            "count": len(page.assets),
            "removed": list(removed),
            "items": [self._item(page, index) for index in shown[:_SENT_ALONG]],
            "position": position,
            "total": total,
            "ended": total - len(self._pages.pending()),
            "run": f"run {position + 1}" if total > 1 else "",
            "pending": pending.count if pending else 0,
            "asked": list(pending.shape) if pending and pending.shape else [],
            "elapsed": pending.elapsed if pending else None,
            "making": making.id if making else "",
            "arrived": sorted(self._arrived) if making else [],
            "running": making is not None,
            "usable": bool(self._use_callbacks and page.run),
            "actions": self._buttons(page),
            "marks": self._marked,
            "others": len(self._others()) > 0,
            "mark": "the output" if total > 1 and page.id == self._output_id else "",
            "mark_note": self._mark_note(page),
            "path_run": self._path_run(page),
            "path_note": _path_note(self._path_run(page)),
            "undo": removal.name if (removal := self._removal_here()) else "",
            "removal": removal.number if removal else 0,
            "undo_told": removal.told if removal else "",
            "empty": _empty_text(page),
        }
        self.set_trait("view", view)

    def _buttons(self, page: GalleryPage) -> list[dict[str, str]]:
        use = [_USE] if self._use_callbacks and page.run else []
        # What was refused for what it shows is refused again: there the prompt comes first.
        offered = [*use, *self._actions] if page.refused else [*self._actions, *use]
        labels = ((action, action.label(page)) for action in offered)
        return [{"key": action.key, "label": label, "hint": action.hint} for action, label in labels if label]

    def _mark_note(self, page: GalleryPage) -> str:
        """What it means that one of several runs is the output, beside a run that is or could be it."""
        output = self._pages.position(self._output_id)
        if output is None or page.run is None or len(self._pages) < 2:
            return ""
        if page.id == self._output_id:
            return "Later steps see this run: it is the output."
        return f"Later steps see run {output + 1}, the output, and not this one."

    def _path_run(self, page: GalleryPage) -> int:
        """The number of the run that the paths beside this run's images mean; 0 where it is their own."""
        is_own = page.run is None or page.id == self._output_id
        return 0 if is_own or not self.number(page.id) else self.number(self._output_id)

    def _answer(self, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        match content:
            case {"type": "full", "id": str(image_id)}:
                page, index = self._find(image_id)
                return full_size(page.assets[index])
            case {"type": "thumbnails", "ids": list(image_ids)}:
                return self._thumbnails(image_ids)
            case {"type": "small_thumbnails", "ids": list(image_ids)}:
                assets = {key: page.assets[index] for key, page, index in self._found(image_ids, _MOST_ASKED)}
                return self._delivery.answer(assets, images.STATIC)
            case {"type": "zip"}:
                return self._zip(content.get("ids"), content.get("page"))
            case {"type": "details", "id": str(image_id)}:
                return {"type": "details", **self._find(image_id)[0].details()}, []
            case {"type": "history", "start": int(start)}:
                if content.get("others") is True:
                    self._other_runs = tuple(self._ask_others())
                return {"type": "history", **self._history(content, start)}, []
            case {"type": "use", "id": str(image_id)}:
                return self._act(self._find(image_id)[0], _USE.key), []
            case {"type": "act", "page": str(page_id), "action": str(key)}:
                return self._act(self._find_page(page_id), key), []
            case {"type": "undo"}:
                with self._changing():
                    return {"type": "done", "ids": self._undo(content.get("removal"))}, []
        with self._changing():
            self._change(content)
        return {"type": "done"}, []

    def _act(self, page: GalleryPage, key: str) -> dict[str, Any]:
        """Do what a button says. Without the lock: it may run the step, which shows its images here."""
        if key == _USE.key:
            if page.run is None:
                return {"type": "done", "text": "Settings unknown."}
            told = [callback(page.run) for callback in self._use_callbacks]
            text = next((text for text in told if isinstance(text, str)), "Settings handed over.")
            return {"type": "done", "text": text, "focus": _USE.focus}
        for action in self._actions:
            if action.key == key and action.label(page):
                return {"type": "done", "text": action.act(page), "focus": action.focus}
        return _refuse("that cannot be done with this run")

    def _find_page(self, page_id: str) -> GalleryPage:
        with self._lock:
            position = self._pages.position(page_id)
            if position is None:
                _refuse("the run is not in this gallery any more")
            return self._pages[position]

    def _change(self, content: Mapping[str, Any]) -> None:
        match content:
            case {"type": "flip", "by": (-1 | 1) as by}:
                self._shown_id = self._id_at((self._pages.position(self._shown_id) or 0) + by)
            case {"type": "flip", "to": int(position)}:
                self._shown_id = self._id_at(position)
            case {"type": "remove", "id": str(image_id)}:
                self._remove([image_id])
            case {"type": "remove", "ids": list(image_ids)}:
                self._remove(image_ids)
            case {"type": "star", "id": str(image_id), "on": bool(on)}:
                page, index = self._find(image_id)
                self._mark(page.assets[index], starred=on)
            case {"type": "note", "id": str(image_id), "text": str(text)}:
                page, index = self._find(image_id)
                self._mark(page.assets[index], note=text)
            case _:
                _refuse("the gallery does not know this request")

    def _find(self, image_id: str) -> tuple[GalleryPage, int]:
        """The page and the position of an image on any page: compared images may be of different runs."""
        found = self._pages.find(image_id) or self._others().find(image_id)
        if found is None or found[1] in self._removed.get(found[0].id, ()):
            _refuse("the image is not in this gallery")
        return found

    def _found(self, image_ids: list[Any], most: int) -> list[tuple[str, GalleryPage, int]]:
        """Those of the images that are in the gallery, each with its page and position."""
        found, others = {}, self._others()
        for image_id in image_ids[:most]:
            if not isinstance(image_id, str):
                continue
            if place := self._pages.find(image_id) or others.find(image_id):
                found[image_id] = (image_id, *place)
        return list(found.values())

    def _thumbnails(self, image_ids: list[Any]) -> tuple[dict[str, Any], list[bytes]]:
        """What a browser page needs to show those of the images that are in the gallery."""
        found = self._found(image_ids, _MOST_ASKED)
        answer, buffers = self._delivery.answer({key: page.assets[index] for key, page, index in found})
        return {**answer, "items": [self._item(page, index) for _, page, index in found]}, buffers

    def _history(self, request: Mapping[str, Any], start: int) -> dict[str, Any]:
        count = request.get("count")
        others = self._others() if request.get("others") is True else Pages()
        history = History(self._pages, self._removed, marks.marks_in(self._stores()), others)
        return history.answer(
            HistoryFilter.of(request), max(start, 0), count if isinstance(count, int) else 0
        )

    def _stores(self) -> Iterator[Store]:
        """Where the images lie that the history may list; a run's lie together."""
        if self._store is not None:
            yield self._store
        for run in (*self._pages.runs(), *self._other_runs):
            for asset in run.output.assets[:1]:
                if (store := store_of(asset)) is not None:
                    yield store

    def _remove(self, image_ids: list[Any]) -> None:
        """Take images out of the view, all of them by one undo to be brought back."""
        found = self._found(image_ids, _MOST_CHOSEN)
        found = [place for place in found if place[2] not in self._removed.get(place[1].id, ())]
        if not found:
            _refuse("the image is not in this gallery")
        names = [page.assets[index].file_name for _, page, index in found]
        name = names[0] if len(names) == 1 else counted(len(names), "image")
        # Other runs may have files of that name, and be shown by the time that it is brought back.
        if len(self._pages) > 1 and len(of := {page.id for _, page, _ in found}) == 1:
            name += f" of run {self.number(of.pop())}"
        places = tuple((page.id, index) for _, page, index in found)
        self._removal_count += 1
        self._removals.append(_Removal(self._removal_count, name, places, self._shown_id))
        for page_id, index in places:
            self._removed.setdefault(page_id, []).append(index)

    def _removal_here(self) -> _Removal | None:
        """The last removal that concerns the run that is shown: it lost images, or was shown then."""
        here = self._page().id
        known = (one for one in reversed(self._removals) if here in (one.shown_id, *dict(one.places)))
        return next(known, None)

    def _undo(self, number: object) -> list[str]:
        """Bring back what was removed last here, where it was shown then; returns the ids of the images. A
        page says by its `number` which removal it offered to undo: by now another may be the last here."""
        named = next((one for one in self._removals if one.number == number), None)
        if (removal := self._removal_here() if number is None else named) is None:
            return []
        self._removals.remove(removal)
        for page_id, index in removal.places:
            self._removed[page_id].remove(index)
        if self._pages.position(removal.shown_id) is not None:
            self._shown_id = removal.shown_id
        return [f"{page_id}.{index}" for page_id, index in removal.places]

    def _zip(self, image_ids: object, page_id: object) -> tuple[dict[str, Any], list[bytes]]:
        """The images that were chosen, or all of a run: of the one that is shown, if none is named."""
        page = self._find_page(page_id) if isinstance(page_id, str) else self._page()
        places = [(page, index) for index in self._left(page)]
        if isinstance(image_ids, list):
            places = [(page, index) for _, page, index in self._found(image_ids, _MOST_CHOSEN)]
        assets = [page.assets[index] for page, index in places]
        labels = {page.id: page.label for page, _ in places}
        name = archive_name(*labels.values(), *labels) if len(labels) == 1 else archive_name("images")
        data, count = zip_of(assets)
        text = f"Downloaded {count:,} of {counted(len(assets), 'image')}."
        return {"type": "zip", "name": name, "text": text}, [data]


def _use_label(page: GalleryPage) -> str:
    if page.run is None:
        return ""
    return "Edit the prompt" if page.refused else "Use these settings"


_USE = RunAction(
    "use", _use_label, lambda _: "", "Put this run's settings and inputs into the form", focus="settings"
)


def _empty_text(page: GalleryPage) -> str:
    if page.run and not page.assets:
        return "This run gave no images."
    return "No images here." if page.title else "No images yet: they appear when the step is run."


def _path_note(number: int) -> str:
    """What to say when a path is copied that means another run than the one it stands beside."""
    return f"These paths mean run {number}, which is the output." if number else ""


def _refuse(reason: str) -> NoReturn:
    raise InvalidOption(reason)
