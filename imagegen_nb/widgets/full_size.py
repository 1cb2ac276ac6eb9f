"""An image's file as a page gets it, where it is looked at or downloaded."""

from __future__ import annotations

import hashlib
from typing import Any

from imagegen_nb.core import images
from imagegen_nb.step.output import Asset
from imagegen_nb.widgets.download_names import download_name


def full_size(asset: Asset) -> tuple[dict[str, Any], list[bytes]]:
    """The answer to a page that asks for it, and the bytes. Raises `ImagegenError` where they are not at
    hand."""
    # An imported record may claim any type; only an image's reaches the page.
    media = asset.file_type if asset.file_type in images.EXTENSIONS else ""
    data, stored = asset.bytes(), asset.stored
    # A browser shows the half of a file without a word.
    damaged = stored is not None and hashlib.sha256(data).hexdigest() != stored.sha256
    return {"type": "full", "name": download_name(asset), "media": media, "damaged": damaged}, [data]
