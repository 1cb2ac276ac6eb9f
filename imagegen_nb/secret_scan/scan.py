"""Looks for the providers' keys in files of all kinds, and tells where they stand, never what they are."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from imagegen_nb.core import redaction
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.errors import InvalidOption
from imagegen_nb.secret_scan.decode import layers
from imagegen_nb.secret_scan.extract import Passage, Unreadable, passages

SKIPPED = frozenset({".git", ".venv", "node_modules"})
"""Folders that are not entered: others' files, and history, which is not mended by editing files."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A key in `file`. `place` says in words where in it, or nothing; `line` is the number of the line
    there, or 0; `kind` names the key, such as "an OpenAI key", and `how` its disguise, or nothing."""

    file: str
    place: str
    line: int
    kind: str
    how: str = ""

    def __str__(self) -> str:
        at = f", line {self.line}" if self.place and self.line else f":{self.line}" if self.line else ""
        told = f"{self.kind} ({self.how})" if self.how else self.kind
        return f"{self.file}: {self.place}{at}: {told}" if self.place else f"{self.file}{at}: {told}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan found. `files` counts those looked at; `unread` names, with the reason, those that could
    not be, or not wholly: they may hold keys."""

    files: int
    findings: tuple[Finding, ...]
    unread: tuple[str, ...]


def scan(paths: Iterable[Path], known: Iterable[str] = ()) -> Report:
    """Look for keys in the files among `paths`, and in all files below the folders among them.

    Found are the shapes of the providers' keys, and the values `known`, wherever they stand: in text, in
    JSON and notebooks, in pictures and archives, in file names; also URL-encoded, in base64 and in UTF-16.
    Links are not followed. Raises `InvalidOption` for a path that is not there.
    """
    keys, files, findings, unread = tuple(known), 0, dict[Finding, None](), list[str]()

    def left_out(error: OSError) -> None:
        unread.append(f"{_shown(Path(error.filename), keys)}: {explain(error)}")

    for path in _files(paths, left_out):
        shown = _shown(path, keys)
        files += 1
        try:
            for passage in _passages(path):
                findings |= dict.fromkeys(_in_passage(shown, passage, keys))
        except OSError as error:
            unread.append(f"{shown}: {_why(path, error)}")
        except Unreadable as error:
            unread.append(f"{shown}: {redaction.redact(str(error), keys)}")
    return Report(files, tuple(findings), tuple(unread))


def _files(paths: Iterable[Path], left_out: Callable[[OSError], None]) -> Iterator[Path]:
    for path in paths:
        if not os.path.lexists(path):
            raise InvalidOption(f"{redaction.redact(str(path))}: there is no such file or folder")
        if path.is_symlink() or not path.is_dir():
            yield path
            continue
        for folder, inner, names in os.walk(path, onerror=left_out):
            inner[:] = sorted(name for name in inner if name not in SKIPPED)
            beside = (Path(folder) / name for name in sorted(names))
            yield from filter(_ordinary, beside)


def _ordinary(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return True  # opening it will say why it cannot be read


def _passages(path: Path) -> Iterator[Passage]:
    yield Passage("its name", os.fsencode(path), 0)
    yield from passages(path)


def _in_passage(file: str, passage: Passage, known: tuple[str, ...]) -> Iterator[Finding]:
    for layer in layers(passage.data):
        for at, kind in redaction.likely(layer.text, known):
            start = layer.at if layer.how else at
            line = passage.line and passage.line + passage.data.count(b"\n", 0, start)
            place = redaction.redact(passage.place, known, limit=200)
            yield Finding(file, place, line, kind, layer.how)


def _shown(path: Path, known: tuple[str, ...]) -> str:
    """The path as it is given, printable, without a key that its name may hold."""
    text = os.fsencode(path).decode(errors="replace")
    printable = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return redaction.redact(printable, known, limit=4096)


def _why(path: Path, error: OSError) -> str:
    return "it is a link, and links are not followed" if path.is_symlink() else explain(error)
