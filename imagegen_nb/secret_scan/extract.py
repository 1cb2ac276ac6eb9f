"""What a file holds, passage by passage, each with its place: cell and output, JSON path, or line.

A file is read in pieces of bounded size, never followed when it is a link, and never waited for.
"""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from imagegen_nb.errors import ImagegenError

PIECE = 16 * 1024 * 1024
"""Bytes read at once; what is larger is read in pieces that overlap."""
_OVERLAP = 64 * 1024
_MOST_UNPACKED = 1024 * 1024 * 1024
"""Bytes that the members of one archive may become together."""


class Unreadable(ImagegenError):
    """A file, or a part of it, that could not be looked at; the text says why."""

    kind = "unreadable"


class Passage(NamedTuple):
    """Some bytes and their place in the file in words (nothing: the file itself). `line` is the number of
    their first line, or 0 where lines mean nothing."""

    place: str
    data: bytes
    line: int


def passages(path: Path) -> Iterator[Passage]:
    """All of the file at `path`. Raises OSError, and `Unreadable` after what could be read."""
    with _opened(path) as file:
        if zipfile.is_zipfile(file):
            yield from _members(file)
        else:
            file.seek(0)
            yield from _pieces("", file)


def _opened(path: Path) -> IO[bytes]:
    # Links would lead elsewhere, and a pipe would keep us waiting.
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise Unreadable("it is no ordinary file")
    return os.fdopen(number, "rb")


def _members(file: IO[bytes]) -> Iterator[Passage]:
    left = _MOST_UNPACKED
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if (left := left - info.file_size) < 0:
                    raise Unreadable(f"it is an archive of more than {_MOST_UNPACKED:,} bytes")
                yield Passage("the list of members", info.filename.encode(errors="surrogateescape"), 0)
                with archive.open(info) as member:
                    yield from _pieces(info.filename, member)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise Unreadable(f"it is an archive that cannot be opened: {error}") from None


def _pieces(place: str, file: IO[bytes]) -> Iterator[Passage]:
    data = file.read(PIECE)
    more = file.read(PIECE)
    if not more:
        yield from _document(place, data)
        return
    line = 1
    while more:
        yield Passage(place, data, line)
        line += data.count(b"\n", 0, len(data) - _OVERLAP)
        data, more = data[-_OVERLAP:] + more, file.read(PIECE)
    yield Passage(place, data, line)


def _document(place: str, data: bytes) -> Iterator[Passage]:
    """A whole file: JSON string by string, and everything else as it is."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        try:
            value = json.loads(data, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            pass
        else:
            before = f"{place}, " if place else ""
            for path, text in _strings(value):
                inner = text.encode(errors="surrogatepass")
                yield Passage(before + _in_words(path), inner, int("\n" in text))
            return
    yield Passage(place, data, 0 if b"\0" in data[:8192] else 1)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with the names that stand there twice."""


_Path = tuple[str | int, ...]


def _strings(value: Any) -> Iterator[tuple[_Path, str]]:
    """Every string of a JSON document with the way to it; a name counts as a string of its object."""
    waiting: list[tuple[_Path, Any]] = [((), value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, _Pairs):
            # A name that is a key itself must not be shown as a place: it is looked at first.
            yield from ((path, name) for name, _ in value)
            waiting += [((*path, name), item) for name, item in reversed(value)]
        elif isinstance(value, list):
            if _is_text(value):
                yield path, "".join(value)
            else:
                waiting += [((*path, number), item) for number, item in reversed([*enumerate(value)])]


def _is_text(value: list[Any]) -> bool:
    """Whether a list is one text in lines, as notebooks write it."""
    return (
        len(value) > 1
        and all(isinstance(item, str) for item in value)
        and all(item.endswith("\n") for item in value[:-1])
    )


def _in_words(path: _Path) -> str:
    """`cells, 2, outputs, 0, text` as "cell 3, output 1, text"; another path as JSON tools write it."""
    words = []
    if path[:1] == ("cells",) and len(path) > 1 and isinstance(path[1], int):
        words.append(f"cell {path[1] + 1}")
        path = path[2:]
        if path[:1] == ("outputs",) and len(path) > 1 and isinstance(path[1], int):
            words.append(f"output {path[1] + 1}")
            path = path[2:]
    rest = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return ", ".join([*words, *([rest] if rest else [])]) or "the document"
