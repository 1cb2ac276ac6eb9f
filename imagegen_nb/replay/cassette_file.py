"""A cassette's folder: `cassette.yaml` with the calls as text, and the images beside it as files.

Somebody else may have written the file. It is read within bounds, as one document of plain YAML, and every
field is validated; what is wrong with it is one `ReplayError`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, ValidationError

from imagegen_nb.core.atomic_files import explain, read_bounded
from imagegen_nb.core.own_files import CASSETTE_FILE
from imagegen_nb.core.redaction import redact, visible
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import blobs, bodies, cassette_yaml
from imagegen_nb.replay.cassette_yaml import ONE_SIDE
from imagegen_nb.replay.recording import Recording
from imagegen_nb.replay.stored_recording import StoredRecording

_LAYOUT = 1
_LARGEST = 32 * 1024 * 1024
"""Bytes of the text; a recorded call takes about one thousand."""
_LARGEST_BEGINNING = 100_000
"""Bytes of what comes before the recordings."""
_LARGEST_WHOLE = 1024 * 1024 * 1024
"""Bytes of all that is recorded, each image as often as a recording contains it."""
_LARGEST_REQUEST = 1_000_000
_LONGEST_TEXT = 400
_LONGEST_PLACE = 60
_NOTEBOOK = re.compile(r"^  (notebook: .+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a cassette says of itself. `against` is `live` or `emulator`, `recorded_on` a date,
    `versions` those of the packages that asked, `notebook` the one that made the calls, and `refused`
    describes the recordings that were not written, such as those that hold a key."""

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
    return (folder / CASSETTE_FILE).exists()


def read(folder: Path) -> tuple[About, list[Recording]]:
    """The cassette in `folder`, with every image in its place.

    Raises `ReplayError`, which names the cassette, the place in the file, the problem and the remedy.
    """
    about, stored = load(folder)
    return about, [each.whole() for each in stored]


def load(folder: Path) -> tuple[About, list[StoredRecording]]:
    """The cassette in `folder`; the bodies of its answers stay where they are, and are only looked for.

    Raises `ReplayError` as `read` does.
    """
    text = read_text(folder)
    try:
        document = _validate(cassette_yaml.parse(text))
        recordings, size = list[StoredRecording](), 0
        for number, entry in enumerate(document.recordings, 1):
            place = f"cassette {folder.name!r} ({CASSETTE_FILE}): recording {number}"
            recording, length = _load(entry, number, folder)
            recordings.append(StoredRecording(recording, entry.answer.body, folder, place))
            size += length
            if size > _LARGEST_WHOLE:
                raise ReplayError(f"it holds more than {_LARGEST_WHOLE:,} bytes with its images; split it")
    except ReplayError as error:
        problem = str(error)
    else:
        return document.metadata.about(), recordings
    raise ReplayError(redact(f"cassette {folder.name!r} ({CASSETTE_FILE}): {problem}"))


def notebook_of(folder: Path) -> str:
    """The notebook whose calls are in `folder`; empty where none is named or the file cannot be read.

    Only the beginning is read, and of a damaged one the line: the file may be long, or hold a merge conflict.
    """
    metadata: Any = None
    try:
        if (folder / CASSETTE_FILE).is_symlink() or not (folder / CASSETTE_FILE).is_file():
            return ""
        with (folder / CASSETTE_FILE).open("rb") as file:
            text = file.read(_LARGEST_BEGINNING).decode(errors="ignore").partition("\nrecordings:")[0]
        try:
            metadata = cassette_yaml.parse(text).get("metadata")
        except ReplayError:
            metadata = cassette_yaml.parse(line[1]) if (line := _NOTEBOOK.search(text)) else None
    except (OSError, ReplayError):
        return ""
    notebook = metadata.get("notebook") if isinstance(metadata, dict) else None
    return _presentable(notebook) if isinstance(notebook, str) else ""


def metadata_of(about: About) -> dict[str, Any]:
    """The beginning of the file."""
    metadata = {
        "recorded_against": about.against,
        "recorded_on": about.recorded_on,
        "versions": dict(about.versions),
        **({"notebook": about.notebook} if about.notebook else {}),
        **({"refused": list(about.refused)} if about.refused else {}),
    }
    return {"layout": _LAYOUT, "metadata": metadata}


def orphans(folder: Path) -> list[Path]:
    """The images beside the cassette that it does not refer to. Raises `ReplayError` as `read` does."""
    read(folder)
    return unreferenced(folder, blobs.names_in(read_text(folder)))


def repeated(recordings: Sequence[Recording]) -> list[str]:
    """The recordings, as `read` gives them, that stand in the cassette once more.

    The same call may be made again, and has another request id then. With the same one, it is the same call.
    """
    first: dict[tuple[str, ...], int] = {}
    problems = []
    for number, recording in enumerate(recordings, 1):
        request_id = recording.headers.get("x-request-id", "")
        if request_id and (earlier := first.setdefault((*recording.sort_key, request_id), number)) != number:
            problems.append(
                f"recordings {earlier} and {number} are the same call {recording.call} to {recording.model} "
                f"(did a merge keep both sides?): {ONE_SIDE}"
            )
    return [redact(problem) for problem in problems]


def unreferenced(folder: Path, names: Collection[str]) -> list[Path]:
    """The images below `folder` that are not among `names`. Files that are no blobs are somebody else's."""
    directory = folder / blobs.FOLDER
    files = directory.iterdir() if directory.is_dir() and not blobs.is_linked(folder) else ()
    return sorted(path for path in files if blobs.is_name(path.name) and path.name not in names)


