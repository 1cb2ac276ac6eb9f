"""Two images side by side, without a word of where they come from, and which of them is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from imagegen_nb.core import images
from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.step.output import Asset, thumbnail
from imagegen_nb.sweeps.rating import Rating
from imagegen_nb.widgets.requests import AnsweringWidget

_LARGEST = 8_000_000
"""Bytes of a file that is shown as it is; of a larger one a small picture is."""


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
        super().__init__()
        self._refresh()

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
        self._refresh()
        return {"type": "done"}, []


def _file(asset: Asset) -> tuple[str, bytes]:
    """An image's type and bytes; no bytes where they are not at hand: the other one can still be seen."""
    try:
        if asset.file_size <= _LARGEST and asset.file_type in images.EXTENSIONS:
            return asset.file_type, asset.bytes()
        return "image/webp", thumbnail(asset, images.LIVE) or b""
    except ImagegenError:
        return "", b""
