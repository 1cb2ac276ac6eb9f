"""One recorded call, as plain data: what was asked, what came back, and how the answer ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from imagegen_nb.core.redaction import redact

CUT = "cut"
"""The end of an answer that its reader left before it was over."""

Side = Literal["request", "answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A request and its answer. `call` tells identical requests of one run apart.

    `status` 0 means that no answer came. `ended` is empty for a whole answer, `CUT` for one its reader
    left early, else the name of the HTTP client's error that ended it; `sent` is False where that error
    came before the request had left.
    """

    method: str
    url: str
    call: str
    request: bytes = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: bytes = field(default=b"", repr=False)
    ended: str = ""
    sent: bool = True

    @property
    def order(self) -> tuple[str, ...]:
        """Where it stands in the file: by method, host, path, call and body, so that files compare well."""
        parts = urlsplit(self.url)
        return self.method, parts.netloc, parts.path, self.call.zfill(4), self.request.decode("latin-1")

    def __str__(self) -> str:
        return redact(f"{self.method} {self.url}, model {self.model or 'unknown'}, call {self.call}")

    @property
    def asked(self) -> dict[str, Any]:
        """The request's JSON object; empty when it is none."""
        return json_object(self.request)

    @property
    def model(self) -> str:
        """The model asked, from the body or the path."""
        named = self.asked.get("model") or urlsplit(self.url).path.rpartition("/models/")[2].partition(":")[0]
        return str(named)

    @property
    def streamed(self) -> bool:
        """Whether the answer is a stream of events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")


def json_object(body: bytes) -> dict[str, Any]:
    """`body` as a JSON object; empty when it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
