"""`assert_similar`: a picture against a baseline, to the pixel where runs repeat, else by looks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen_nb.core import images
from imagegen_nb.core.atomic_files import explain, user_path
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.errors import InvalidOption
from imagegen_nb.step.output import Asset
from imagegen_nb.testing import baselines, failure_image
from imagegen_nb.testing.baselines import Baseline, Origin
from imagegen_nb.testing.flip_metric import difference, plain

if TYPE_CHECKING:
    from PIL.Image import Image

TOLERANCE = 0.4
"""Lets most takes of one picture pass, and hardly any other picture; docs/testing.md has the figures.

They were measured on made-up scenes: no provider could be asked."""
_OTHER_SHAPE = 0.02
"""How far two pictures' ratios of width to height may be apart (rounding to whole pixels) to be compared."""


@dataclass(frozen=True, slots=True)
class _Mismatch:
    """Why the pictures differ, and the panel that shows where (None where nothing can be laid over)."""

    reason: str
    label: str
    panel: Image | None


@helpful_calls
def assert_similar(
    image: Asset | bytes | str | os.PathLike[str] | Image,
    baseline: str | os.PathLike[str],
    *,
    tolerance: float = TOLERANCE,
    exact: bool | None = None,
    failures: str | os.PathLike[str] | None = None,
) -> None:
    """Fail with an `AssertionError` when `image` does not look like the picture at `baseline`, a PNG.

    Exactly the same pixels are expected of an asset of a replayed run or of the emulator (or of any
    picture with `exact=True`), otherwise a FLIP difference of at most `tolerance` at the scale of
    composition and colour: 0 is the same, 1 as different as can be. Where there is no baseline yet, the image
    becomes it, which is told at the end of pytest's run: look at it and commit it. In CI (`CI` is set) that
    fails instead. On failure baseline, image and
    difference are saved side by side in `failures` (else `image-failures` beside the baseline). With
    `pytest --update-baselines`, or IMAGEGEN_NB_UPDATE_BASELINES=1, the baseline is written instead.
    Raises `InvalidOption` for what cannot be compared, such as a damaged baseline.
    """
    __tracebackhide__ = True
    if not 0 <= tolerance <= 1:
        raise InvalidOption(f"tolerance = {tolerance!r}: give a number from 0 (the same) to 1")
    path = baselines.place(baseline)
    picture, origin = plain(_opened(image)), _origin(image)
    if baselines.updating() or not (path.exists() or baselines.in_ci()):
        baselines.save(path, picture, origin)
        return
    expected = baselines.load(path)
    if origin and expected.origin and origin != expected.origin:
        raise AssertionError(
            f"{path}: the baseline is {_described(expected.origin)}, the image is {_described(origin)}: "
            "they cannot be compared. Keep a baseline for each, or write this one again with "
            "--update-baselines"
        )
    compare = _by_pixels if _repeatable(image, exact) else _by_looks
    mismatch = compare(expected, picture, tolerance)
    if mismatch is None:
        return
    folder = path.parent / "image-failures" if failures is None else user_path(failures, InvalidOption)
    panels = [
        (f"baseline {_size(expected.picture)}", expected.picture),
        (f"got {_size(picture)}", picture),
        *([(mismatch.label, mismatch.panel)] if mismatch.panel else []),
    ]
    saved = failure_image.save(folder, path.stem, panels)
    raise AssertionError(
        f"{_name(image)} is not like {path}: {mismatch.reason}\n  side by side: {saved}\n"
        "  if the new picture is right: --update-baselines"
    )


def _repeatable(image: object, exact: bool | None) -> bool:
    """Whether the same pixels must come again: the one place that knows which runs repeat themselves."""
    if exact is not None:
        return exact
    return isinstance(image, Asset) and (image.replayed or _origin(image) == "emulated")


def _origin(image: object) -> Origin:
    if isinstance(image, Asset) and image.stored is not None:
        return "emulated" if image.stored.emulated else "live"
    return ""


def _described(origin: Origin) -> str:
    return "emulated" if origin == "emulated" else "of a live provider"


def _opened(image: object) -> Image:
    """The picture, decoded within the bounds. Raises `ImageRejected`, `AssetNotFound`, `InvalidOption`."""
    from PIL import Image

    if isinstance(image, Asset):
        return image.image()
    if isinstance(image, bytes):
        return images.decode(image)
    if isinstance(image, str | os.PathLike):
        path: Path = user_path(image, InvalidOption)
        try:
            data = path.read_bytes()
        except OSError as error:
            problem = explain(error)
        else:
            return images.decode(data)
        raise InvalidOption(f"image = {str(path)!r} cannot be read: {problem}")
    if isinstance(image, Image.Image):
        return image
    raise InvalidOption(
        f"image is of type {type(image).__name__}: give an asset (run.output.assets[0]), bytes, a path or a "
        "Pillow image"
    )


def _name(image: object) -> str:
    if isinstance(image, Asset):
        return image.file_name
    return str(image) if isinstance(image, str | os.PathLike) else "the image"


def _size(picture: Image) -> str:
    return f"{picture.width}x{picture.height}"


def _by_pixels(expected: Baseline, picture: Image, tolerance: float) -> _Mismatch | None:
    """Same size, same kind of pixels, same pixels; `tolerance` does not count."""
    from PIL import Image, ImageChops

    baseline = plain(expected.picture)
    for what, wanted, actual in (
        ("size", _size(baseline), _size(picture)),
        ("mode", baseline.mode, picture.mode),
    ):
        if wanted != actual:
            return _Mismatch(f"{what}: expected {wanted}, got {actual}", "", None)
    if baseline.tobytes() == picture.tobytes():
        return None
    changed = Image.new("L", picture.size)
    for channel in ImageChops.difference(baseline, picture).split():
        changed = ImageChops.lighter(changed, channel.point(lambda value: 255 if value else 0))
    count, pixels = changed.histogram()[255], picture.width * picture.height
    reason = f"{count:,} of {pixels:,} pixels differ, and the same pixels are expected (exact)"
    return _Mismatch(reason, f"{count:,} pixels differ", changed)


def _by_looks(expected: Baseline, picture: Image, tolerance: float) -> _Mismatch | None:
    """About the same shape, and a small FLIP difference."""
    baseline = plain(expected.picture)
    ratios = [image.width / image.height for image in (baseline, picture)]
    if abs(ratios[0] / ratios[1] - 1) > _OTHER_SHAPE:
        reason = f"another shape: expected {_size(baseline)} or alike, got {_size(picture)}"
        return _Mismatch(reason, "", None)
    measured = difference(baseline, picture)
    if measured.score <= tolerance:
        return None
    label = f"difference {measured.score:.3f}, at most {tolerance:g} allowed"
    return _Mismatch(f"{label} (0 is the same, 1 as different as can be)", label, measured.map)
