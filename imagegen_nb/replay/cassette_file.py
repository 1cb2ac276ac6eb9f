"""A cassette's folder: `cassette.yaml` with the calls as text, and the images beside it as files.

The file is somebody else's until proven ours: bounded, one plain document, every field checked.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from imagegen_nb.core.atomic_files import explain, read_bounded, write_durably
from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import blobs, bodies
from imagegen_nb.replay.recording import Recording

FILE = "cassette.yaml"
LAYOUT = 1
LARGEST = 32 * 1024 * 1024
"""Bytes of the text; a recorded call takes about one thousand."""
_TOO_DEEP = "it is nested deeper than a cassette is"
_DEEPEST = 20
_LARGEST_WHOLE = 1024 * 1024 * 1024
"""Bytes of all that is recorded, each image as often as it is named."""
_LARGEST_REQUEST = 1_000_000
_LONGEST_WORDS = 400
_MOST_PARTS = 500_000
"""Parts of the text (scalars, beginnings and ends); a recorded call has about forty."""
_NUMBER = re.compile(r"[0-9]{1,9}")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
"""What YAML takes for a number of base 60, whose value takes the square of its length to work out."""
_ATTRIBUTES = "cassette.yaml text eol=lf\nblobs/* binary\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a cassette says of itself. `against` is `live` or `emulator`, `recorded_on` a date,
    `versions` those of the packages that asked, `notebook` where the calls come from, and `refused`
    names the places that kept recordings from being written, because they hold keys."""

    against: str = ""
    recorded_on: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    notebook: str = ""
    refused: tuple[str, ...] = ()

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        origin = "live" if self.against == "live" else "against the emulator"
        return f"recorded {origin} on {self.recorded_on} with {versions}"


def exists(folder: Path) -> bool:
    """Whether there is a cassette in `folder`."""
    return (folder / FILE).exists()


def read(folder: Path) -> tuple[About, list[Recording]]:
    """The cassette in `folder`, every image in its place. Raises `ReplayError` with what is wrong."""
    text = _text(folder)
    try:
        data = _plain(text)
        if (layout := data.get("layout")) != LAYOUT:
            raise ReplayError(f"its layout is {layout!r}, and this version reads {LAYOUT}; record it again")
        about = _about(_get(data, "metadata", dict))
        found, size = list[Recording](), 0
        for number, item in enumerate(_get(data, "recordings", list), 1):
            found.append(_recording(item, number, folder))
            size += len(found[-1].request) + len(found[-1].answer)
            if size > _LARGEST_WHOLE:
                raise ReplayError(f"it holds more than {_LARGEST_WHOLE:,} bytes with its images; split it")
    except ReplayError as error:
        reason = str(error)
    else:
        return about, found
    raise ReplayError(redact(f"cassette {folder.name!r} ({FILE}): {reason}"))


def write(folder: Path, about: About, recordings: Sequence[Recording]) -> None:
    """Put a cassette into `folder`: first the images, then at once the text that names them.

    Raises OSError, with what was there before still whole.
    """
    documents, images = [], dict[str, bytes]()
    for recording in sorted(recordings, key=lambda item: item.order):
        document, found = _document(recording)
        documents.append(document)
        images |= found
    metadata = {
        "recorded_against": about.against,
        "recorded_on": about.recorded_on,
        "versions": dict(about.versions),
        **({"notebook": about.notebook} if about.notebook else {}),
        **({"refused": list(about.refused)} if about.refused else {}),
    }
    text = _yaml({"layout": LAYOUT, "metadata": metadata, "recordings": documents})
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "a cassette is written into a folder of its own")
    folder.mkdir(parents=True, exist_ok=True)
    blobs.write(folder, images)
    for name, content in ((".gitattributes", _ATTRIBUTES), (FILE, text)):
        write_durably(folder / name, content.encode())
    for path in _beside(folder, set(images)):
        path.unlink()


def orphans(folder: Path) -> list[Path]:
    """The images beside the cassette that it does not refer to. Raises `ReplayError` as `read` does."""
    read(folder)
    return _beside(folder, blobs.names_in(_text(folder)))


def _beside(folder: Path, named: set[str]) -> list[Path]:
    """The images below `folder` that are not `named`; other files are none of ours."""
    home = folder / blobs.FOLDER
    files = home.iterdir() if home.is_dir() and not blobs.is_linked(folder) else ()
    return sorted(path for path in files if blobs.is_name(path.name) and path.name not in named)


def _text(folder: Path) -> str:
    try:
        if (data := read_bounded(folder / FILE, LARGEST)) is None:
            raise ReplayError(f"{FILE} of cassette {folder.name!r} is larger than {LARGEST:,} bytes")
        return data.decode()
    except FileNotFoundError:
        reason = "there is none"
    except UnicodeDecodeError:
        reason = "its text is not UTF-8: the file is damaged; restore it, or record it again"
    except OSError as error:
        reason = f"it cannot be read: {explain(error)}"
    raise ReplayError(f"cassette {folder.name!r}: {reason}")


