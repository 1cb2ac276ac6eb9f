"""Keeps images out of the text: each run of base64 becomes a file, and a placeholder in its place.

The file is the picture itself, so that a reviewer sees what changed. It is named by the hash of its bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

import pybase64

from imagegen_nb.core import images
from imagegen_nb.core.atomic_files import explain, open_plain, write_durably
from imagegen_nb.core.images import EXTENSIONS, sniff
from imagegen_nb.errors import ReplayError

FOLDER = "blobs"
LARGEST = images.LARGEST_FILE
"""Bytes of one blob; no provider sends a larger image, and nothing larger is recorded."""
_LARGEST_BODY = 640 * 1024 * 1024
"""Bytes of one restored body: a small text may name a large blob ten thousand times."""

_SMALL = 4_096
"""Bytes of a file that git or somebody else may have left in a blob's place."""
_PIECE = 3 * 16 * 1024
"""Bytes of a blob that are encoded at a time; base64 encodes three by three."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{2048,}={0,2}")
"""In either alphabet: Google's SDK sends pictures in the one for addresses."""
_STANDARD = re.compile(r"[A-Za-z0-9+/]{2048,}={0,2}")
_URL_SAFE = b"-_"
_NAME = r"[0-9a-f]{32}\.(?:png|jpg|webp|bin)"
_PLACEHOLDER = re.compile(f"@@blob:(?:(b64|b64url|raw):({_NAME})|as-is)@@")
_MARK = "@@blob:"
_ESCAPED_MARK = "@@blob:as-is@@"
"""Stands where a body itself contains the mark, such as in a prompt."""


