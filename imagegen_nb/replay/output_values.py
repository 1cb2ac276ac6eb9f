"""Values of outputs that no other machine or run gives again, and the placeholders that stand for them.

A prompt may name an earlier image by its address, which holds a folder of this machine, or by its id,
which is random. In a cassette each such value is `@@asset:<image>:<key>@@`, where `<image>` is made of the
bytes that the provider sent: a replay brings the same bytes, so that the same prompt is found again. For a
run's id it is made of the run's prompt, which is there before any image.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from imagegen_nb.core import variables
from imagegen_nb.core.json_walk import bounded
from imagegen_nb.errors import VariableError
from imagegen_nb.replay import bodies
from imagegen_nb.replay.derived_values import MARK, STORE, Folders, Ids, outside_placeholders, placeholder

_STORE = f"{MARK}{STORE}@@"
_ASSET_KEYS = frozenset(("id", "file_url", "file_name", "file_size", "file_type"))
_OF_ONE_RUN = ("id", "file_url", "file_url_expires_at", "file_size")
"""Keys of an asset whose values differ by run or machine."""
_ERROR_KEYS = frozenset(("kind", "message", "requested", "returned"))
_LONGEST_ADDRESS = 12_000
"""Characters before a blob's own name: a path of 4,096 bytes, each of them percent-encoded."""
_SHORTEST = 12
"""Characters of a value that is looked for in any text: a shorter one may stand there by chance."""
_BLOB = re.compile(r"/blobs/[0-9a-f]{2}/([0-9a-f]{64})\.(?:png|jpg|webp)")
_BREAKS_ADDRESS = re.compile(r"[\s\"'<>\\]")


@dataclass(slots=True)
class _Seen:
    """The values that this process has seen."""

    images: dict[str, str] = field(default_factory=dict)
    """The image behind each blob's hash: a file that was converted has other bytes than the provider sent."""
    assets: dict[str, str] = field(default_factory=dict)
    """The image behind each asset's id."""
    exact: dict[str, str] = field(default_factory=dict)
    """The placeholder of each value that has one form; an address before the id that it may contain."""
    ids: Ids = field(default_factory=Ids)
    folders: Folders = field(default_factory=Folders)

    def image_of(self, digest: str) -> str:
        """The image that a blob's hash stands for."""
        return self.images.get(digest, digest[:12])

    def add_asset(self, asset_id: str, image: str) -> None:
        """Remember an asset's id."""
        self.assets[asset_id] = image
        if not self.ids.add(asset_id, image, "id"):
            self.exact[asset_id] = placeholder(image, "id")


_seen = _Seen()


@dataclass(frozen=True, slots=True)
class RunPrompt:
    """The prompt of the run under way, as it is sent and as a cassette shows it, with what the placeholders
    stand for."""

    sent: str
    shown: str
    values: Mapping[str, str]
    folder: str


run_prompt: ContextVar[RunPrompt | None] = ContextVar("imagegen_nb_run_prompt", default=None)
"""Set by the run, for the requests that it makes."""


def note(asset_id: str, file_url: str, received: bytes) -> None:
    """Remember the values of an image that has just been stored, by the bytes that were `received`."""
    image = hashlib.sha256(received).hexdigest()[:12]
    path = unquote(urlsplit(file_url).path) if file_url.startswith("file:") else ""
    if blob := _BLOB.search(file_url):
        _seen.images[blob[1]] = image
        _seen.ids.add(blob[1], image, "sha256")
    if blob and path:
        _seen.folders.add(path[: path.rindex("/blobs/")])
    else:
        _seen.exact[file_url] = placeholder(image, "file_url")
        if path:
            _seen.exact[path] = placeholder(image, "path")
    _seen.add_asset(asset_id, image)


def begin(template: str, inputs: Mapping[str, Any], prompt: str, folder: str, run_id: str) -> str:
    """Tell the requests of this task how a cassette shows the `prompt`, and return it.

    `inputs` are the plain data that filled the `template`, and `folder` is the store's, empty for none.
    """
    values: dict[str, str] = {}
    _seen.folders.add(folder)
    try:
        shown = variables.render(template, _shown(inputs, folder, values))
    except VariableError:  # longer than a text may be, with the placeholders
        shown = prompt
    shown = _in_text(shown, folder, values)
    used = {name: value for name, value in values.items() if name in shown}
    run_prompt.set(RunPrompt(prompt, shown, used, folder))
    _seen.ids.add(run_id, hashlib.sha256(shown.encode(errors="replace")).hexdigest()[:12], "run")
    return shown


@dataclass(frozen=True, slots=True)
class Shown:
    """A request's body as a cassette shows it; `values` are those behind its placeholders."""

    body: bytes
    values: Mapping[str, str] = field(default_factory=dict)

    def restored(self, answer: bytes) -> bytes:
        """`answer` with this request's values for its placeholders: it may repeat the prompt."""
        if MARK.encode() in answer:
            for name, value in self.values.items():
                answer = answer.replace(name.encode(), json.dumps(value)[1:-1].encode())
        return answer

    def hidden(self, answer: bytes) -> bytes:
        """`answer` with placeholders for the values of this request."""
        for name, value in self.values.items():
            # What is short may stand there by chance.
            for written in {value, json.dumps(value)[1:-1]} if len(value) >= _SHORTEST else ():
                answer = answer.replace(written.encode(), name.encode())
        return answer


