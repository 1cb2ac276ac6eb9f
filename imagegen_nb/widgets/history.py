"""The history of a gallery: its images, the newest run first, and those that match a filter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from imagegen_nb.widgets.gallery_page import GalleryPage, Pages
from imagegen_nb.widgets.marks import MarkKeeper

AT_ONCE = 48
"""Entries of one answer; a page asks for more as it scrolls."""


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
    def words(self) -> list[str]:
        """The words to look for, without regard to case."""
        return self.text.casefold().split()


class History:
    """The images of `pages` that were not `removed` (positions by page id)."""

    def __init__(self, pages: Pages, removed: Mapping[str, Collection[int]], marks: MarkKeeper) -> None:
        self._pages = pages
        self._removed = removed
        self._marks = marks

    def answer(self, wanted: HistoryFilter, start: int) -> dict[str, Any]:
        """The entries from `start`, how many match and how many there are, and the models to choose from."""
        entries, matches = [], 0
        for page, position in self._newest_first():
            for entry in self._matching(page, position, wanted):
                if start <= matches < start + AT_ONCE:
                    entries.append(entry)
                matches += 1
        return {"entries": entries, "matches": matches, "start": start, "models": self._pages.models()}

    def _newest_first(self) -> Iterator[tuple[GalleryPage, int]]:
        for position in reversed(range(len(self._pages))):
            if (page := self._pages[position]).pending is None:
                yield page, position

    def _matching(self, page: GalleryPage, position: int, wanted: HistoryFilter) -> Iterator[dict[str, Any]]:
        model = self._pages.model_of(page)
        if wanted.model and model != wanted.model:
            return
        common = f"{page.prompt} {page.title} {model}".casefold()
        lacking = [word for word in wanted.words if word not in common]
        shown = page.shown(self._removed.get(page.id, ()))
        if not page.assets and not lacking and not wanted.starred:
            yield {"id": "", "run": page.id, "position": position, "name": page.title or model}
        for index in shown:
            asset = page.assets[index]
            mark = self._marks.read_mark(asset.id)
            own = f"{asset.file_name} {mark.note}".casefold() if lacking else ""
            if (wanted.starred and not mark.starred) or any(word not in own for word in lacking):
                continue
            yield {
                "id": page.image_id(index),
                "run": page.id,
                "position": position,
                "name": asset.file_name,
                "starred": mark.starred,
                "noted": bool(mark.note),
            }
