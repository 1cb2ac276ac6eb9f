"""Searches files of all kinds for the providers' keys, and reports where they are, never what they are."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from imagegen_nb.core import redaction
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.errors import InvalidOption
from imagegen_nb.secret_scan.decode import decodings
from imagegen_nb.secret_scan.extract import Fragment, Unreadable, fragments

_SKIPPED_FOLDERS = frozenset({".git", ".venv", "node_modules"})
"""Not entered: other people's files, and history, which editing a file does not mend."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A key in `file`. `place` says where in the file, or is empty; `line` is the number of the line
    there, or 0; `kind` names the key, such as "an OpenAI key", and `how` its encoding, or is empty."""

    file: str
    place: str
    line: int
    kind: str
    how: str = ""

    def __str__(self) -> str:
        line = f", line {self.line}" if self.place and self.line else f":{self.line}" if self.line else ""
        key = f"{self.kind} ({self.how})" if self.how else self.kind
        return f"{self.file}: {self.place}{line}: {key}" if self.place else f"{self.file}{line}: {key}"


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a scan. `files` counts those searched; `unread` names those that could not be searched,
    or not wholly, with the reason: they may hold keys."""

    files: int
    findings: tuple[Finding, ...]
    unread: tuple[str, ...]


def scan(paths: Iterable[Path], known: Iterable[str] = ()) -> Report:
    """Search the files among `paths`, and all files below the folders among them, for keys.

    Found are the shapes of the providers' keys, and the values `known`, wherever they stand: in text, in
    JSON and notebooks, in pictures and archives, in file names; also URL-encoded, in base64 and in UTF-16.
    Links are not followed. Raises `InvalidOption` for a path that is not there.
    """
    keys, files, findings, unread = tuple(known), 0, dict[Finding, None](), list[str]()

    def on_unlisted_folder(error: OSError) -> None:
        unread.append(f"{_presentable(Path(error.filename), keys)}: {explain(error)}")

    for path in _files(paths, on_unlisted_folder):
        name = _presentable(path, keys)
        files += 1
        try:
            for fragment in chain([_name_of(path)], fragments(path)):
                findings |= dict.fromkeys(_search(name, fragment, keys))
        except OSError as error:
            unread.append(f"{name}: {_reason(path, error)}")
        except Unreadable as error:
            unread.append(f"{name}: {redaction.redact(str(error), keys)}")
    return Report(files, tuple(findings), tuple(unread))


def _files(paths: Iterable[Path], on_unlisted_folder: Callable[[OSError], None]) -> Iterator[Path]:
    """The `paths` that are no folders, and the regular files below those that are."""
    for path in paths:
        if not os.path.lexists(path):
            raise InvalidOption(f"{redaction.redact(str(path))}: there is no such file or folder")
        if path.is_symlink() or not path.is_dir():
            yield path
            continue
        for folder, subfolders, names in os.walk(path, onerror=on_unlisted_folder):
            subfolders[:] = sorted(name for name in subfolders if name not in _SKIPPED_FOLDERS)
            files = (Path(folder) / name for name in sorted(names))
            yield from filter(_is_regular, files)


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return True  # reading it will report why it cannot be read


def _name_of(path: Path) -> Fragment:
    """The path itself, which may hold a key as well as the file does."""
    return Fragment("its name", os.fsencode(path), 0)


def _search(file: str, fragment: Fragment, known: tuple[str, ...]) -> Iterator[Finding]:
    for decoded in decodings(fragment.data):
        for position, kind in redaction.likely(decoded.text, known):
            # Inside an encoded text, the line is the one where that text begins.
            offset = decoded.offset if decoded.encoding else position
            line = fragment.line and fragment.line + fragment.data.count(b"\n", 0, offset)
            place = redaction.redact(fragment.place, known, limit=200)
            yield Finding(file, place, line, kind, decoded.encoding)


def _presentable(path: Path, known: tuple[str, ...]) -> str:
    """The path as the caller gave it, printable, without a key that it may contain."""
    text = os.fsencode(path).decode(errors="replace")
    printable = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return redaction.redact(printable, known, limit=4096)


def _reason(path: Path, error: OSError) -> str:
    return "it is a link, and links are not followed" if path.is_symlink() else explain(error)
