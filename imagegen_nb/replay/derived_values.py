"""Finds what a prompt makes of an image's or a run's values: a piece of an id, a folder, a quoted path.

Forms that look alike on one machine have one placeholder: a path without special characters is the same when
it is quoted, and must be found again where it has some.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, quote_plus

MARK = "@@asset:"
STORE = "store"
_PLACEHOLDER = re.compile(r"(@@asset:[^@\s]{1,120}@@)")
_FILE = re.compile(r"blobs(/|%2[Ff])[0-9a-f]{2}\1([0-9a-f]{64})\.(?:png|jpg|webp)")
_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]+(?:[-_][0-9A-Fa-f]+)*(?![0-9A-Za-z])")
_UUID = re.compile(r"[0-9A-Fa-f]{8}([-_]?)[0-9A-Fa-f]{4}(?:\1[0-9A-Fa-f]{4}){2}\1[0-9A-Fa-f]{12}")
"""A whole one may have letters before and behind it, such as `img0e7a3c52-…`."""
_BEFORE, _BEFORE_ESCAPED = re.compile(r"[\w.~%+@/-]*"), re.compile(r"[\w.~%+-]*")
"""What a path may begin with where its folder is not known; the second has no slash in clear."""
_LONGEST_ADDRESS = 12_000
"""Characters before a blob's own name: a path of 4,096 bytes, each of them percent-encoded."""
_IN_PATH = re.compile(r"[\w.~%/-]")
_BREAKS_ADDRESS = re.compile(r"[\s\"'<>\\]")
_SHORTEST_ID = 8
"""Hexadecimal digits: so many do not stand anywhere by chance."""
_SHORTEST_FOLDER = 12
_LONGEST_ID = 64
_MOST_GROUPS = 5
"""Groups of digits in an id."""
_SLICES = (0, 8, 20)
"""Where pieces of an id begin: at its first, second and last hyphen."""


def placeholder(image: str, key: str) -> str:
    """What stands for a value of the `image`, or of a run."""
    return f"{MARK}{image}:{key}@@"


def outside_placeholders(text: str, change: Callable[[str], str]) -> str:
    """`text` with the parts changed that are no placeholders."""
    if MARK not in text:
        return change(text)
    return "".join(
        part if part.startswith(MARK) and number % 2 else change(part)
        for number, part in enumerate(_PLACEHOLDER.split(text))
    )


# Ids


class _Id(NamedTuple):
    """A random value of hexadecimal digits, how it is written, and the image or run that it is a value of."""

    digits: str
    written: str
    image: str
    key: str


