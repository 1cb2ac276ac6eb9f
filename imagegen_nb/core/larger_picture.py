"""Pictures that open larger by a click or by Enter, without a script: each is a `details` element.

Where styles are allowed, the larger picture covers the page until the next click. Where they are taken away,
as on code hosts, it unfolds below the small one.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TypeVar

_Key = TypeVar("_Key")
_KIND = 'class="ig-larger" name="ig-larger"'  # of one name, at most one is open
_HINT = 'title="Larger, and back"'
_STYLE = """
@media screen {
  .ig-larger > summary { display: block; width: fit-content; cursor: zoom-in; }
  .ig-larger[open] > summary { cursor: zoom-out; }
  .ig-larger[open] > summary::before { content: ""; position: fixed; inset: 0; z-index: 1000;
    background: rgba(0, 0, 0, .85); }
  .ig-larger[open] > PICTURE { position: fixed; inset: 0; margin: auto; z-index: 1001; pointer-events: none;
    width: min(96%, 1024px); height: auto; max-width: none; max-height: 96%; object-fit: contain; }
}
"""

MOST_BYTES = 100_000
"""Bytes of larger pictures within one table, beside its small ones: a saved notebook holds them all. As
base64 they are a third more."""

STYLE = _STYLE.replace("PICTURE", "img")
"""What `opening` needs to cover the page."""
STYLE_OF_ONE = _STYLE.replace("PICTURE", "summary > img")
"""What `opening_itself` needs: without it, nothing opens."""


def opening(small: str, large: str) -> str:
    """The picture `small`, which opens `large`; both are an `img` as HTML."""
    return f"<details {_KIND}><summary {_HINT}>{small}</summary>{large}</details>"


def within_limit(pictures: Iterable[tuple[_Key, bytes | None]]) -> dict[_Key, bytes] | None:
    """The larger pictures that there are, by what they are of; None where they are too many for a notebook.
    No more are made then."""
    larger, total = dict[_Key, bytes](), 0
    for key, data in pictures:
        if data:
            larger[key] = data
            total += len(data)
        if total > MOST_BYTES:
            return None
    return larger


def opening_itself(picture: str, data: bytes) -> str:
    """A picture, an `img` as HTML with the bytes `data`, that is itself shown larger. What it leaves behind
    keeps its size, or the page would move."""
    from PIL import Image

    width, height = Image.open(io.BytesIO(data)).size
    place = f'style="width:min(100%,{width}px);aspect-ratio:{width}/{height}"'
    return f"<details {_KIND}><summary {_HINT} {place}>{picture}</summary></details>"