def shown(body: bytes) -> Shown:
    """The `body` of a request that is being made, as a cassette shows it."""
    values: dict[str, str] = {}
    prompt = run_prompt.get()

    def of_text(text: str) -> str:
        if prompt is not None and prompt.sent != prompt.shown and _is_part(prompt.sent, text):
            text = text.replace(prompt.sent, prompt.shown)
            values.update(prompt.values)
        return _in_text(text, prompt.folder if prompt else "", values)

    return Shown(_with_strings(body, of_text), values)


def as_compared(body: bytes) -> bytes:
    """The `body` of a recording for comparing: older cassettes hold the addresses of local images."""
    return _with_strings(body, _addresses_shown)


def _is_part(value: str, text: str) -> bool:
    """Whether `text` is `value`, or has it in it other than by chance."""
    return text == value or (len(value) >= _SHORTEST and value in text)


def _shown(data: Any, folder: str, values: dict[str, str]) -> Any:
    """A copy of plain data with placeholders for what its assets and errors do not share with other runs."""
    if isinstance(data, list):
        return [_shown(item, folder, values) for item in data]
    if not isinstance(data, Mapping):
        return data
    copy = {key: _shown(value, folder, values) for key, value in data.items()}
    if data.keys() >= _ASSET_KEYS and (image := _image_of(data)):
        for key in filter(data.__contains__, _OF_ONE_RUN):
            copy[key] = placeholder(image, key)
            values.setdefault(copy[key], str(data[key]))
        if str(data["id"]) not in _seen.assets:
            _seen.ids.add(str(data["id"]), image, "id")
    elif data.keys() >= _ERROR_KEYS and folder and isinstance(data["message"], str):
        copy["message"] = data["message"].replace(folder, _STORE)
        values.setdefault(_STORE, folder)
    return copy


def _image_of(asset: Mapping[str, Any]) -> str:
    """The image that an asset's record stands for; empty where its values are the same everywhere."""
    asset_id, address = str(asset["id"]), str(asset["file_url"])
    if asset_id in _seen.assets:
        return _seen.assets[asset_id]
    if blob := _BLOB.search(address):
        return _seen.image_of(blob[1])
    if asset_id in address or address.startswith("file:"):
        facts = repr([asset[key] for key in ("file_name", "file_size", "file_type")])
        return hashlib.sha256(facts.encode(errors="replace")).hexdigest()[:12]
    return ""


def _with_strings(body: bytes, change: Callable[[str], str]) -> bytes:
    """`body` with each string of its JSON changed; the same bytes where none is."""
    try:
        text = body.decode()
        document = bounded(json.loads(text))
    except (ValueError, RecursionError):
        return body
    changed = _mapped(document, change)
    if changed == document:
        return body
    written = bodies.to_document(text)
    style = written["written"] if isinstance(written, dict) else "compact"
    return bodies.to_text({"json": changed, "written": style}).encode()


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    return [_mapped(item, change) for item in value] if isinstance(value, list) else value


def _in_text(text: str, folder: str, values: dict[str, str]) -> str:
    """`text` with placeholders for the values that this process has seen; they are added to `values`.

    `folder` is that of the run's own store.
    """
    for change in (
        lambda part: _exact_shown(part, values),
        lambda part: _seen.folders.files_shown(part, _seen.image_of, values),
        lambda part: _seen.folders.shown(part, folder, values),
        lambda part: _seen.ids.shown(part, values),
    ):
        text = outside_placeholders(text, change)
    return text


def _exact_shown(text: str, values: dict[str, str]) -> str:
    """`text` with placeholders for the addresses of other stores, and for their ids."""
    for value, name in list(_seen.exact.items()):
        if len(value) >= _SHORTEST and value in text:
            whole = rf"(?<![0-9A-Za-z]){re.escape(value)}(?![0-9A-Za-z])"
            text, count = re.subn(whole, name, text)
            if count:
                values.setdefault(name, value)
    return text


def _addresses_shown(text: str) -> str:
    """`text` with placeholders for the addresses of a local store's files, whoever made them."""
    parts: list[str] = []
    end = 0
    for start, match in _addresses(text):
        parts += [text[end:start], placeholder(match[1][:12], "file_url")]
        end = match.end()
    return "".join([*parts, text[end:]])


def _addresses(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Where each address of a local store's file begins, and its end from `/blobs/` on."""
    end = 0
    for match in _BLOB.finditer(text):
        start = text.rfind("file://", max(end, match.start() - _LONGEST_ADDRESS), match.start())
        if start >= 0 and not _BREAKS_ADDRESS.search(text, start, match.start()):
            end = match.end()
            yield start, match
