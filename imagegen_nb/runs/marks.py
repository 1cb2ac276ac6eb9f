"""Stars and notes on images, kept by the store that has the image.

They are kept by the image's id, not by its bytes: an emulator or a cassette gives the same bytes again to
other runs, whose images nobody has starred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from imagegen_nb.core.opinions import Mark
from imagegen_nb.core.redaction import visible, without_keys
from imagegen_nb.core.words import shortened
from imagegen_nb.errors import StoreError
from imagegen_nb.providers import catalog
from imagegen_nb.step.output import Asset, store_of
from imagegen_nb.store.base import Store

_SHORT = 80
"""Characters of a note where it stands among other words."""
_of_no_store: dict[str, Mark] = {}
"""Marks of images whose store is not at hand, such as imported ones; they live as long as the process."""


def mark_of(asset: Asset) -> Mark:
    """The mark of an image; an empty one where there is none, or where it cannot be read."""
    store = store_of(asset)
    if store is None:
        return _of_no_store.get(asset.id, Mark())
    try:
        return store.mark(asset.id)
    except StoreError:  # what is shown beside a picture keeps nobody from the picture
        return Mark()


def change_mark(asset: Asset, *, starred: bool | None = None, note: str | None = None) -> Mark:
    """Change the star or the note of an image, and return the mark. Keys in a note are masked.

    Raises `InvalidOption` for a note that is too long, `StoreError` where it cannot be kept.
    """
    # No key stands in a variable here: a traceback with locals would show it.
    text = None if note is None else without_keys(note, catalog.keys_in_use())
    store = store_of(asset)
    if store is not None:
        return store.change_mark(asset.id, starred=starred, note=text)
    _of_no_store[asset.id] = mark_of(asset).changed(starred, text)
    return _of_no_store[asset.id]


def marks_in(stores: Iterable[Store]) -> Mapping[str, Mark]:
    """All marks of these stores and of images without one, by the images' ids: to look through thousands."""
    found = dict(_of_no_store)
    for store in {id(store): store for store in stores}.values():
        try:
            found |= store.marks()
        except StoreError:
            continue
    return found


def is_starred(assets: Iterable[Asset]) -> bool:
    """Whether one of the images has a star."""
    return any(mark_of(asset).starred for asset in assets)


def notes_on(assets: Iterable[Asset]) -> str:
    """The notes on the images, one a paragraph; empty where there are none."""
    return "\n\n".join(note for note in (mark_of(asset).note for asset in assets) if note)


def opinions_in_short(assets: Iterable[Asset]) -> list[str]:
    """A star, and the notes shortened, to stand among what is said of images."""
    found = [mark_of(asset) for asset in assets]
    notes = [shortened(visible(mark.note), _SHORT) for mark in found if mark.note]
    return [*(["★ starred"] if any(mark.starred for mark in found) else []), *(f"“{note}”" for note in notes)]
