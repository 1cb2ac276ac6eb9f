"""A cell's outputs as nbval compares them: what the cell shows in the end, without what no two runs share.

nbval compares what a kernel sends, message by message. A display that was updated, output that was cleared
and what an Output widget took in would all count. So nbclient, which also wrote the recorded outputs, first
makes final outputs of the messages (`CellMessages`). Of these, pictures are compared by their pixels, and
text without times, ids and addresses (`comparable`, `SANITIZE`).
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from imagegen_nb.notebooks.execute import disable_output_sync

_Message = dict[str, Any]
_PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")
_ERRORS = ("RecordingMissing: ", "ReplayError: ")

_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"

_TEMPORARY = "(?:/private)?/(?:tmp|var/folders)/"
_ROOTS = "(?:home|Users|srv|opt|mnt|workspaces?|builds)"
_BEFORE_PATH = r"(?<=[\s'\"(\[=>`:,])"
_ENDS_PATH = r"(?=[\s'\"<>`:,)\]]|$)"
_WORD = r"[^/\s'\"<>`]+"
_PLAIN = r"[^/\s'\"<>`.,:;()\[\]]+"
_SPACED = f"(?: {_PLAIN})+"
_NAME = f"(?:{_WORD}|{_PLAIN}{_SPACED})"
"""A folder's name. With a space it holds nothing that ends a part of a sentence."""

SANITIZE = {
    # The bytes of a thumbnail depend on who encodes it; what it shows comes out of the cassette.
    r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=]+": "DATA-URL",
    r"file://[^\s'\"<>)\]]*/": "FILE-URL/",
    # A name may hold spaces where a quote, a tag or the line's beginning tells where its path begins.
    rf"(?m)(?:(?<=['\"`>])|^){_TEMPORARY}(?:{_NAME}/)*(?:{_WORD}$|{_NAME}(?=['\"`<]))": "TEMPORARY",
    rf"{_TEMPORARY}[^\s'\"<>)\],:`]+": "TEMPORARY",
    # Where the folders of people and projects lie, a last name without a dot is a folder's.
    rf"(?m)(?:{_BEFORE_PATH}|^)/(?:root|{_ROOTS}(?:/{_PLAIN})+){_ENDS_PATH}(?!{_SPACED}/)": "FOLDER/",
    rf"(?m)(?:(?<=['\"`>])|^)/(?:{_NAME}/)+": "FOLDER/",
    rf"(?m)(?:{_BEFORE_PATH}|^)/(?:{_WORD}/)+": "FOLDER/",
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


def skipped_kinds(skipped_by_nbval: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of output that are not compared: nbval's own without pictures, and standard error."""
    return (*(kind for kind in skipped_by_nbval if kind not in _PICTURES), "stderr")


def comparable(output: Any) -> None:
    """Change an output in place: a picture becomes a line about it, and a replay's error loses its trace."""
    data = output.get("data", {})
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
    size, content = _pixels(encoded) if kind == "image/png" else ("", b"")
    return f"{kind} {size}sha256 {hashlib.sha256(content or encoded).hexdigest()[:32]}"


def _pixels(encoded: bytes) -> tuple[str, bytes]:
    """A PNG's size as text, and its pixels: another version of zlib packs the same pixels differently."""
    from PIL import Image

    try:
        with Image.open(BytesIO(encoded), formats=["PNG"]) as picture:
            pixels = picture.tobytes()
            facts = (picture.mode, picture.size, picture.getpalette(), picture.info.get("transparency"))
            return f"{picture.width}x{picture.height} ", repr(facts).encode() + pixels
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "", b""


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
