"""A cell's outputs as nbval compares them: what the cell shows in the end, without what no two runs share.

nbval compares what a kernel sends, message by message. A display that was updated, output that was cleared
and what an Output widget took in would all count. So nbclient, which also wrote the recorded outputs, first
makes final outputs of the messages (`CellMessages`). Of these, pictures are compared by their pixels, and
text without times, ids and addresses (`comparable`, `SANITIZE`).
"""

from __future__ import annotations

import binascii
import hashlib
import os
import re
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from imagegen_nb.core.html_repr import SHOWN_FIRST
from imagegen_nb.notebooks.execute import disable_output_sync

_Message = dict[str, Any]
_PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")
_ERRORS = ("RecordingMissing: ", "ReplayError: ")

_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NO_ROUTE = "".join(f"(?<!{method} )" for method in _METHODS)
"""What follows a method of HTTP is an address, whatever it begins with."""
_TEMPORARY = rf"(?=/){_NO_ROUTE}(?<![\w.)-])(?:/private)?/(?:tmp|var/folders)/"
_PROJECTS = ("home", "Users", "srv", "opt", "mnt", "workspace", "workspaces", "builds")
_OTHER_TOPS = (
    *("root", "tmp", "var", "private", "usr", "etc", "lib", "lib64", "bin", "run", "media", "Volumes"),
    *("data", "work", "app", "code", "src", "scratch", "project", "projects", "content", "kaggle", "nix"),
    *("github", "__w"),
)


def _tops() -> str:
    """The folders at a machine's root: the usual ones, and those that this machine has.

    Any other `/name/` may be the route of a web server, whose differences count.
    """
    here = (Path.cwd(), Path.home(), Path(gettempdir()))
    names = {*_PROJECTS, *_OTHER_TOPS, *(path.parts[1] for path in here if len(path.parts) > 1)}
    with suppress(OSError):
        names |= {entry.name for entry in os.scandir("/") if entry.is_dir()}
    return f"(?:{'|'.join(sorted(map(re.escape, names), key=len, reverse=True))})"


_ROOTS = f"(?:{'|'.join(_PROJECTS)})"
_AT = "(?=/)"
"""Looked at before all else: several times faster in large texts."""
_BEFORE_PATH = r"(?<=[\s'\"(\[=>`:,])"
_BEGINS_PATH = f"{_AT}(?:{_BEFORE_PATH}|^){_NO_ROUTE}"
_ENDS_PATH = r"(?=[\s'\"<>`:,)\]]|$)"
_WORD = r"[^/\s'\"<>`]+"
_PLAIN = r"[^/\s'\"<>`.,:;()\[\]]+"
_SPACED = f"(?: {_PLAIN})+"
_NAME = f"(?:{_WORD}|{_PLAIN}{_SPACED})"
"""A folder's name. With a space it holds nothing that ends a part of a sentence."""
_TITLE = rf"{_PLAIN}(?: (?:[A-Z0-9(&]|- )[^/\s'\"<>`,:;]*)*"
"""A folder's name whose further words begin like those of a title: in a sentence few do."""
_FOLDER = rf"(?:/{_TITLE}(?=/))*(?:/{_TITLE}$|/{_PLAIN}{_ENDS_PATH}(?!{_SPACED}/))"
"""The rest of a path whose last name is a folder's. Where the line ends, that may hold spaces too."""

_TOPS = _tops()