@dataclass(slots=True)
class Ids:
    """The ids, and the hashes, that this process has seen."""

    _by_digits: dict[str, _Id] = field(default_factory=dict)
    _by_piece: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By the first eight digits of a piece, and by the last eight of all: the whole, and where it begins."""

    def add(self, written: str, image: str, key: str) -> bool:
        """Remember a value; says whether it is one of hexadecimal digits, as ids are."""
        digits = written.replace("-", "").replace("_", "").lower()
        if len(digits) not in (32, 40, _LONGEST_ID) or re.fullmatch(r"[0-9a-f]+", digits) is None:
            return False
        self._by_digits[digits] = _Id(digits, written, image, key)
        for start in (*_SLICES, len(digits) - _SHORTEST_ID):
            self._by_piece[digits[start : start + _SHORTEST_ID]] = digits, start
        return True

    def shown(self, text: str, values: dict[str, str]) -> str:
        """`text` with placeholders for these ids, in whole or in part; they are added to `values`."""

        def replaced(match: re.Match[str]) -> str:
            parts: list[str] = []
            end = 0
            for start, stop, name in self._in_token(match[0]):
                values.setdefault(name, match[0][start:stop])
                parts += [match[0][end:start], name]
                end = stop
            return "".join([*parts, match[0][end:]])

        def whole(match: re.Match[str]) -> str:
            name = self._name(match[0]) if re.sub("[-_]", "", match[0]).lower() in self._by_digits else ""
            if name:
                values.setdefault(name, match[0])
            return name or match[0]

        if not self._by_piece:
            return text
        return outside_placeholders(_UUID.sub(whole, text), lambda part: _HEX.sub(replaced, part))

    def _in_token(self, token: str) -> Iterator[tuple[int, int, str]]:
        """The ids in digits with hyphens between them, each as long as can be: the rest may be words."""
        groups = [(match.start(), match.end()) for match in re.finditer(r"[0-9A-Fa-f]+", token)]
        number = 0
        while number < len(groups):
            start, last = groups[number][0], number
            for last in range(min(number + _MOST_GROUPS, len(groups)) - 1, number - 1, -1):
                name = self._name(token[start : groups[last][1]])
                if name:
                    yield start, groups[last][1], name
                    break
            number = last + 1

    def _name(self, token: str) -> str:
        """The placeholder of an id, or of a piece of one; empty for other digits."""
        digits = re.sub("[-_]", "", token).lower()
        if not _SHORTEST_ID <= len(digits) <= _LONGEST_ID or token not in (token.lower(), token.upper()):
            return ""
        whole, start = self._by_piece.get(digits[:_SHORTEST_ID], ("", 0))
        if not whole or not whole.startswith(digits, start):
            whole, start = self._by_piece.get(digits[-_SHORTEST_ID:], ("", 0))
            start += _SHORTEST_ID - len(digits)
            if not whole or start < 0 or whole[start:] != digits:
                return ""
        if (
            digits != token.lower()
            and f"-{token.lower().replace('_', '-')}-" not in f"-{_hyphenated(whole)}-"
        ):
            return ""  # what follows a piece may begin with a letter of the next one
        known = self._by_digits[whole]
        name = known.key if digits == whole else f"{known.key}[{start}:{start + len(digits)}]"
        if token.lower() not in known.written.lower():
            separators = sorted(set(re.findall("[-_]", token)))
            name += ".hex" if not separators else f".{''.join(separators)}"
        # A piece may have no letter in one run and some in another.
        name += ".upper" if digits == whole and token != token.lower() else ""
        return placeholder(known.image, name)


def _hyphenated(digits: str) -> str:
    """The digits of an id as UUIDs are written."""
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# Folders and files


@dataclass(slots=True)
class Folders:
    """The folders of the stores that this process has seen, in the ways they are written."""

    _forms: dict[str, tuple[str, str]] = field(default_factory=dict)
    """For each way to write one: the folder, and what it is called."""
    _known: dict[str, None] = field(default_factory=dict)

    def add(self, folder: str) -> None:
        """Remember the folder of a store."""
        if folder in self._known or not folder.startswith("/") or "/" not in folder.strip("/"):
            return  # "/data" may stand in a prompt by chance
        self._known[folder] = None
        for path in dict.fromkeys((folder, os.path.realpath(folder))):
            for form in (path, json.dumps(path)[1:-1], quote(path), quote(quote(path))):
                self._forms.setdefault(form, (folder, STORE))
            for form in (quote(path, safe=""), quote_plus(path), quote(quote(path), safe="")):
                self._forms.setdefault(form, (folder, f"{STORE}.escaped"))

    def shown(self, text: str, own: str, values: dict[str, str]) -> str:
        """`text` with placeholders for these folders: the run's `own`, and others in the order they come."""
        forms = {form: known for form, known in list(self._forms.items()) if form in text}
        for form, folder in self._relative():
            if len(form) >= _SHORTEST_FOLDER and "/" in form and form in text:
                forms.setdefault(form, (folder, f"{STORE}.relative"))
        if not forms:
            return text
        others: dict[str, int] = {}

        def replaced(match: re.Match[str]) -> str:
            folder, key = forms[match[0]]
            number = "" if folder == own else f"-{others.setdefault(folder, len(others) + 2)}"
            name = f"{MARK}{key.replace(STORE, STORE + number)}@@"
            values.setdefault(name, match[0])
            return name

        longest_first = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
        begins = (
            r"(?:(?<![\w.~%-])(?<![^/]/)|(?<=%2F%2F))"  # also behind file://, but not within another path
        )
        return re.sub(rf"{begins}(?:{longest_first})(?![\w-]|\.\w)", replaced, text)

    def _relative(self) -> Iterator[tuple[str, str]]:
        """Each folder as seen from the working directory."""
        with suppress(OSError):  # which may be gone
            here = os.getcwd()  # noqa: PTH109 - plain text
            for folder in list(self._known):
                yield os.path.relpath(folder, here), folder

    def files_shown(self, text: str, image_of: Callable[[str], str], values: dict[str, str]) -> str:
        """`text` with placeholders for a store's files, by address, path or relative path."""
        if not _FILE.search(text):
            return text
        relative = [form for form, _ in self._relative()]
        forms = {*self._forms, *relative, *(f"./{form}" for form in relative)}
        longest_first = sorted(forms, key=len, reverse=True)
        parts: list[str] = []
        end = 0
        for match in _FILE.finditer(text):
            before = text[max(end, match.start() - _LONGEST_ADDRESS) : match.start()]
            start, key = (_beginning if match[1] == "/" else _escaped_beginning)(before, longest_first)
            if key:
                name = placeholder(image_of(match[2]), key)
                start += match.start() - len(before)
                values.setdefault(name, text[start : match.end()])
                parts += [text[end:start], name]
                end = match.end()
        return "".join([*parts, text[end:]])


def _beginning(before: str, forms: list[str]) -> tuple[int, str]:
    """Where the path of a file begins in the text before `blobs/`, and what it is; empty for no file's."""
    start = before.rfind("file://")
    if start >= 0 and not _BREAKS_ADDRESS.search(before, start):
        return start, "file_url"
    for form in forms:  # these may have spaces
        start = len(before) - len(form) - 1
        if before.endswith(f"{form}/") and not _IN_PATH.match(before[start - 1 : start] if start else ""):
            return start, "path" if form.startswith("/") else "relative"
        if form.startswith("/") and before.endswith(f"file://{form}/"):
            return start - len("file://"), "file_url"
    path = _at_the_end(before, _BEFORE)
    start = len(before) - len(path)
    if path.startswith("file%3A"):
        return start, "file_url.quoted"
    if path.startswith("//"):
        return 0, ""  # of a host
    return start, "path" if path.startswith("/") else "relative"


def _escaped_beginning(before: str, _forms: list[str]) -> tuple[int, str]:
    """The same for a path whose slashes are percent-encoded, as all that is no letter of it then."""
    path = _at_the_end(before, _BEFORE_ESCAPED)
    kinds = {"file%3A": "file_url", "%2F": "path"}
    kind = next((kind for begins, kind in kinds.items() if path.startswith(begins)), "relative")
    return len(before) - len(path), f"{kind}.escaped"


def _at_the_end(text: str, pattern: re.Pattern[str]) -> str:
    """What of `text` matches up to its end; backwards, as a search from each place takes long."""
    match = pattern.match(text[::-1])
    return match[0][::-1] if match else ""
