"""Pictures that compress like photographs: smooth shapes under the noise of a sensor."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

_DETAIL = {8: 90.0, 32: 40.0, 128: 24.0, 512: 6.0}
"""Contrast of the shapes, by how many of them stand side by side: the finer, the fainter."""
_SENSOR_NOISE = 3.2
"""Standard deviation of the noise: with it a PNG of 1024 × 1024 has about 1.8 MB."""


def photograph(pixels: int, media: str = "png", seed: int = 7) -> bytes:
    """The file of a square picture; the same arguments make the same picture."""
    random = np.random.default_rng(seed)
    light = np.full((pixels, pixels, 3), 128, dtype=np.float32)
    for across, contrast in _DETAIL.items():
        coarse = random.integers(0, 256, (across, across, 3), dtype=np.uint8)
        shapes = Image.fromarray(coarse).resize((pixels, pixels), Image.Resampling.BICUBIC)
        light += (np.asarray(shapes, dtype=np.float32) - 128) * (contrast / 128)
    noisy = light + random.normal(0, _SENSOR_NOISE, light.shape).astype(np.float32)
    file = io.BytesIO()
    picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    picture.save(file, "JPEG", quality=95) if media == "jpeg" else picture.save(file, "PNG")
    return file.getvalue()


def kept(folder: Path, pixels: int, media: str) -> bytes:
    """The same, made once and kept in `folder`."""
    made_of = zlib.crc32(repr((_DETAIL, _SENSOR_NOISE)).encode())
    path = folder / f"{pixels}-{made_of:08x}.{media}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.write_bytes(photograph(pixels, media))
        unfinished.replace(path)  # others may be making it too
    return path.read_bytes()
