"""Keeps images out of the text: each base64 run becomes a file named by its hash, and a placeholder.

A blob is the picture itself, so that a reviewer sees what changed. Its name holds it to its bytes.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pybase64

from imagegen_nb.core.atomic_files import explain, read_bounded, write_durably
from imagegen_nb.core.images import EXTENSIONS, sniff
from imagegen_nb.errors import ReplayError

FOLDER = "blobs"
LARGEST = 64 * 1024 * 1024
"""Bytes of one blob; no provider sends a larger image, and nothing larger is recorded."""
LARGEST_BODY = 200 * 1024 * 1024
"""Bytes of one restored body: a small text may name a large blob ten thousand times."""

_RUN = re.compile(r"[A-Za-z0-9+/]{2048,}={0,2}")
_NAME = r"[0-9a-f]{32}\.(?:png|jpg|webp|bin)"
_PLACEHOLDER = re.compile(f"@@blob:(?:(b64|raw):({_NAME})|as-is)@@")
_MARK, _MARK_AS_TEXT = "@@blob:", "@@blob:as-is@@"


def stow(body: bytes) -> tuple[str, dict[str, bytes]]:
    """`body` as text with placeholders, and the blobs they stand for by file name."""
    found: dict[str, bytes] = {}

    def keep(data: bytes, how: str) -> str:
        name = _name(data)
        found[name] = data
        return f"@@blob:{how}:{name}@@"

    def shorten(match: re.Match[str]) -> str:
        # What is no whole number of quadruples is the tail of a torn answer: it stays in the text.
        whole = match[0][: len(match[0]) // 4 * 4]
        try:
            data = pybase64.b64decode(whole, validate=True)
        except ValueError:
            return match[0]
        same = pybase64.b64encode(data).decode() == whole
        return keep(data, "b64") + match[0][len(whole) :] if same else match[0]

    try:
        text = body.decode()
    except UnicodeDecodeError:
        return keep(body, "raw"), found
    return _RUN.sub(shorten, text.replace(_MARK, _MARK_AS_TEXT)), found


def restore(text: str, folder: Path) -> bytes:
    """The body `text` stands for. Raises `ReplayError` for a blob that is missing or not itself."""
    if text.count(_MARK) != len(_PLACEHOLDER.findall(text)):
        raise ReplayError("a placeholder of an image is damaged; record it again")
    if is_linked(folder):
        raise ReplayError(f"{FOLDER}/ is a link; a cassette holds its images itself")
    parts: list[bytes] = []
    at = size = 0
    for match in _PLACEHOLDER.finditer(text):
        parts.append(text[at : match.start()].encode())
        at = match.end()
        if match[1] is None:
            parts.append(_MARK.encode())
        else:
            data = _read(folder / FOLDER / match[2])
            parts.append(pybase64.b64encode(data) if match[1] == "b64" else data)
        size += len(parts[-1])
        if size > LARGEST_BODY:
            raise ReplayError(f"a body has more than {LARGEST_BODY:,} bytes with its images; record it again")
    parts.append(text[at:].encode())
    return b"".join(parts)


def is_linked(folder: Path) -> bool:
    """Whether the images of the cassette in `folder` would be another folder's, to read, write and delete."""
    return (folder / FOLDER).is_symlink()


def names_in(text: str) -> set[str]:
    """The files the placeholders of `text` refer to."""
    return {match[2] for match in _PLACEHOLDER.finditer(text) if match[2]}


def is_name(name: str) -> bool:
    """Whether a file of that name is a blob."""
    return re.fullmatch(_NAME, name) is not None


def write(folder: Path, blobs: dict[str, bytes]) -> None:
    """Put `blobs` below `folder`, where they are not there already. Raises OSError."""
    home = folder / FOLDER
    if is_linked(folder):
        home.unlink()
    for name, data in blobs.items():
        home.mkdir(parents=True, exist_ok=True)
        path = home / name
        if path.is_symlink() or not path.is_file() or path.read_bytes() != data:
            write_durably(path, data)


def _name(data: bytes) -> str:
    return f"{_digest(data)}.{EXTENSIONS.get(sniff(data) or '', 'bin')}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _read(path: Path) -> bytes:
    shown = f"{FOLDER}/{path.name}"
    try:
        data = read_bounded(path, LARGEST)
        if data is None:
            raise ReplayError(f"{shown} is larger than {LARGEST:,} bytes, so it is not what was recorded")
    except FileNotFoundError:
        reason = f"{shown} is missing; restore the file (is it committed, or left out by a .gitignore?)"
    except OSError as error:
        reason = f"{shown} cannot be read: {explain(error)}"
    else:
        if _digest(data) == path.stem:
            return data
        reason = f"{shown} was changed: {_what_happened(data, path.stem)}"
    raise ReplayError(f"{reason}, or record it again")


def _what_happened(data: bytes, expected: str) -> str:
    if data.startswith(b"version https://git-lfs"):
        return "it is a git LFS pointer, not the image. Run `git lfs pull`"
    if _digest(data.replace(b"\r\n", b"\n")) == expected:
        return "its line ends were converted. Mark it as binary in .gitattributes and check it out anew"
    return (
        f"its {len(data):,} bytes hash to {_digest(data)}, and its name says what they should hash to. "
        "Restore the file as it was committed"
    )
