"""Readable, safe names for image files. A name is a label: it never decides where bytes are written."""

from __future__ import annotations

import difflib
import mimetypes
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

_LONGEST = 48
LONGEST_FILE_NAME = 4 * _LONGEST + len("-1000.webp")
"""Bytes of what `file_name` returns, in UTF-8, where a letter has up to four."""
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://\S*")

_KINDS = {
    **{f".{name}": f"image/{name}" for name in ("avif", "bmp", "heic", "heif", "jp2", "jxl", "tga", "webp")},
    **{f".{name}": "image/x-raw" for name in ("arw", "cr2", "cr3", "dng", "nef", "raw")},
    ".exr": "image/x-exr",
    ".svgz": "image/svg+xml",
    ".ai": "application/postscript",
    ".eps": "application/postscript",
    ".pdf": "application/pdf",
}
"""What the tables of some machines lack."""
_SLIP = 0.8
"""How near an ending is to one that is meant: of four characters behind the dot, one may be wrong."""
_WORDS = (".web",)
"""Words that people put behind a dot, as near as slips are."""
_NO_ENDING = re.compile(r"|\.v?[0-9]+|\..*\s.*")
"""What may stand behind the last dot of a name without an ending: `lamp.v2`, `Mr. Fox`."""


def slug(text: str) -> str:
    """Lower-case words of `text` joined by hyphens: letters and digits of any script, nothing else.

    Addresses in it are left out: they say nothing to people, and may name folders or whoever signed them.
    """
    normal = unicodedata.normalize("NFKC", _ADDRESS.sub(" ", text[:2000])[:500]).lower()
    # Vowel signs and other marks are no letters, but without them many scripts fall apart.
    kept = (char if char.isalnum() or unicodedata.category(char) in ("Mn", "Mc") else "-" for char in normal)
    words = re.sub("-+", "-", "".join(kept)).strip("-")
    if len(words) > _LONGEST:
        words = words[:_LONGEST].rpartition("-")[0] or words[:_LONGEST]
    return words or "image"


def file_name(label: str, number: int, extension: str) -> str:
    """`hero-image-1.webp`: from a step's name or prompt, the image's number from 1, and its format."""
    return f"{slug(label)}-{number}.{extension}"


def kind_named(name: str) -> str:
    """The MIME type that a file's name promises; empty where it promises none, as `lamp.v2` does."""
    kind = mimetypes.guess_type(name, strict=False)[0] or ""
    if kind in ("", "application/octet-stream"):
        return _KINDS.get(Path(name).suffix.lower(), "")
    return kind


def image_ending_meant(name: str, endings: Sequence[str]) -> str:
    """The one of `endings` that `name` ends in but for a slip, as `hero.jpgg` does; empty where none is near.

    A word behind a dot, such as `hero.final`, is no ending.
    """
    given = Path(name).suffix.lower()
    if given in _WORDS or kind_named(name).startswith("image/"):
        return ""
    swapped = [ending for ending in endings if sorted(ending) == sorted(given)]
    return next(iter(swapped or difflib.get_close_matches(given, endings, n=1, cutoff=_SLIP)), "")


def with_ending(target: Path, endings: Sequence[str], what: str, error: Callable[[str], Exception]) -> Path:
    """The name of a file that is to be written: `target`, with the first of its `endings` where it has none.

    Readers, editors and CI go by a name: one with another ending is refused, as the file is something else,
    which `what` says; a folder too. Raises `error`.
    """
    ending, given = endings[0], target.suffix
    if target.is_dir():
        own = target / f"hero{ending}"
        raise error(f"cannot write {target}: it is a folder; give a file's name in it, such as {own}")
    if target.name.lower().endswith(tuple(endings)):
        return target
    if _NO_ENDING.fullmatch(given):
        return target.with_name(f"{target.name}{ending}")
    promised = kind_named(target.name)
    reason = f"promises {promised}" if promised else f"ends in {given}"
    own_name = f"{target.name.removesuffix(given).removesuffix(ending.removesuffix('.json'))}{ending}"
    raise error(f"cannot write {target}: {what}, and its name {reason}; save it as {own_name}")
