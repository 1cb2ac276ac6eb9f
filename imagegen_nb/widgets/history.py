"""The history of a gallery: its images, the newest run first, and those that match a filter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagegen_nb.core.opinions import Mark
from imagegen_nb.core.words import as_searched
from imagegen_nb.widgets.gallery_page import GalleryPage, Pages

AT_ONCE = 48
"""Entries of one answer; a page asks for more as it scrolls."""
_MOST_AT_ONCE = 1_000
"""Entries of one answer to a page that has scrolled far, and brings all it has up to date."""
_NO_IMAGES = -1
"""Stands for the images of a run that brought none, which can be jumped to as well."""
_ELSEWHERE = -1
"""The position of a run that is shown elsewhere."""


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which images to list. `text` is words, each of which stands in the prompt, a name or the note."""

    starred: bool = False
    model: str = ""
    text: str = ""

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> HistoryFilter:
        """What a front-end asks for; anything odd asks for nothing."""
        model, text = request.get("model"), request.get("text")
        return cls(
            starred=request.get("starred") is True,
            model=model if isinstance(model, str) else "",
            text=text[:200] if isinstance(text, str) else "",
        )

    @property
    def is_any(self) -> bool:
        """Whether it leaves anything out."""
        return self.starred or bool(self.model or self.words)

    @property
    def words(self) -> list[str]:
        """The words to look for, without regard to case."""
        return as_searched(self.text).split()


class History:
    """The images of `pages`, and behind them those of `others`, that were not `removed` (positions by page
    id). `marks` are by the images' ids."""

    def __init__(
        self,
        pages: Pages,
        removed: Mapping[str, Collection[int]],
        marks: Mapping[str, Mark],
        others: Pages | None = None,
    ) -> None:
        self._pages = pages
        self._others = others or Pages()
        self._removed = removed
        self._marks = marks

    def answer(self, wanted: HistoryFilter, start: int, count: int = AT_ONCE) -> dict[str, Any]:
        """At most `count` entries from `start` on, how many there are (`matches`), how many images and runs
        that is, the positions of the runs of this gallery, newest first (`found`; None where nothing is left
        out, and behind the start), and the models to choose from."""
        stop = start + min(max(count, AT_ONCE), _MOST_AT_ONCE)
        entries: list[dict[str, Any]] = []
        positions: list[int] = []
        matches = images = runs = 0
        for page, position in self._newest_first():
            found = self._matching(page, wanted)
            window = range(max(start - matches, 0), min(stop - matches, len(found)))
            entries += (self._entry(page, position, found[place]) for place in window)
            matches += len(found)
            images += 0 if _NO_IMAGES in found[:1] else len(found)
            runs += len(found) > 0
            positions += [position] if found and position != _ELSEWHERE else []
        models = sorted({*self._pages.models(), *self._others.models()})
        counts = {"matches": matches, "images": images, "runs": runs}
        shown = positions if wanted.is_any and not start else None
        return {"entries": entries, **counts, "found": shown, "models": models}

    def _newest_first(self) -> Iterator[tuple[GalleryPage, int]]:
        for position in reversed(range(len(self._pages))):
            if (page := self._pages[position]).pending is None:
                yield page, position
        for place in reversed(range(len(self._others))):
            if (page := self._others[place]).assets:  # without images there is nothing to go to
                yield page, _ELSEWHERE

    def _matching(self, page: GalleryPage, wanted: HistoryFilter) -> Sequence[int]:
        """The positions of a run's images that match; `_NO_IMAGES` alone for a run without any."""
        model = self._pages.model_of(page)
        if wanted.model and model != wanted.model:
            return ()
        common = as_searched(f"{page.prompt} {page.title} {model}")
        lacking = [word for word in wanted.words if word not in common]
        if not page.assets:
            return () if lacking or wanted.starred else (_NO_IMAGES,)
        shown = page.shown(self._removed.get(page.id, ()))
        if not lacking and not wanted.starred:
            return shown
        return [index for index in shown if self._matches(page, index, lacking, wanted.starred)]

    def _matches(self, page: GalleryPage, index: int, lacking: list[str], starred: bool) -> bool:
        asset_id, name = page.named(index)
        mark = self._marks.get(asset_id, Mark())
        own = as_searched(f"{name} {mark.note}")
        return (mark.starred or not starred) and all(word in own for word in lacking)

    def _entry(self, page: GalleryPage, position: int, index: int) -> dict[str, Any]:
        """What a page needs to know of an image to show it in a row."""
        if index == _NO_IMAGES:
            name = page.title or self._pages.model_of(page)
            return {"id": "", "run": page.id, "position": position, "name": name}
        asset_id, name = page.named(index)
        mark = self._marks.get(asset_id, Mark())
        elsewhere = page.run.identifier if page.run and position == _ELSEWHERE else ""
        return {
            "id": page.image_id(index),
            "run": page.id,
            "position": position,
            "from": elsewhere or "",
            "name": name,
            "starred": mark.starred,
            "noted": bool(mark.note),
        }
