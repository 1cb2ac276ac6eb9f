"""Stars, notes and scores of images, kept by the store that has the image.

They are kept by the image's id, not by its bytes: an emulator or a cassette gives the same bytes again to
other runs, whose images nobody has starred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from imagegen_nb.core.listeners import Listeners
from imagegen_nb.core.opinions import Mark, Score, ScoreValue
from imagegen_nb.core.redaction import visible, without_keys
from imagegen_nb.core.words import shortened
from imagegen_nb.errors import StoreError
from imagegen_nb.providers import catalog
from imagegen_nb.step.output import Asset, store_of
from imagegen_nb.store.base import Store

_SHORT = 80
"""Characters of a note where it stands among other words."""
changed = Listeners()
"""Told of each star and note that is changed in this kernel."""
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
    if store is None:
        mark = _of_no_store[asset.id] = mark_of(asset).changed(starred, text)
    else:
        mark = store.change_mark(asset.id, starred=starred, note=text)
    changed.tell()
    return mark


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


def scores_of(assets: Iterable[Asset]) -> dict[str, float]:
    """The number that each judge gave images, by the judge's name: the mean of those that it was asked
    about."""
    numbers = dict[str, list[float]]()
    for asset in assets:
        for score in _kept_scores(asset):
            if score.number is not None:
                numbers.setdefault(score.judge, []).append(score.number)
    return {judge: sum(found) / len(found) for judge, found in numbers.items()}


def _kept_scores(asset: Asset) -> Sequence[Score]:
    store = store_of(asset)
    try:
        return () if store is None else store.scores(asset.id)
    except StoreError:  # as for marks
        return ()


def in_figures(value: ScoreValue) -> str:
    """A number of a judge, short enough to stand among words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{float(value):.4g}".replace("-", "−")


def opinions_in_short(assets: Iterable[Asset]) -> list[str]:
    """A star, the notes shortened, and scores, to stand among what is said of images."""
    assets = list(assets)
    scores = [f"{judge} {in_figures(number)}" for judge, number in scores_of(assets).items()]
    found = [mark_of(asset) for asset in assets]
    notes = [shortened(visible(mark.note), _SHORT) for mark in found if mark.note]
    star = ["★ starred"] if any(mark.starred for mark in found) else []
    return [*star, *(f"“{note}”" for note in notes), *scores]
