"""The pages of a gallery: the images of one run each, or what a store knows of them."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, overload
from urllib.parse import urlsplit
from urllib.request import url2pathname

from imagegen_nb.core import html_repr, images
from imagegen_nb.core.content_credentials import PRESENT
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption, ModerationBlocked
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import Asset, is_at_hand, thumbnail
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import AssetRecord, Store
from imagegen_nb.widgets import given, run_settings
from imagegen_nb.widgets.download_names import download_name
from imagegen_nb.widgets.error_text import ErrorText

_LONGEST_ALT = 250
_SHAPE = re.compile(r"([1-9]\d{0,4})[x:]([1-9]\d{0,4})")
_IMAGE_ID = re.compile(r"(.*)\.(0|[1-9][0-9]{0,8})", re.DOTALL)


class _StoredAssets(Sequence[Asset]):
    """Records as assets, each made when it is looked at: a page may have thousands and show a dozen."""

    def __init__(self, records: Sequence[AssetRecord], store: Store) -> None:
        self.records = records
        self._store = store

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Asset: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Asset]: ...
    def __getitem__(self, index: int | slice) -> Asset | Sequence[Asset]:
        if isinstance(index, slice):
            return _StoredAssets(self.records[index], self._store)
        return Asset.of(self.records[index], self._store)


@dataclass(frozen=True, slots=True)
class PendingRun:
    """A run that has not ended: `count` images are to come. `started` is a `time.monotonic()`, None while the
    run waits for its turn. `size` is the shape to expect where no `step` tells it."""

    id: str
    count: int
    step: ImageGenerationStep | None = None
    started: float | None = None
    size: tuple[int, int] | None = None

    @property
    def elapsed(self) -> float | None:
        """Seconds since it began."""
        return None if self.started is None else time.monotonic() - self.started

    @property
    def shape(self) -> tuple[int, int] | None:
        """The proportions that were asked for, None where the model decides."""
        if self.size is not None:
            return self.size
        size = self.step.effective("image_size") if self.step else None
        match = _SHAPE.fullmatch(str(size))
        return (int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class GalleryPage:
    """A run, its stored records, or a run to come. `label` names its zip file, `prefix` is the path to its
    output, `error` is what ended it, or kept some of its images away."""

    id: str = ""
    title: str = ""
    label: str = "images"
    facts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    emulated: bool = False
    alt: str = "Stored image"
    prefix: str = ""
    prompt: str = ""
    assets: Sequence[Asset] = ()
    run: Run | None = None
    pending: PendingRun | None = None
    error: ErrorText | None = None
    duration: str = ""
    price: str = ""

    @classmethod
    def of_run(cls, run: Run) -> GalleryPage:
        """The page of `run`."""
        error = None
        if run.error is not None:
            error = ErrorText.of(run.error, synthetic=run.emulated)
        elif run.shortfalls:
            error = ErrorText.of_missing(run.shortfalls, synthetic=run.emulated)
        model = run.step.model if run.step.name else ""  # without a name, the model is the title
        result = f"{run.returned} of {counted(run.requested, 'image')}"
        result += "" if run.status == "done" else f", {run.status}"
        duration = f"{run.duration:.1f} s"
        return cls(
            id=run.id,
            title=run.step.name or run.step.model,
            label=run.step.name or run.prompt,
            facts=tuple(filter(None, (model, result, duration, _local_time(run.started_at), run.cost.short))),
            notes=run.warnings,
            error=error,
            emulated=run.emulated,
            alt=run.prompt if len(run.prompt) <= _LONGEST_ALT else f"{run.prompt[:_LONGEST_ALT]}…",
            prefix=f"{run.identifier}.output" if run.identifier else "",
            prompt=run.prompt,
            assets=run.output.assets,
            run=run,
            duration=duration,
            price=run.cost.short_per_image if len(run.output.assets) > 1 else "",
        )

    @classmethod
    def of_pending(cls, pending: PendingRun) -> GalleryPage:
        """The page of a run that has not ended."""
        images = counted(pending.count, "image")
        title = f"Waiting: {images}" if pending.started is None else f"Making {images}…"
        facts = (pending.step.name, pending.step.model) if pending.step else ()
        return cls(id=pending.id, title=title, facts=tuple(filter(None, facts)), pending=pending)

    @classmethod
    def of_records(cls, run_id: str, records: Sequence[AssetRecord], store: Store) -> GalleryPage:
        """The page of a run's records in a store."""
        return cls(
            id=run_id,
            title=f"{counted(len(records), 'image')} from the store",
            facts=(_local_time(records[0].created_at),),
            emulated=any(record.emulated for record in records),
            assets=_StoredAssets(records, store),
        )

    @property
    def refused(self) -> bool:
        """Whether there are no images because a provider's safety system rejected them all."""
        return self.run is not None and not self.assets and isinstance(self.run.error, ModerationBlocked)

    def shown(self, removed: Collection[int] = ()) -> Sequence[int]:
        """The positions in the output of the images that were not removed."""
        everything = range(len(self.assets))
        return [index for index in everything if index not in removed] if removed else everything

    def named(self, index: int) -> tuple[str, str]:
        """An image's id in its store, and its name; cheap, for who looks at thousands."""
        assets = self.assets
        known = assets.records[index] if isinstance(assets, _StoredAssets) else assets[index]
        return known.id, known.file_name

    def image_id(self, index: int) -> str:
        """What an image is called in messages."""
        return f"{self.id}.{index}"

    def item(self, index: int) -> dict[str, Any]:
        """What the front-end needs to know of one image."""
        asset = self.assets[index]
        stored, address = asset.stored, urlsplit(asset.file_url)
        more = [PRESENT] if asset.has_content_credentials else []
        more += [f"sha256 {stored.sha256[:8]}"] if stored else []
        return {
            "id": self.image_id(index),
            "name": asset.file_name,
            "saved_as": download_name(asset),
            "alt": self._alt(index),
            "facts": [
                fact for fact in (*asset.facts(), self.duration, self.price) if fact and fact not in more
            ],
            "more": more,
            "path": f"{{{{{self.prefix}.assets.{index}.file_url}}}}" if self.prefix else "",
            "file": url2pathname(address.path) if address.scheme == "file" else "",
            "size": asset.file_size,
            "width": stored.width if stored else 0,
            "height": stored.height if stored else 0,
            "missing": not is_at_hand(asset),
        }

    def details(self) -> dict[str, Any]:
        """The prompt as it was sent, the template where it differs, and the settings by the platform's
        labels. Of stored records nothing of it is known."""
        if (run := self.run) is None:
            return {"prompt": "", "template": "", "settings": []}
        template = run.step.prompt if run.step.prompt != run.prompt else ""
        return {"prompt": run.prompt, "template": template, "settings": run_settings.labelled(run)}

    def static_page(self) -> html_repr.Page:
        """What is shown of the page in a notebook without a kernel; the same for equal runs."""
        if self.run:
            return self.run.static_page()
        return html_repr.Page(self._heading(), self.notes, self._tiles(), len(self.assets))

    def in_static_view(self) -> Sequence[Asset]:
        """The images that the static table shows."""
        return self.assets[: html_repr.tiles_shown(len(self.assets))]

    def _heading(self) -> str:
        return self.title or "No images yet"

    def _tiles(self) -> list[html_repr.Tile]:
        return [
            html_repr.Tile(
                name=asset.file_name,
                alt=self._alt(index),
                path="",
                facts=asset.facts(),
                thumbnail=partial(thumbnail, asset, images.STATIC),
                larger=partial(thumbnail, asset, images.LIVE),
            )
            for index, asset in enumerate(self.in_static_view())
        ]

    def _alt(self, index: int) -> str:
        return f"{self.alt} ({index + 1} of {len(self.assets)})"