SANITIZE = {
    # The bytes of a thumbnail depend on who encodes it; what it shows comes out of the cassette.
    r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=]+": "DATA-URL",
    # Whether a picture opens a larger one is a matter of how many bytes the encoder made.
    r"<style>[^<]*\.ig-larger[^<]*</style>": "",
    r"<details class=.ig-larger.[^>]*><summary[^>]*>(<img [^>]*>)</summary><img [^>]*></details>": r"\1<br>",
    r"file://[^\s'\"<>)\]]*/": "FILE-URL/",
    # A name may hold spaces where a quote, a tag or the line's beginning tells where its path begins.
    rf"(?m)(?:(?<=['\"`>])|^){_TEMPORARY}(?:{_NAME}/)*(?:{_WORD}$|{_NAME}(?=['\"`<]))": "TEMPORARY",
    rf"{_TEMPORARY}[^\s'\"<>)\],:`]+": "TEMPORARY",
    # Where the folders of people and projects lie, a last name without a dot is a folder's.
    rf"(?m){_BEGINS_PATH}/(?:root(?:{_FOLDER}|{_ENDS_PATH})|{_ROOTS}{_FOLDER})": "FOLDER/",
    rf"(?m){_AT}(?:(?<=['\"`>])|^){_NO_ROUTE}/{_TOPS}/(?:{_NAME}/)*": "FOLDER/",
    rf"(?m){_BEGINS_PATH}/{_TOPS}/(?:{_WORD}/)*": "FOLDER/",
    # UUIDs, also with underscores (itables) or in one piece behind a name (folium, Altair).
    r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}([-_])(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])": "ID",
    r"(?<=[0-9A-Za-z][-_])[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}(?![0-9A-Za-z])": "ID",
    # The tables of pandas' Styler, links of rich in a terminal, and what matplotlib's SVG refers to.
    r"(?<![0-9A-Za-z_])T_[0-9a-f]{5,32}(?![0-9A-Za-z])": "T_ID",
    r"\]8;id=[0-9-]+;": "]8;id=ID;",
    r"(?<=[#\"'])(?:[a-z]|image\d*|C[0-9a-f]+_[0-9a-f]+_)[0-9a-f]{10}(?=[\"')])": "ID",
    r"\b0x[0-9a-fA-F]{6,}\b": "ADDRESS",
    rf"\b{_DAY}, \d\d? {_MONTH} \d{{4}} \d\d:\d\d:\d\d(?: GMT\b| UTC\b| [+-]\d{{4}}\b)?": "TIME",
    rf"\b{_DAY} {_MONTH} [ \d]?\d \d\d:\d\d:\d\d(?: [A-Z]{{3,4}})? \d{{4}}\b": "TIME",
    r"\b\d{8}T\d{6}(?:\.\d+)?Z?\b": "TIME",
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?Z\b| ?[+-]\d\d:?\d\d\b)?": "TIME",
    r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b": "TIME",
    r"(?m)^(?:CPU times|Wall time): .*$": "DURATION",
    r"\b\d+\.\d+ ?(?:s|sec|secs|seconds)\b": "DURATION",
    r"\b\d+(?:\.\d+)? ?(?:ns|[µμu]s|ms)\b": "DURATION",
    r"(\b127\.0\.0\.1|\blocalhost|\[::1\]):\d+": r"\1:PORT",
}
"""What nbval replaces before it compares, as it reads from a file of `--nbval-sanitize-with`."""


def own_folders(notebook: Path) -> dict[str, str]:
    """What nbval replaces as well: folders of this machine whose names hold spaces, wherever they stand."""
    folders = {notebook.parent, notebook.parent.resolve(), Path.cwd(), Path.home()}
    spaced = sorted((str(folder) for folder in folders if " " in str(folder)), key=len, reverse=True)
    return {rf"{re.escape(folder)}(?:/(?:{_WORD}/)*|{_ENDS_PATH})": "FOLDER/" for folder in spaced}


