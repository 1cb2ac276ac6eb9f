"""Baseline pictures: PNG files that remember whether a provider made them, and when they may change."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imagegen_nb.core import images
from imagegen_nb.core.atomic_files import explain, user_path, write_durably
from imagegen_nb.errors import ImageRejected, InvalidOption

if TYPE_CHECKING:
    from PIL.Image import Image

UPDATE = "IMAGEGEN_NB_UPDATE_BASELINES"
"""Set to 1, comparisons write their baselines anew; `pytest --update-baselines` sets it."""
Origin = Literal["live", "emulated", ""]
"""Who made a picture: a provider, an emulator or a simulation, or nobody knows."""

_MARK = "imagegen-nb"


@dataclass(frozen=True, slots=True)
class Baseline:
    """A picture to compare with, and who made it."""

    picture: Image
    origin: Origin


def updating() -> bool:
    """Whether baselines are to be written anew. Raises `InvalidOption` where that is asked for in CI."""
    if not _set(UPDATE):
        return False
    if _set("CI"):
        raise InvalidOption(
            f"baselines are not updated in CI (CI and {UPDATE} are both set): update them on your own "
            "machine, look at them, and commit them"
        )
    return True


def _set(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() not in ("", "0", "false", "no")


def place(path: str | os.PathLike[str]) -> Path:
    """The baseline's path. Raises `InvalidOption` for anything but a .png: other formats lose pixels."""
    target = user_path(path, InvalidOption)
    if target.suffix.lower() != ".png":
        raise InvalidOption(f"baseline = {str(target)!r}: baselines are PNG files, name it {target.stem}.png")
    return target


def load(path: Path) -> Baseline:
    """The baseline at `path`. Raises `InvalidOption` saying how to make one where there is none."""
    problem = ""
    try:
        picture = images.decode(path.read_bytes())
    except FileNotFoundError:
        problem = "there is none yet"
    except OSError as error:
        problem = explain(error)
    except ImageRejected as error:
        problem = str(error)
    else:
        origin = picture.info.get(_MARK)
        return Baseline(picture, origin if origin in ("live", "emulated") else "")
    raise InvalidOption(
        f"baseline = {str(path)!r}: {problem}. Make it with pytest --update-baselines, or in a notebook with "
        f'os.environ["{UPDATE}"] = "1"; then look at it and commit it'
    )


def save(path: Path, picture: Image, origin: Origin) -> None:
    """Write `picture` as the baseline, marked with who made it. Raises `InvalidOption`."""
    from PIL.PngImagePlugin import PngInfo

    marks = PngInfo()
    if origin:
        marks.add_text(_MARK, origin)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=marks)
    write(path, buffer.getvalue())


def write(path: Path, data: bytes) -> None:
    """Put a file into a folder that is made where it is missing. Raises `InvalidOption`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, data)
    except OSError as error:
        problem = explain(error)
    else:
        return
    raise InvalidOption(f"cannot write {path}: {problem}")
