"""Baseline pictures: PNG files that remember whether a provider made them, and when they may change."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imagegen_nb.core import images
from imagegen_nb.core.atomic_files import explain, explain_writing, user_path, write_durably
from imagegen_nb.errors import ImageRejected, InvalidOption

if TYPE_CHECKING:
    from PIL.Image import Image

UPDATE = "IMAGEGEN_NB_UPDATE_BASELINES"
"""Set to 1, comparisons write their baselines anew; `pytest --update-baselines` sets it."""
REPORT = "IMAGEGEN_NB_BASELINE_REPORT"
"""Names a file that each baseline's path is added to when it is written; set by a pytest that lists them in
the end, also for the kernels of notebooks. Unset, a first baseline is told by a warning."""
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
    if in_ci():
        raise InvalidOption(
            f"baselines are not updated in CI (CI and {UPDATE} are both set): update them on your own "
            "machine, look at them, and commit them"
        )
    return True


def in_ci() -> bool:
    """Whether this is CI, where no baseline is written: nobody would look at it, and it would be lost."""
    return _set("CI")


def _set(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() not in ("", "0", "false", "no")


def place(path: str | os.PathLike[str]) -> Path:
    """The baseline's path. Raises `InvalidOption` for anything but a .png: other formats lose pixels."""
    target = user_path(path, InvalidOption)
    if target.suffix.lower() != ".png":
        raise InvalidOption(f"baseline = {str(target)!r}: baselines are PNG files, name it {target.stem}.png")
    return target


def load(path: Path) -> Baseline:
    """The baseline at `path`. Raises `InvalidOption` saying how to make one that cannot be used."""
    problem = ""
    try:
        picture = images.decode(path.read_bytes())
    except FileNotFoundError:
        raise InvalidOption(
            f"baseline = {str(path)!r}: there is none, and in CI none is made. Run the test once on your own "
            "machine, which writes it; look at it and commit it"
        ) from None
    except OSError as error:
        problem = explain(error)
    except ImageRejected as error:
        problem = str(error)
    else:
        origin = picture.info.get(_MARK)
        return Baseline(picture, origin if origin in ("live", "emulated") else "")
    raise InvalidOption(
        f"baseline = {str(path)!r}: {problem}. Make it anew with pytest --update-baselines, or in a notebook "
        f'with os.environ["{UPDATE}"] = "1"; then look at it and commit it'
    )


def save(path: Path, picture: Image, origin: Origin) -> None:
    """Write `picture` as the baseline, marked with who made it, and tell of it. Raises `InvalidOption`."""
    from PIL.PngImagePlugin import PngInfo

    marks = PngInfo()
    if origin:
        marks.add_text(_MARK, origin)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=marks)
    write(path, buffer.getvalue())
    if report := os.environ.get(REPORT):
        with Path(report).open("a", encoding="utf-8") as file:
            file.write(f"{path.absolute()}\n")
    elif not _set(UPDATE):
        from imagegen_nb.core import user_warnings  # loads pydantic, and pytest loads this file

        user_warnings.warn(f"wrote the first baseline, {path}: look at it and commit it", UserWarning)


def written(report: Path) -> list[str]:
    """The baselines that a report tells of, each once, as they lie from the working directory."""
    lines = report.read_text(encoding="utf-8").splitlines() if report.is_file() else []
    return sorted({os.path.relpath(line) for line in lines})


def write(path: Path, data: bytes) -> None:
    """Put a file into a folder that is made where it is missing. Raises `InvalidOption`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, data)
    except OSError as error:
        problem = explain_writing(error, path.parent)
    else:
        return
    raise InvalidOption(f"cannot write {path}: {problem}")
