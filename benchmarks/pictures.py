"""Pictures that compress like photographs: smooth shapes under the noise of a sensor."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

_SENSOR_NOISE = 3.6
"""Standard deviation of the noise: with it a PNG of 1024 × 1024 has about 1.8 MB."""


def photograph(pixels: int, media: str = "png", seed: int = 7) -> bytes:
    """The file of a square picture; the same arguments make the same picture."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((pixels, pixels), Image.Resampling.BICUBIC)
    shapes = np.asarray(smooth.filter(ImageFilter.GaussianBlur(2)), dtype=np.float32)
    noisy = shapes + random.normal(0, _SENSOR_NOISE, shapes.shape).astype(np.float32)
    file = io.BytesIO()
    picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    picture.save(file, "JPEG", quality=95) if media == "jpeg" else picture.save(file, "PNG")
    return file.getvalue()


def kept(folder: Path, pixels: int, media: str) -> bytes:
    """The same, made once and kept in `folder`."""
    path = folder / f"{pixels}.{media}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.write_bytes(photograph(pixels, media))
        unfinished.replace(path)  # others may be making it too
    return path.read_bytes()
