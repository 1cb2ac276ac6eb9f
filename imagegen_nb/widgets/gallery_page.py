"""One page of a gallery: the images of one run, or what a store knows of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from imagegen_nb.core import html_repr
from imagegen_nb.errors import InvalidOption
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import Asset, thumbnail
from imagegen_nb.store.base import AssetRecord, Store

_LONGEST_ALT = 250


@dataclass(frozen=True, slots=True)
class GalleryPage:
    """A run, or its stored records. `label` names its zip file, `prefix` is the path to its output."""

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
    duration: str = ""

    @classmethod
    def of_run(cls, run: Run) -> GalleryPage:
        """The page of `run`."""
        notes = [run.error.summary()] if run.error else []
        notes += [
            f"{short.count} missing: {short.error.summary()}" for short in run.shortfalls if not run.error
        ]
        model = run.step.model if run.step.name else ""  # without a name, the model is the title
        result = f"{run.returned} of {count_images(run.requested)}"
        result += "" if run.status == "done" else f", {run.status}"
        return cls(
            id=run.id,
            title=run.step.name or run.step.model,
            label=run.step.name or run.prompt,
            facts=tuple(filter(None, (model, result, _local_time(run.started_at)))),
            notes=(*notes, *run.warnings),
            emulated=run.emulated,
            alt=run.prompt if len(run.prompt) <= _LONGEST_ALT else f"{run.prompt[:_LONGEST_ALT]}…",
            prefix=f"{run.identifier}.output" if run.identifier else "",
            assets=run.output.assets,
            run=run,
            duration=f"{run.duration:.1f} s",
        )

    @classmethod
    def of_records(cls, run_id: str, records: list[AssetRecord], store: Store) -> GalleryPage:
        """The page of a run's records in a store."""
        return cls(
            id=run_id,
            title=f"{count_images(len(records))} from the store",
            facts=(_local_time(records[0].created_at),),
            emulated=any(record.emulated for record in records),
            assets=tuple(Asset.of(record, store) for record in records),
        )

    def shown(self, removed: Collection[str] = ()) -> Iterator[tuple[str, int, Asset]]:
        """Each image that was not removed: its id in messages, its position in the output, its asset."""
        for index, asset in enumerate(self.assets):
            if (image_id := f"{self.id}.{index}") not in removed:
                yield image_id, index, asset

    def item(self, image_id: str, index: int, asset: Asset) -> dict[str, Any]:
        """What the front-end needs to know of one image."""
        stored, address = asset.stored, urlsplit(asset.file_url)
        return {
            "id": image_id,
            "name": asset.file_name,
            "alt": self._alt(index),
            "facts": [fact for fact in (*asset.facts(), self.duration) if fact and "sha256" not in fact],
            "more": [f"sha256 {stored.sha256[:8]}"] if stored else [],
            "path": f"{{{{{self.prefix}.assets.{index}.file_url}}}}" if self.prefix else "",
            "file": url2pathname(address.path) if address.scheme == "file" else "",
            "width": stored.width if stored else 0,
            "height": stored.height if stored else 0,
            "missing": thumbnail(asset) is None,
        }

    def html(self) -> str:
        """The page as a static table, for a notebook without a kernel."""
        return (
            self.run._repr_html_() if self.run else html_repr.html(self._heading(), self.notes, self._tiles())
        )

    def text(self) -> str:
        """The page as lines of text, which are the same for equal runs."""
        return repr(self.run) if self.run else html_repr.text(self._heading(), self.notes, self._tiles())

    def _heading(self) -> str:
        return self.title or "No images yet"

    def _tiles(self) -> list[html_repr.Tile]:
        return [
            html_repr.Tile(
                name=asset.file_name,
                alt=self._alt(index),
                path="",
                facts=asset.facts(),
                thumbnail=partial(thumbnail, asset, largest=html_repr.LARGEST_PICTURE),
            )
            for index, asset in enumerate(self.assets)
        ]

    def _alt(self, index: int) -> str:
        return f"{self.alt} ({index + 1} of {len(self.assets)})"


def pages(source: Iterable[Run | AssetRecord], store: Store | None) -> Iterator[GalleryPage]:
    """A page for each run, and for the records of each run. Raises `InvalidOption` without their store."""
    records: dict[str, list[AssetRecord]] = {}
    for item in source:
        if isinstance(item, Run):
            yield GalleryPage.of_run(item)
        elif store is None:
            raise InvalidOption("records need their store: Gallery(ws.records(), store=ws.store)")
        else:
            records.setdefault(item.run_id, []).append(item)
    for run_id, members in records.items():
        assert store is not None
        yield GalleryPage.of_records(run_id, members, store)


def count_images(images: int) -> str:
    """A number of images, in words."""
    return f"{images} image{'' if images == 1 else 's'}"


def base_name(asset: Asset) -> str:
    """The asset's name without any folder that its record may claim."""
    return re.split(r"[\\/]", asset.file_name)[-1].strip(". \0") or "image"


def _local_time(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
