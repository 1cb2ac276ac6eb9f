"""Several images as one zip file, for a download through the kernel and the page."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from imagegen_nb.core import html_repr
from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.step.output import Asset
from imagegen_nb.widgets.download_names import download_name

_LARGEST = 400_000_000
"""Bytes of one download: all of it passes through the kernel's memory and the page's."""


def zip_of(assets: Sequence[Asset]) -> tuple[bytes, int]:
    """The files that are at hand, numbered where names are the same, and how many they are.

    Raises `InvalidOption` where they are too large for one download, or none is at hand.
    """
    size = sum(asset.file_size for asset in assets)
    if size > _LARGEST:
        have, most = html_repr.byte_size(size), html_repr.byte_size(_LARGEST)
        raise InvalidOption(
            f"these images have {have}, a download at most {most}: take single ones, or copy the store"
        )
    buffer, names = io.BytesIO(), Counter[str]()
    with zipfile.ZipFile(buffer, "w") as archive:  # image files do not compress further
        for asset in assets:
            with suppress(ImagegenError):
                data, name = asset.bytes(), Path(download_name(asset))
                names[name.name] += 1
                number = f" ({names[name.name]})" if names[name.name] > 1 else ""
                archive.writestr(f"{name.stem}{number}{name.suffix}", data)
    if not names:
        raise InvalidOption("there is no image available to download")
    return buffer.getvalue(), names.total()