def read_text(folder: Path) -> str:
    """The text of the cassette in `folder`. Raises `ReplayError`."""
    try:
        if (data := read_bounded(folder / CASSETTE_FILE, _LARGEST)) is None:
            raise ReplayError(
                f"{CASSETTE_FILE} of cassette {folder.name!r} is larger than {_LARGEST:,} bytes"
            )
        return data.decode()
    except FileNotFoundError:
        problem = (
            f"it has no {CASSETTE_FILE}: {_renamed(folder)}restore it (is it committed?), or record it again"
        )
    except UnicodeDecodeError:
        problem = "its text is not UTF-8: the file is damaged; restore it, or record it again"
    except OSError as error:
        problem = f"it cannot be read: {explain(error)}"
    raise ReplayError(f"cassette {folder.name!r}: {problem}")


def _renamed(folder: Path) -> str:
    """What to do where the text has another name, such as `cassette.yml`."""
    names = [path.name for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    near = difflib.get_close_matches(CASSETTE_FILE, names, n=1, cutoff=0.8)
    return f"if {visible(near[0])} is it, rename it; else " if near else ""


# What the file may hold


def _web_address(url: str) -> str:
    try:
        usable = urlsplit(url).hostname and urlsplit(url).port != 0
    except ValueError:
        usable = None
    if not usable:
        raise ValueError("is not a URL")
    return url


def _call_number(call: str) -> str:
    if not re.fullmatch("[0-9]{1,9}", call):
        raise ValueError("is not the number of a call")
    return call


def _http_status(status: int) -> int:
    if status != 0 and not 100 <= status <= 599:
        raise ValueError("is not an HTTP status")
    return status


def _plain_text(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("is not plain text, as a response header must be")
    return text


def _presentable(text: str) -> str:
    return redact(text, limit=_LONGEST_TEXT)


_Presentable = Annotated[str, AfterValidator(_presentable)]
"""What a cassette says of itself, safe to show."""
_HeaderText = Annotated[str, AfterValidator(_plain_text)]
_Body = Annotated[str, BeforeValidator(bodies.to_text)]


class _Model(BaseModel):
    # Without `strict`, pydantic would take a number for a text. What a later version adds is ignored.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Request(_Model):
    method: str
    url: Annotated[str, AfterValidator(_web_address)]
    call: Annotated[str, AfterValidator(_call_number)]
    body: _Body


class _Answer(_Model):
    status: Annotated[int, AfterValidator(_http_status)]
    headers: dict[_HeaderText, _HeaderText]
    body: _Body
    ended: str = ""
    sent: bool = True


class _Entry(_Model):
    request: _Request
    answer: _Answer


class _Metadata(_Model):
    recorded_against: Literal["live", "emulator"]
    recorded_on: _Presentable
    versions: dict[_Presentable, _Presentable]
    notebook: _Presentable = ""
    refused: Annotated[list[_Presentable], FailFast()] = []

    def about(self) -> About:
        return About(
            against=self.recorded_against,
            recorded_on=self.recorded_on,
            versions=self.versions,
            notebook=self.notebook,
            refused=tuple(self.refused),
        )


class _Document(_Model):
    metadata: _Metadata
    recordings: Annotated[list[_Entry], FailFast()]


def _validate(data: dict[str, Any]) -> _Document:
    # The layout first: another one need not have any of the other fields.
    if (layout := data.get("layout")) != _LAYOUT:
        raise ReplayError(f"its layout is {layout!r}, and this version reads {_LAYOUT}; record it again")
    try:
        return _Document.model_validate(data)
    except ValidationError as error:
        problem = _problem(error.errors(include_url=False, include_input=False)[0])
    raise ReplayError(f"{problem}; it is damaged or of another version, so record it again")


_PROBLEMS = {
    "missing": "is missing",
    "string_type": "is no text",
    "string_unicode": "is no text",
    "int_type": "is not a whole number",
    "bool_type": "is neither true nor false",
    "list_type": "is no list",
    "dict_type": "is no mapping",
    "model_type": "is no mapping",
}


def _problem(error: Mapping[str, Any]) -> str:
    """The place and the problem in words, such as "recording 3: answer.status is missing"."""
    place, recording = list(error["loc"]), ""
    if place[:1] == ["recordings"] and len(place) > 1:
        recording = f"recording {int(place[1]) + 1}: "
        place = place[2:]
    field_path = redact(".".join(map(str, place)), limit=_LONGEST_PLACE) or "it"
    context = error.get("ctx", {})
    if error["type"] == "literal_error":
        problem = f"is not known: it is {context['expected'].replace(chr(39), '')}"
    elif error["type"] == "value_error":
        problem = str(context["error"])
    else:
        problem = _PROBLEMS.get(error["type"], "is not what it should be")
    return f"{recording}{field_path} {problem}"


def _load(entry: _Entry, number: int, folder: Path) -> tuple[Recording, int]:
    """The recording of an entry without its answer's body, and the bytes of both its bodies."""
    request, answer = entry.request, entry.answer
    try:
        request_body = blobs.restore(request.body, folder)
        if len(request_body) > _LARGEST_REQUEST or bodies.is_deep(request_body):
            raise ReplayError(
                "its request is larger, or nested deeper, than any that was recorded; record it again"
            )
        recording = Recording(
            method=request.method,
            url=request.url,
            call=request.call,
            request_body=request_body,
            status=answer.status,
            headers=answer.headers,
            ended=answer.ended,
            sent=answer.sent,
        )
        return recording, len(request_body) + blobs.check(answer.body, folder)
    except ReplayError as error:
        problem = str(error)
    raise ReplayError(f"recording {number}: {problem}")