def extract(body: bytes) -> tuple[str, dict[str, bytes]]:
    """`body` as text with placeholders, and the blobs they stand for by file name."""
    blobs: dict[str, bytes] = {}

    def placeholder(data: bytes, encoding: str) -> str:
        name = _name(data)
        blobs[name] = data
        return f"@@blob:{encoding}:{name}@@"

    def replace_run(match: re.Match[str]) -> str:
        if "+" in match[0] or "/" in match[0]:  # text beside a picture may have a hyphen
            return _STANDARD.sub(in_one_alphabet, match[0])
        return in_one_alphabet(match, url_safe="-" in match[0] or "_" in match[0])

    def in_one_alphabet(match: re.Match[str], *, url_safe: bool = False) -> str:
        # A torn answer may end within a quadruple; its last characters stay in the text.
        whole = match[0][: len(match[0]) // 4 * 4]
        encoded = whole.encode("ascii")
        try:
            data = pybase64.b64decode(encoded, altchars=_URL_SAFE if url_safe else None, validate=True)
        except ValueError:
            return match[0]
        if _encoded(data, url_safe=url_safe) != encoded:
            return match[0]
        return placeholder(data, "b64url" if url_safe else "b64") + match[0][len(whole) :]

    try:
        text = body.decode()
    except UnicodeDecodeError:
        return placeholder(body, "raw"), blobs
    return _BASE64.sub(replace_run, text.replace(_MARK, _ESCAPED_MARK)), blobs


def restore(text: str, folder: Path) -> bytes:
    """The body that `extract` made `text` of. Raises `ReplayError` for a blob that is missing or changed."""
    verify(text, folder)
    return b"".join(pieces(text, folder))


def check(text: str, folder: Path) -> int:
    """The bytes of the body that `text` stands for. Raises `ReplayError` for a blob that cannot be one.

    Only a small file, which may stand in for the image, is read: `verify` reads all.
    """
    if text.count(_MARK) != len(_PLACEHOLDER.findall(text)):
        raise ReplayError("a placeholder of an image is damaged; record it again")
    if is_linked(folder):
        raise ReplayError(f"{FOLDER}/ is a link; a cassette holds its images itself")
    size = 0
    for part in _parts(text):
        if isinstance(part, str):
            size += len(part.encode())
        else:
            length = _size(folder / FOLDER / part.name)
            size += (length + 2) // 3 * 4 if part.in_base64 else length
        if size > _LARGEST_BODY:
            raise ReplayError(
                f"a body has more than {_LARGEST_BODY:,} bytes with its images; record it again"
            )
    return size


def verify(text: str, folder: Path) -> None:
    """Read each blob that `text` names, and hold none. Raises `ReplayError` for one that was changed."""
    check(text, folder)
    for name in names_in(text):
        _verify(folder / FOLDER / name)


def pieces(
    text: str, folder: Path, change: Callable[[bytes], bytes] = lambda data: data
) -> Generator[bytes, None, None]:
    """The body that `text` stands for, a little at a time, read when it is asked for; `verify` comes before.

    `change` is made in all but images.
    """
    for part in _parts(text):
        if isinstance(part, str):
            yield change(part.encode())
        elif part.in_base64:
            with _opened(folder / FOLDER / part.name) as file:
                while data := file.read(_PIECE):
                    yield _encoded(data, url_safe=part.url_safe)
        else:
            with _opened(folder / FOLDER / part.name) as file:
                data = file.read(LARGEST)
            yield change(data)


class _Blob(NamedTuple):
    """A blob that a text names."""

    name: str
    encoding: str

    @property
    def in_base64(self) -> bool:
        """Whether the body has it as text."""
        return self.encoding != "raw"

    @property
    def url_safe(self) -> bool:
        """Whether that text is in the alphabet for addresses."""
        return self.encoding == "b64url"


def _parts(text: str) -> Iterator[str | _Blob]:
    """The texts between blobs, with what stood where they hold the mark themselves, and the blobs."""
    end, before = 0, ""
    for match in _PLACEHOLDER.finditer(text):
        before += text[end : match.start()]
        end = match.end()
        if match[1] is None:
            before += _MARK
            continue
        if before:
            yield before
        yield _Blob(match[2], match[1])
        before = ""
    if before + text[end:]:
        yield before + text[end:]


def is_linked(folder: Path) -> bool:
    """Whether `blobs/` is a link: reading, writing and deleting would then happen in another folder."""
    return (folder / FOLDER).is_symlink()


def names_in(text: str) -> set[str]:
    """The file names in the placeholders of `text`."""
    return {match[2] for match in _PLACEHOLDER.finditer(text) if match[2]}


def is_name(name: str) -> bool:
    """Whether a file of that name is a blob."""
    return re.fullmatch(_NAME, name) is not None


Signature = tuple[int, int, int] | None
"""What changes with a file: which one it is, its size, and when it was written; None for no plain file."""


def write(folder: Path, blobs: dict[str, bytes]) -> dict[str, Signature]:
    """Put `blobs` below `folder`, where they are not there already; their signatures. Raises OSError."""
    directory = folder / FOLDER
    if is_linked(folder):
        directory.unlink()
    for name, data in blobs.items():
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / name
        if path.is_symlink() or not path.is_file() or path.read_bytes() != data:
            write_durably(path, data)
    return {name: signature(folder, name) for name in blobs}


def signature(folder: Path, name: str) -> Signature:
    """What tells, without reading it, whether a blob is still the file that was written."""
    try:
        status = (folder / FOLDER / name).lstat()
    except OSError:
        return None
    if is_linked(folder) or not stat.S_ISREG(status.st_mode):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _encoded(data: bytes, *, url_safe: bool) -> bytes:
    return pybase64.b64encode(data, altchars=_URL_SAFE if url_safe else None)


def _name(data: bytes) -> str:
    return f"{_digest(data)}.{EXTENSIONS.get(sniff(data) or '', 'bin')}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _size(path: Path) -> int:
    """The bytes of a blob. One so small that it may be something else instead is read, too."""
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
    if size < _SMALL:
        _verify(path)
    return size


def _verify(path: Path) -> None:
    with _opened(path) as file:
        if hashlib.file_digest(file, "sha256").hexdigest().startswith(path.stem):
            return
        file.seek(0)
        change = _explain_change(file.read(LARGEST), path.stem)
    raise ReplayError(f"{FOLDER}/{path.name} was changed: {change}, or record it again")


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """A blob's file, to be read. Raises `ReplayError` where it is not there or cannot be one."""
    name = f"{FOLDER}/{path.name}"
    try:
        with open_plain(path) as file:
            if os.fstat(file.fileno()).st_size <= LARGEST:
                yield file
                return
        problem = f"{name} is larger than {LARGEST:,} bytes, so it is not what was recorded"
    except FileNotFoundError:
        problem = f"{name} is missing; restore the file (is it committed, or left out by a .gitignore?)"
    except OSError as error:
        problem = f"{name} cannot be read: {explain(error)}"
    raise ReplayError(f"{problem}, or record it again")


def _explain_change(data: bytes, expected: str) -> str:
    if data.startswith(b"version https://git-lfs"):
        return "it is a git LFS pointer, not the image. Run `git lfs pull`"
    if _digest(data.replace(b"\r\n", b"\n")) == expected:
        return "its line endings were converted. Mark it as binary in .gitattributes and check it out again"
    return (
        f"its {len(data):,} bytes hash to {_digest(data)}, and its name says what they should hash to. "
        "Restore the file as it was committed"
    )
