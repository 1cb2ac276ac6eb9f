"""What an answer that brings no image says for itself, whatever stands between here and the provider.

Providers, gateways, frameworks and firewalls each have a shape of their own for errors. What a person can
read is taken out of any of them.
"""

from __future__ import annotations

import encodings.utf_8_sig  # noqa: F401 - or it is read with the first answer, when no file may be left
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from imagegen_nb.core.json_walk import bounded

_LARGEST = 64 * 1024
"""Bytes of an answer that is read as an error; images are larger."""
_DEEPEST = 4
_INNER = ("error", "errors", "fault", "detail", "details")
_OUTER = ("message", "Message", "msg", "error_message", "errorMessage", "error_description", "faultstring")
_LAST = ("description", "reason", "title")
_BESIDE = (
    *("code", "status", "statusCode", "type", "param", "success", "ok", "result", "messages", "usage"),
    *("request_id", "requestId", "trace_id", "traceId", "instance", "timestamp", "path"),
)
_ERROR_KEYS = frozenset((*_INNER, *_OUTER, *_LAST, *_BESIDE))
"""What answers consist of that are nothing but an error."""
_TITLE = re.compile(rb"<(title|h1|message)[^>]*>(.*?)</\1\s*>", re.IGNORECASE | re.DOTALL)
_LONGEST_HEAD = 4_000
_LONGEST_TITLE = 120
_LONGEST_NAME = 40
"""Characters of a value that is only a name; the smallest image in base64 has more."""


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """`text` is what the answer says, empty for none; `code` its own name for it; `page` that it is HTML or
    XML, whose title `text` is then."""

    text: str = ""
    code: str = ""
    page: bool = False
    readable: bool = False
    """Whether it was JSON that says something: written by an API, not by what stands before one."""


def read(body: bytes) -> ErrorWords:
    """The words of an answer's body."""
    start = body[:_LARGEST].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<":
        found = _TITLE.search(start[:_LONGEST_HEAD])  # what is searched again and again has to be short
        import html  # deferred: its table of names is long, and an answer is seldom a page

        title = html.unescape(found[2].decode(errors="replace")) if found else ""
        return ErrorWords(" ".join(re.sub("<[^>]*>", " ", title).split())[:_LONGEST_TITLE], page=True)
    answer = _json(body)
    if answer is None:
        plain = start[:2_000].decode(errors="replace").strip()
        return ErrorWords(" ".join(plain.split()) if start[:1] not in (b"{", b"[") else "")
    text = _words(answer, 0)
    return ErrorWords(text, _code(answer), readable=bool(text))


def is_error(body: bytes) -> bool:
    """Whether a body that came as a success says nothing but that something went wrong."""
    if len(body) > _LARGEST or body.lstrip()[:1] not in (b"{", b"["):
        return False
    answer = _json(body)
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, dict) or not _words(answer, 0):
        return False
    if any(_brings_something(value) for name, value in answer.items() if name not in _ERROR_KEYS):
        return False
    return bool(answer.get("error") or answer.get("errors")) or set(answer) <= _ERROR_KEYS


def _brings_something(value: object) -> bool:
    """Whether a value may be what was asked for: an image that was paid for is never taken for an error."""
    return bool(value) and (isinstance(value, list | dict) or len(str(value)) > _LONGEST_NAME)


def _json(body: bytes) -> Any:
    """The body as JSON, read leniently: a flaw in an error's form should not hide what it says."""
    if len(body) > _LARGEST:
        return None
    try:
        return bounded(json.loads(body.decode("utf-8-sig", errors="replace"), strict=False))
    except (ValueError, RecursionError):
        return None


def _words(value: object, depth: int) -> str:
    """What a person can read of an error, from the inside out."""
    if isinstance(value, str):
        return " ".join(value.encode(errors="replace").decode().split())
    if depth > _DEEPEST:
        return ""
    if isinstance(value, list):
        return "; ".join(dict.fromkeys(filter(None, (_item(item, depth) for item in value[:10]))))
    return _object_words(value, depth) if isinstance(value, dict) else ""


def _object_words(value: dict[str, Any], depth: int) -> str:
    title = value.get("title")
    for name in (*_OUTER, *_INNER, *_LAST):
        if words := _words(value.get(name), depth + 1):
            # RFC 9457: the title names the kind of problem, the detail this one.
            named = name == "detail" and isinstance(title, str) and title.strip()
            return f"{title.strip()}: {words}" if named and isinstance(title, str) else words
    code = value.get("code") or value.get("type")
    return code if isinstance(code, str) and depth else ""


def _item(item: object, depth: int) -> str:
    """One error of a list; FastAPI says where in the request each of them is."""
    words = _words(item, depth + 1)
    place = item.get("loc") if isinstance(item, dict) else None
    if words and isinstance(place, list) and place:
        return f"{'.'.join(str(part) for part in place)}: {words}"
    return words


def _code(answer: object) -> str:
    """The answer's own short name for the error, where it has one that is not just the status."""
    for level in _levels(answer):
        code = level.get("code")
        if isinstance(code, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_.:-]{1,60}", code):
            return code
    return ""


def _levels(answer: object) -> Iterator[dict[str, Any]]:
    """An error's objects, the innermost first."""
    if isinstance(answer, list):
        answer = answer[0] if answer else None
    if isinstance(answer, dict):
        yield from _levels(answer.get("error"))
        yield answer
