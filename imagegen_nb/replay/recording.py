"""One recorded call, as plain data: what was asked, what came back, how the answer ended, what it used."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from imagegen_nb.core.redaction import redact
from imagegen_nb.core.types import Usage

CUT = "cut"
"""The end of an answer whose reader left before it was complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A request and its answer. `call` numbers the calls of one run, to tell identical requests apart.

    `status` 0 means that no answer came. `ended` is empty for a complete answer, `CUT` for one its reader
    left early, else the name of the HTTP client's error that ended it; `sent` is False where that error
    came before the request had left.
    """

    method: str
    url: str
    call: str
    request_body: bytes = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    response_body: bytes = field(default=b"", repr=False)
    ended: str = ""
    sent: bool = True

    @property
    def sort_key(self) -> tuple[str, ...]:
        """Orders the file by method, host, path, call and body, so that two recordings compare well."""
        parts = urlsplit(self.url)
        return self.method, parts.netloc, parts.path, self.call.zfill(4), self.request_body.decode("latin-1")

    def __str__(self) -> str:
        return redact(f"{self.method} {self.url}, model {self.model or 'unknown'}, call {self.call}")

    @property
    def request_json(self) -> dict[str, Any]:
        """The request's JSON object; empty when its body is none."""
        return _json_object(self.request_body)

    @property
    def model(self) -> str:
        """The requested model, from the body or the path."""
        in_path = urlsplit(self.url).path.rpartition("/models/")[2].partition(":")[0]
        return str(self.request_json.get("model") or in_path)

    @property
    def streamed(self) -> bool:
        """Whether the answer is a stream of events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")


def _json_object(body: bytes) -> dict[str, Any]:
    """`body` as a JSON object; empty when it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def usage_of(recordings: Iterable[Recording]) -> Usage:
    """The tokens, and the price where a provider reports it, of all `recordings`."""
    return sum((_usage(report) for recording in recordings for report in _reports(recording)), Usage())


def _reports(recording: Recording) -> Iterator[Mapping[str, Any]]:
    """The provider's own usage reports in one answer; in a stream any event may carry one."""
    documents = [recording.response_body]
    if recording.streamed:
        lines = recording.response_body.splitlines()
        documents = [line.removeprefix(b"data:") for line in lines if line.startswith(b"data:")]
    for document in map(_json_object, documents):
        report = document.get("usage") or document.get("usageMetadata")
        if isinstance(report, dict):
            yield report


def _usage(report: Mapping[str, Any]) -> Usage:
    total = report.get("total_tokens", report.get("totalTokenCount"))
    ticks = report.get("cost_in_usd_ticks")
    return Usage(
        total=total if isinstance(total, int) else None,
        cost_in_usd_ticks=ticks if isinstance(ticks, int) else None,
    )