def skipped_kinds(skipped_by_nbval: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of output that are not compared: nbval's own without pictures, and standard error."""
    return (*(kind for kind in skipped_by_nbval if kind not in _PICTURES), "stderr")


def comparable(output: Any) -> None:
    """Change an output in place: a picture becomes a line about it, a replay's error loses its trace, and
    what stands below a widget is as its cell first showed it."""
    data = output.get("data", {})
    metadata = output.get("metadata", {})
    if SHOWN_FIRST in metadata:
        shown_first = metadata[SHOWN_FIRST]
        output["data"] = {"text/plain": data["text/plain"] if shown_first is None else shown_first}
        return
    for kind in [kind for kind in _PICTURES if kind in data]:
        if kind != "image/png" and "image/png" in data:
            del data[kind]  # IPython's lossy twin: it shows nothing more, and its bytes depend on the encoder
        else:
            data[kind] = _described(kind, data[kind])
    message = f"{output.get('ename')}: {output.get('evalue')}"
    if replay_failed(message):
        output["traceback"] = [message]


def replay_failed(traceback: str) -> bool:
    """Whether a cell's error, as `comparable` leaves it, is that of a replay and not of the notebook."""
    return traceback.lstrip().startswith(_ERRORS)


def _described(kind: str, picture: Any) -> str:
    """A picture as a line of text; what is no picture stays as it is."""
    try:
        encoded = b64decode("".join(picture).replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return str(picture)
    size, digest = _pixels(encoded) if kind == "image/png" else ("", "")
    return f"{kind} {size}sha256 {(digest or hashlib.sha256(encoded).hexdigest())[:32]}"


def _pixels(encoded: bytes) -> tuple[str, str]:
    """A PNG's size as text, and its pixels' hash: another version of zlib packs the same pixels differently.

    Of an animation, every frame counts, how long it is shown, and how often.
    """
    from PIL import Image

    try:
        with Image.open(BytesIO(encoded), formats=["PNG"]) as picture:
            frames = getattr(picture, "n_frames", 1)
            said = picture.info
            digest = hashlib.sha256()
            for frame in range(frames):
                picture.seek(frame)
                pixels = picture.tobytes()
                facts: tuple[Any, ...] = (picture.mode, picture.size, picture.getpalette())
                facts += (picture.info.get("transparency"),)
                if frames > 1:
                    facts += (said.get("loop"), said.get("default_image"), picture.info.get("duration"))
                digest.update(repr(facts).encode() + pixels)
            animated = f"{frames} frames " if frames > 1 else ""
            return f"{picture.width}x{picture.height} {animated}", digest.hexdigest()
    except (OSError, EOFError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "", ""


class CellMessages:
    """Reads a kernel's messages through `receive`, and gives of each cell its final outputs instead.

    `receive(channel, timeout=seconds)` gives the next message, as does `get_message`. `change` may alter each
    final output. Raises ImportError without nbclient.
    """

    def __init__(self, receive: Callable[..., _Message], change: Callable[[Any], None]) -> None:
        from nbclient import NotebookClient
        from nbformat import v4

        self._receive = receive
        self._change = change
        self._ready = deque[_Message]()
        self._new_cell: Callable[[], Any] = v4.new_code_cell
        self._client = NotebookClient(v4.new_notebook())  # type: ignore[no-untyped-call]
        disable_output_sync(self._client)

    def get_message(self, stream: str, timeout: float | None = None) -> _Message:
        """The next message of a channel. Raises `queue.Empty` after `timeout` seconds without one."""
        if stream != "iopub":
            return self._receive(stream, timeout=timeout)
        if not self._ready:
            message = self._receive(stream, timeout=timeout)
            self._ready.append(message)
            if message["msg_type"] == "execute_input":
                self._ready.extend(self._rest_of_cell(message["parent_header"], timeout))
        return self._ready.popleft()

    def _rest_of_cell(self, request: _Message, timeout: float | None) -> Iterator[_Message]:
        """The final outputs of the cell that `request` runs, each as a message, then that of its end."""
        cells = self._client.nb.cells
        cells.append(self._new_cell())
        self._client.clear_before_next_output = False
        while True:
            message = self._receive("iopub", timeout=timeout)
            if message["parent_header"].get("msg_id") != request["msg_id"]:
                continue
            if message["msg_type"] == "status":
                break
            self._client.process_message(message, cells[-1], len(cells) - 1)
        for output in cells[-1].outputs:
            self._change(output)
            yield {"msg_type": output.output_type, "parent_header": request, "content": output}
        yield message