def _plain(text: str) -> dict[str, Any]:
    """The one document of a YAML text without tags, anchors or much depth: nothing that can unfold."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth, reason = 0, ""
    try:
        for number, event in enumerate(yaml.parse(text, Loader=loader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                reason = "it holds an anchor, which no cassette of ours does"
            elif getattr(event, "tag", None) is not None:
                reason = "it holds a tag, which no cassette of ours does"
            elif depth > _DEEPEST:
                reason = _TOO_DEEP
            elif number > _MOST_PARTS:
                reason = "it holds more than a cassette does"
            elif isinstance(event, yaml.ScalarEvent) and not event.style and _BASE_60.fullmatch(event.value):
                reason = "it holds a number of base 60, which no cassette of ours does"
            if reason:
                break
        value = None if reason else yaml.load(text, Loader=loader)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark else ""
        reason = f"it is not whole or not YAML{where}; restore the file, or record it again"
        # Parsers look ahead, and may meet a bound of their own before the events that are counted above.
        if isinstance(error, RecursionError) or "nesting" in str(getattr(error, "problem", "")):
            reason = _TOO_DEEP
    if not reason and not isinstance(value, dict):
        reason = "it is no cassette (cut short?); restore the file, or record it again"
    if reason:
        raise ReplayError(reason)
    assert isinstance(value, dict)
    return value


def _yaml(data: dict[str, Any]) -> str:
    import yaml

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc]
        """Text of several lines as lines."""

    def lines(dumper: Any, text: str) -> Any:
        style = "|" if "\n" in text.rstrip("\n") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, lines)
    dumped: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
    if _plain(dumped) != data:
        raise ReplayError("the recordings cannot be written as text that reads the same")
    return dumped


def _document(recording: Recording) -> tuple[dict[str, Any], dict[str, bytes]]:
    request, sent = blobs.stow(recording.request)
    answer, received = blobs.stow(recording.answer)
    document: dict[str, Any] = {
        "request": {
            "method": recording.method,
            "url": recording.url,
            "call": recording.call,
            "body": bodies.shown(request),
        },
        "answer": {
            "status": recording.status,
            "headers": dict(sorted(recording.headers.items())),
            "body": bodies.shown(answer),
        },
    }
    if recording.ended:
        document["answer"] |= {"ended": recording.ended, "sent": recording.sent}
    return document, sent | received


def _about(data: dict[str, Any]) -> About:
    against = _get(data, "recorded_against", str)
    if against not in ("live", "emulator"):
        raise ReplayError(f"recorded_against is {against!r}; it is live or emulator")
    return About(
        against=against,
        recorded_on=_words(_get(data, "recorded_on", str)),
        versions={_words(name): _words(value) for name, value in _get(data, "versions", dict).items()},
        notebook=_words(_get(data, "notebook", str)) if "notebook" in data else "",
        refused=tuple(map(_words, _get(data, "refused", list))) if "refused" in data else (),
    )


def _recording(item: object, number: int, folder: Path) -> Recording:
    try:
        if not isinstance(item, dict):
            raise ReplayError("it is no mapping")
        request, answer = _get(item, "request", dict), _get(item, "answer", dict)
        headers = _get(answer, "headers", dict)
        return Recording(
            method=_get(request, "method", str),
            url=_address(_get(request, "url", str)),
            call=_call(_get(request, "call", str)),
            request=_asked(blobs.restore(bodies.told(request.get("body")), folder)),
            status=_status(_get(answer, "status", int)),
            headers={_header(name): _header(_get(headers, name, str)) for name in headers},
            answer=blobs.restore(bodies.told(answer.get("body")), folder),
            ended=_get(answer, "ended", str) if "ended" in answer else "",
            sent=_get(answer, "sent", bool) if "sent" in answer else True,
        )
    except ReplayError as error:
        reason = str(error)
    raise ReplayError(f"recording {number}: {reason}")


def _words(told: object) -> str:
    """What a cassette says of itself, as it can be shown."""
    return redact(str(told), limit=_LONGEST_WORDS)


def _call(number: str) -> str:
    if not _NUMBER.fullmatch(number):
        raise ReplayError("call is no number; it is damaged, so record it again")
    return number


def _address(url: str) -> str:
    try:
        usable = urlsplit(url).hostname and urlsplit(url).port != 0
    except ValueError:
        usable = None
    if not usable:
        raise ReplayError("url is no web address; it is damaged, so record it again")
    return url


def _asked(body: bytes) -> bytes:
    if len(body) > _LARGEST_REQUEST or bodies.is_deep(body):
        raise ReplayError("its request is larger, or nested deeper, than any of ours; record it again")
    return body


def _status(status: int) -> int:
    if status != 0 and not 100 <= status <= 599:
        raise ReplayError("status is none that an answer has; record it again")
    return status


def _header(text: object) -> str:
    if not isinstance(text, str) or not text.isascii() or not text.isprintable():
        raise ReplayError("a header of the answer is no plain text; record it again")
    return text


def _get(data: dict[str, Any], name: str, kind: type[Any]) -> Any:
    value = data.get(name)
    if type(value) is not kind:
        found = "is missing" if value is None else f"is of type {type(value).__name__}"
        raise ReplayError(f"{name} {found}; it is damaged or of another version, so record it again")
    return value
