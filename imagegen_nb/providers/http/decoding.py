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

from imagegen_nb.core.json_walk import bounded, is_deep, walk

EVENT_STREAM = "text/event-stream"
WHITE_SPACE = b" \t\r\n"
"""What may stand before the first byte of JSON or of a stream."""
_EVENT_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""How the first line of an event stream can begin."""
_VALUE = re.compile(
    r"""\{(?=\s*(?:["'},]|/[/*]|[A-Za-z_$][\w$]*\s*:|\Z))"""
    r"""|\[(?=\s*(?:["'{\[\],0-9-]|/[/*]|(?:true|false|null|NaN)\b|\Z))"""
)
"""Where an object or an array may begin; a log's `[INFO]` or `{id}` is none."""
_BETWEEN = " \t\r\n,"
"""What may stand between values without a word about it."""
_PAGE = re.compile(r"(?i)<(?:!doctype|\?xml|html|head|body)\b")
_BEHIND_A_TAG = re.compile(r"[>\n]\s*[{\[]")
_LONGEST_NOTICE = 4_000
"""Characters in which a page says that it is one."""
BESIDE = "text beside the JSON"
NO_END = "its end is missing"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_URL_SAFE = str.maketrans("-_", "+/")
_MOST_DOCUMENTS = 10_000
"""Documents in one body; a stream of previews has a few dozen."""

_MOST_MENDINGS = 20
"""Values that are mended in one body: each may take a look through all of it."""

_HOLLOW = 100
"""Brackets within each other, and nothing in them, that no answer begins with."""


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


def data_url(data: bytes, media_type: str) -> str:
    """The `data:` address of a picture."""
    import pybase64

    return f"data:{media_type};base64,{pybase64.b64encode(data).decode('ascii')}"


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
    NaN, text around the value, several values in a row, a missing end, and what `json_mending` mends. Raises
    ValueError where there is no JSON at all.
    """
    try:
        return [jiter.from_json(body, allow_inf_nan=False)], []
    except ValueError:
        pass
    text, flaws = _decode_text(body)
    if not text.strip() or _is_page(text):
        raise ValueError("not JSON")
    values = _decode_values(text, flaws)
    documents = [_clean(value, flaws) for value in values]
    return documents, list(dict.fromkeys(flaws)) or ["a control character in a text"]


def _is_page(text: str) -> bool:
    """Whether `text` is HTML or XML to its end: a server's own notice may stand before an answer too."""
    start = text.lstrip()
    return start[:1] == "<" and (
        _PAGE.search(start, 0, _LONGEST_NOTICE) is not None or _BEHIND_A_TAG.search(text) is None
    )


def _decode_text(body: bytes) -> tuple[str, list[str]]:
    flaws = []
    encoding = json.detect_encoding(body)
    text = body.decode(encoding, errors="replace")
    if encoding not in ("utf-8", "utf-8-sig") and not {"{", '"'} <= set(text):
        # Zero bytes around a value look like a wider encoding, in which it would hardly have any of these.
        encoding, text = "utf-8", body.decode("utf-8", errors="replace")
    if encoding != "utf-8":
        flaws.append("a byte order mark" if encoding == "utf-8-sig" else f"the encoding {encoding}")
    if "\ufffd" in text and "\ufffd".encode() not in body:
        flaws.append("bytes that are not UTF-8")
    return text, flaws


def _decode_values(text: str, flaws: list[str]) -> list[Any]:
    """Every object and array in `text`, from the outside in; one that breaks as far as it can be read."""
    decoder = json.JSONDecoder(strict=False, parse_constant=flaws.append, parse_int=_parse_int)
    values: list[Any] = []
    broken: list[Any] = []
    position, mendings = 0, 0
    while len(values) < _MOST_DOCUMENTS and (begins := _VALUE.search(text, position)) is not None:
        start = begins.start()
        if text[position:start].strip(_BETWEEN):
            flaws.append(BESIDE)
        try:
            value, position = decoder.raw_decode(text, start)
            bounded(value)
        except RecursionError:
            break
        except ValueError:
            mendings += 1
            if mendings > _MOST_MENDINGS:
                break
            from imagegen_nb.providers.http.json_mending import mend  # deferred: seldom is an answer broken

            mended = mend(text, start)
            try:
                value = decoder.decode(mended.text)
            except (ValueError, RecursionError):
                position = max(mended.end, start + 1)
                continue
            if _is_hollow(value):
                break
            flaws += mended.flaws
            position = max(mended.end, start + 1)
            if not mended.complete:
                broken.append(value)
        values.append(value)
    else:
        if len(values) == _MOST_DOCUMENTS:
            flaws.append("too many JSON values")
    if not values:
        raise ValueError("not JSON")
    if not any(value is values[-1] for value in broken) and text[position:].strip():
        flaws.append(BESIDE)
    return _worth_reading(values, broken, flaws)


def _worth_reading(values: list[Any], broken: list[Any], flaws: list[str]) -> list[Any]:
    """`values` without the brackets of a log's line; adds what is to be told of them to `flaws`."""
    telling = [value for value in values if _holds_object(value)] or values
    if len(telling) < len(values):
        flaws.append(BESIDE)
    cut = [value for value in telling if any(value is each for each in broken)]
    flaws += [NO_END if value is values[-1] else "a damaged place" for value in cut]
    if len(telling) > 1:
        flaws.append("several JSON values in a row")
    return telling


def _holds_object(value: Any) -> bool:
    """Whether `value` is an answer or a list of them, and not empty."""
    return bool(value) and (isinstance(value, dict) or any(isinstance(item, dict) for item in value))


def _is_hollow(value: Any) -> bool:
    """Whether `value` is a deep nest with nothing in it, which is what is left of hostile text."""
    return is_deep(value, _HOLLOW) and all(isinstance(node.value, dict | list) for node in walk(value))


def _parse_int(digits: str) -> int | None:
    """A number; None for one that Python refuses to read because it would take too long."""
    return int(digits) if len(digits) < 1_000 else None


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
