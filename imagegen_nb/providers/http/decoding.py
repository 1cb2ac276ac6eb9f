"""Decodes answers as they come, not only as they should: JSON and base64.

An image that has arrived is paid for, so a flaw around it must not cost it. What is read all the same comes
with words about the flaw, for the run's warnings. Nothing is fetched: a `data:` address holds its bytes.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any
from urllib.parse import unquote

import jiter
import pybase64

from imagegen_nb.core.json_walk import walk

EVENT_STREAM = "text/event-stream"
WHITE_SPACE = b" \t\r\n"
"""What may stand before the first byte of JSON or of a stream."""
_EVENT_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""How the first line of an event stream can begin."""
_INVALID_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|)')
NO_END = "its end is missing"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_URL_SAFE = str.maketrans("-_", "+/")
_MOST_DOCUMENTS = 10_000
"""Documents in one body; a stream of previews has a few dozen."""


def base64_bytes(text: object) -> bytes | None:
    """The bytes of base64 `text`, None where it is not base64.

    Taken as well: the prefix of a `data:` address, white space, missing or doubled padding, and the URL-safe
    alphabet. Anything else makes it invalid: guessing would give damaged bytes.
    """
    if not isinstance(text, str) or not text:
        return None
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        pass
    if is_data_url(text):
        header, comma, text = text.strip().partition(",")
        if not comma or not header.lower().endswith(";base64"):
            return None
        text = unquote(text) if "%" in text else text
    text = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
    try:
        return pybase64.b64decode(text + "=" * (-len(text) % 4), validate=True) if text else None
    except ValueError:
        return None


def is_data_url(text: object) -> bool:
    """Whether `text` is a `data:` address, which holds its bytes itself."""
    return isinstance(text, str) and text[:64].lstrip()[:5].lower() == "data:"


def is_event_stream(body: bytes, media_type: str = "") -> bool:
    """Whether an answer is a stream of events, by its declared type or its first line."""
    start = body[:64].removeprefix(codecs.BOM_UTF8).lstrip(WHITE_SPACE)
    return media_type.lower().startswith(EVENT_STREAM) or start.startswith(_EVENT_FIELDS)


def json_documents(body: bytes) -> tuple[list[Any], list[str]]:
    """The JSON values in `body`, usually one, and what was wrong with it.

    Read in spite of it: a byte order mark, bytes that are not UTF-8, control characters, lone surrogates,
    NaN, invalid escapes, text around the value, several values in a row, and a missing end. Raises ValueError
    where there is no JSON at all.
    """
    try:
        return [jiter.from_json(body, allow_inf_nan=False)], []
    except ValueError:
        pass
    text, flaws = _decode_text(body)
    if not text.strip() or text.lstrip().startswith("<"):
        raise ValueError("not JSON")
    values = _decode_values(text, flaws)
    documents = [_clean(value, flaws) for value in values]
    return documents, list(dict.fromkeys(flaws)) or ["a control character in a text"]


def _decode_text(body: bytes) -> tuple[str, list[str]]:
    flaws = []
    encoding = json.detect_encoding(body)
    text = body.decode(encoding, errors="replace")
    if encoding != "utf-8":
        flaws.append("a byte order mark" if encoding == "utf-8-sig" else f"the encoding {encoding}")
    if "\ufffd" in text and "\ufffd".encode() not in body:
        flaws.append("bytes that are not UTF-8")
    return text, flaws


def _decode_values(text: str, flaws: list[str]) -> list[Any]:
    decoder = json.JSONDecoder(strict=False, parse_constant=flaws.append, parse_int=_parse_int)
    values: list[Any] = []
    position = 0
    while len(values) < _MOST_DOCUMENTS:
        start = _next_value(text, position)
        if start < 0:
            break
        if text[position:start].strip(" \t\r\n,"):
            flaws.append("text beside the JSON")
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            mended = _INVALID_ESCAPE.sub(_mend_escape, text[start:])
            if mended != text[start:]:
                flaws.append("an invalid escape")
                text, position = mended, 0
                continue
            values += _decode_beginning(text[start:], flaws)
            break
        values.append(value)
    else:
        flaws.append("too many JSON values")
    if not values:
        raise ValueError("not JSON")
    if position and text[position:].strip():
        flaws.append("text beside the JSON")
    if len(values) > 1:
        flaws.append("several JSON values in a row")
    return values


def _next_value(text: str, position: int) -> int:
    """Where the next object or array begins; -1 for nowhere."""
    starts = [start for start in (text.find("{", position), text.find("[", position)) if start >= 0]
    return min(starts, default=-1)


def _mend_escape(escape: re.Match[str]) -> str:
    return escape[0] if escape[1] else r"\\"


def _parse_int(digits: str) -> int | None:
    """A number; None for one that Python refuses to read because it would take too long."""
    return int(digits) if len(digits) < 1_000 else None


def _decode_beginning(text: str, flaws: list[str]) -> list[Any]:
    """What stands complete in a value whose end is missing; nothing where it is broken before."""
    try:
        value = jiter.from_json(text.encode("utf-8", "replace"), partial_mode=True)
    except ValueError:
        return []
    flaws.append(NO_END)
    return [value]


def _clean(document: Any, flaws: list[str]) -> Any:
    """`document` without lone surrogates, which no UTF-8 text, file or terminal can hold."""

    def cleaned(text: str) -> str:
        if text.isascii():
            return text
        mended = _SURROGATE.sub("\ufffd", text)
        if mended != text:
            flaws.append("a lone surrogate")
        return mended

    for node in walk(document):
        value = node.value
        if isinstance(value, dict):
            mended = {
                cleaned(key): cleaned(inner) if isinstance(inner, str) else inner
                for key, inner in value.items()
            }
            value.clear()
            value.update(mended)
        elif isinstance(value, list):
            value[:] = [cleaned(inner) if isinstance(inner, str) else inner for inner in value]
    return document
