"""Two images side by side, without a word of where they come from, and which of them is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets
from IPython.display import display

from imagegen_nb.core import images
from imagegen_nb.core.html_repr import Page
from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.step.output import Asset, thumbnail
from imagegen_nb.sweeps.rating import Rating
from imagegen_nb.widgets.base import with_html
from imagegen_nb.widgets.fallback import StaticFallback
from imagegen_nb.widgets.requests import AnsweringWidget

_LARGEST = 8_000_000
"""Bytes of a file that is shown as it is; of a larger one a small picture is."""
_SAVED = "Blind rating (run this cell to go on)"
"""What its output says in a saved notebook: a number in it would be the one before the first verdict."""


class PairRating(AnsweringWidget):
    """A sweep's images, two at a time, for a rater who sees nothing but the images.

    Keys, with the focus in it: 1 the left one is better, 2 the right one, = neither, Backspace takes the last
    verdict back. What reaches the page says nothing of cells, models or prompts (`view`); it is written here
    and never read back. `rating` holds the comparisons.
    """

    scripts = ("shared.js", "kernel_gone.js", "requests.js", "pair_rating.js")
    styles = ("base.css", "kernel_gone.css", "pair_rating.css")

    view: traitlets.Dict[str, Any] = traitlets.Dict(read_only=True).tag(unsaved=True)

    def __init__(self, rating: Rating) -> None:
        self.rating = rating
        self._fallback = StaticFallback(self._static_page)
        super().__init__()
        self._refresh()
        rating.changed.add(self._look)

    def _ipython_display_(self) -> None:
        data, metadata = self._repr_mimebundle_()
        data = with_html({**data, "text/plain": _SAVED}, _SAVED)
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        self._fallback.show()

    def _look(self) -> None:
        """A verdict was given or taken back, in the page or in code."""
        self._refresh()
        self._fallback.update()

    def _static_page(self) -> Page:
        has_result = self.rating.done >= self.rating.goal
        return Page(repr(self.rating), ["sweep.ranking() shows the result"] if has_result else [])

    def __repr__(self) -> str:
        return f"{self.rating!r} (run this cell to go on)"

    def _refresh(self) -> None:
        rating = self.rating
        view = {"pair": rating.pair.id, "done": rating.done, "goal": rating.goal}
        self.set_trait("view", view | {"emulated": rating.is_emulated})

    def _answer(self, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        match content:
            case {"type": "pictures", "pair": str(pair_id)}:
                pair = self.rating.pair
                if pair_id != pair.id:
                    raise InvalidOption("these images are no longer compared")
                shown = [_file(side.image) for side in (pair.left, pair.right)]
                return {"type": "pictures", "media": [one[0] for one in shown]}, [one[1] for one in shown]
            case {"type": "judge", "pair": str(pair_id), "verdict": ("left" | "right" | "tie") as verdict}:
                self.rating.judge(pair_id, verdict)
            case {"type": "undo"}:
                self.rating.undo()
            case _:
                raise InvalidOption("the rating does not know this request")
        return {"type": "done"}, []


def _file(asset: Asset) -> tuple[str, bytes]:
    """An image's type and bytes; no bytes where they are not at hand: the other one can still be seen."""
    try:
        if asset.file_size <= _LARGEST and asset.file_type in images.EXTENSIONS:
            return asset.file_type, asset.bytes()
        return "image/webp", thumbnail(asset, images.LIVE) or b""
    except ImagegenError:
        return "", b""
