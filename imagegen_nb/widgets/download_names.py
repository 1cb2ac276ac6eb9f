"""What an image is called outside the notebook, where files of two runs must not replace each other."""

from __future__ import annotations

import re
from pathlib import Path

from imagegen_nb.core import filenames
from imagegen_nb.step.output import Asset

_SHORT = 6
_NUMBER = re.compile(r"-\d+$")


def base_name(asset: Asset) -> str:
    """The asset's name without any folder that its record may claim."""
    return re.split(r"[\\/]", asset.file_name)[-1].strip(". \0") or "image"


def download_name(asset: Asset) -> str:
    """`hero-3f9a2c-1.png`: the asset's name with the run's short id before the image's number. An asset that
    was imported without its store has the name alone."""
    name = Path(base_name(asset))
    if asset.stored is None:
        return name.name
    number = _NUMBER.search(name.stem)
    start = name.stem[: number.start()] if number else name.stem
    return f"{start}-{_short(asset.stored.run_id)}{number[0] if number else ''}{name.suffix}"


def archive_name(label: str, run_id: str = "") -> str:
    """`hero-3f9a2c.zip`: the name for images of one run, or without a `run_id` for those of several."""
    return "-".join(filter(None, (filenames.slug(label), _short(run_id)))) + ".zip"


def _short(run_id: str) -> str:
    return re.sub("[^0-9A-Za-z]", "", run_id)[:_SHORT]