class Pages:
    """All pages of a gallery in the order their runs happened, each made when it is looked at.

    A page is found by its position or by its run's id; of a run that is given as such and by records, the run
    is shown, because it knows more. Raises `InvalidOption` for records without their store.
    """

    def __init__(self, source: Iterable[Run | AssetRecord] = (), store: Store | None = None) -> None:
        self._store = store
        self._runs: dict[str, Run | PendingRun | list[AssetRecord]] = {}
        records: dict[str, list[AssetRecord]] = {}
        for item in source:
            if isinstance(item, Run):
                self._runs[item.id] = item
            elif not isinstance(item, AssetRecord):
                raise given.not_shown(item)
            elif store is None:
                raise InvalidOption("records need their store: Gallery(ws.records(), store=ws.store)")
            else:
                records.setdefault(item.run_id, []).append(item)
        self._runs |= {run_id: found for run_id, found in records.items() if run_id not in self._runs}
        self._order = list(self._runs)
        self._stored_models: dict[str, str] | None = None

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, position: int) -> GalleryPage:
        return self._page(self._order[position])

    def put(self, run: Run) -> None:
        """Add a run behind the others, or take it there."""
        self._runs[run.id] = run
        # Not in place: a static view may be reading in another thread.
        self._order = [*(run_id for run_id in self._order if run_id != run.id), run.id]

    def begin(self, pending: PendingRun) -> None:
        """Add a run that has not ended behind the others, or bring it up to date where it stands."""
        if pending.id not in self._runs:
            self._order = [*self._order, pending.id]
        self._runs[pending.id] = pending

    def end(self, pending_id: str, run: Run | None) -> None:
        """Put the run in the place of what was pending; without a run there is nothing to show of it."""
        if self._runs.pop(pending_id, None) is None:
            return
        if run is not None:
            self._runs[run.id] = run
        places = ((run.id if run else None) if one == pending_id else one for one in self._order)
        self._order = [place for place in places if place is not None]

    def pending(self) -> list[PendingRun]:
        """The runs that have not ended, in order."""
        return [run for run in self._runs.values() if isinstance(run, PendingRun)]

    def runs(self) -> list[Run]:
        """The runs that have ended, in order."""
        found = (self._runs.get(run_id) for run_id in self._order)
        return [run for run in found if isinstance(run, Run)]

    def position(self, run_id: str) -> int | None:
        """Where a page stands."""
        return self._order.index(run_id) if run_id in self._runs else None

    def find(self, image_id: str) -> tuple[GalleryPage, int] | None:
        """The page and the position of an image, or None."""
        match = _IMAGE_ID.fullmatch(image_id)
        if match is None or match[1] not in self._runs:
            return None
        page, index = self._page(match[1]), int(match[2])
        return (page, index) if index < len(page.assets) else None

    def model_of(self, page: GalleryPage) -> str:
        """The model that a page's run was for; empty where the store's ledger does not know it."""
        return page.run.step.model if page.run else self._ledger().get(page.id, "")

    def models(self) -> list[str]:
        """All models of the gallery's runs, by name."""
        runs = (run.step.model for run in self._runs.values() if isinstance(run, Run))
        stored = (
            self._ledger().get(run_id, "") for run_id, run in self._runs.items() if isinstance(run, list)
        )
        return sorted({*runs, *stored} - {""})

    def _ledger(self) -> dict[str, str]:
        """The models of the store's runs. Read once, when first asked: a ledger may be long."""
        if self._stored_models is None:
            runs = () if self._store is None else self._store.list_runs()
            self._stored_models = {entry.run_id: entry.model for entry in runs if entry.run_id in self._runs}
        return self._stored_models

    def _page(self, run_id: str) -> GalleryPage:
        run = self._runs[run_id]
        if isinstance(run, Run):
            return GalleryPage.of_run(run)
        if isinstance(run, PendingRun):
            return GalleryPage.of_pending(run)
        assert self._store is not None
        return GalleryPage.of_records(run_id, run, self._store)


def _local_time(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
