"""Reads a file as fragments, each with its place: the cell and output, JSON path, archive member or line.

A file is read in chunks of bounded size. Links are not followed, and pipes and devices not waited for.
"""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from imagegen_nb.core.json_walk import Node, bracketed, walk
from imagegen_nb.errors import ImagegenError

_CHUNK_SIZE = 16 * 1024 * 1024
"""Bytes read at once; a larger file is read in chunks that overlap."""
_OVERLAP = 64 * 1024
"""Bytes; a key at the end of one chunk stands whole in the next."""
_ARCHIVE = b"PK\x03\x04"
"""What a ZIP archive begins with."""
_MOST_DECOMPRESSED = 1024 * 1024 * 1024
"""Bytes to which the members of one archive may add up."""


class Unreadable(ImagegenError):
    """A file, or a part of it, that could not be searched; the text says why."""

    kind = "unreadable"


class Fragment(NamedTuple):
    """Some bytes of a file. `place` says where in the file they stand, or is empty for the file itself;
    `line` is the number of their first line, or 0 where line numbers mean nothing."""

    place: str
    data: bytes
    line: int


def fragments(path: Path) -> Iterator[Fragment]:
    """All of the file at `path`. Raises OSError, and `Unreadable` after what could be read."""
    with _open_regular(path) as file:
        # What begins as an archive is one, however damaged: a search of its compressed bytes finds nothing.
        if file.read(len(_ARCHIVE)) != _ARCHIVE and not zipfile.is_zipfile(file):
            file.seek(0)
            yield from _file("", file)
            return
        try:
            yield from _archive(file)
        except Unreadable:
            file.seek(0)
            yield from _file("", file)
            raise


def _open_regular(path: Path) -> IO[bytes]:
    # A link would lead out of the searched folder, and opening a pipe would wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("it is not a regular file")
    return os.fdopen(descriptor, "rb")


def _archive(file: IO[bytes]) -> Iterator[Fragment]:
    """The names and contents of a ZIP archive's members."""
    left = _MOST_DECOMPRESSED
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if (left := left - info.file_size) < 0:
                    raise Unreadable(f"it is an archive of more than {_MOST_DECOMPRESSED:,} bytes")
                name = info.filename.encode(errors="surrogateescape")
                yield Fragment("the list of members", name, 0)
                with archive.open(info) as member:
                    yield from _file(info.filename, member)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise Unreadable(f"it is an archive that cannot be opened: {error}") from None


def _file(place: str, file: IO[bytes]) -> Iterator[Fragment]:
    """The content of a file or an archive's member; one that is too large at once, chunk by chunk."""
    chunk = file.read(_CHUNK_SIZE)
    following = file.read(_CHUNK_SIZE)
    if not following:
        yield from _whole(place, chunk)
        return
    line = 1
    while following:
        yield Fragment(place, chunk, line)
        line += chunk.count(b"\n", 0, len(chunk) - _OVERLAP)
        chunk, following = chunk[-_OVERLAP:] + following, file.read(_CHUNK_SIZE)
    yield Fragment(place, chunk, line)


def _whole(place: str, data: bytes) -> Iterator[Fragment]:
    """A file read at once: a JSON document string by string, anything else as it is."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        try:
            document = json.loads(data, object_pairs_hook=_Object)
        except (ValueError, RecursionError):
            pass
        else:
            before = f"{place}, " if place else ""
            for node, text in _strings(document):
                encoded = text.encode(errors="surrogatepass")
                yield Fragment(before + _describe(node.keys), encoded, int("\n" in text))
            return
    is_binary = b"\0" in data[:8192]
    yield Fragment(place, data, 0 if is_binary else 1)


class _Object(list[tuple[str, Any]]):
    """A JSON object as pairs: a dict would lose the first of two values with the same name."""


def _children(value: Any) -> Iterable[tuple[str | int, Any]]:
    """What the walk descends into: objects as pairs, and lists except those that are one text."""
    if isinstance(value, _Object):
        return value
    return enumerate(value) if isinstance(value, list) and not _is_text(value) else ()


def _strings(document: Any) -> Iterator[tuple[Node, str]]:
    """Every string of a JSON document with its place. An object's names are strings of the object itself.

    They come before what they name, because a name may be a key, and must then not be shown in a path.
    """
    for node in walk(document, _children):
        if isinstance(node.value, str):
            yield node, node.value
        elif isinstance(node.value, _Object):
            yield from ((node, name) for name, _ in node.value)
        elif isinstance(node.value, list) and _is_text(node.value):
            yield node, "".join(node.value)


def _is_text(value: list[Any]) -> bool:
    """Whether a list is one text split into lines, as notebooks store it."""
    return (
        len(value) > 1
        and all(isinstance(item, str) for item in value)
        and all(item.endswith("\n") for item in value[:-1])
    )


def _describe(path: tuple[str | int, ...]) -> str:
    """`cells, 2, outputs, 0, text` as "cell 3, output 1, text"; another path as JSON tools write it."""
    parts = []
    if path[:1] == ("cells",) and len(path) > 1 and isinstance(path[1], int):
        parts.append(f"cell {path[1] + 1}")
        path = path[2:]
        if path[:1] == ("outputs",) and len(path) > 1 and isinstance(path[1], int):
            parts.append(f"output {path[1] + 1}")
            path = path[2:]
    rest = bracketed(path)
    return ", ".join([*parts, *([rest] if rest else [])]) or "the document"
