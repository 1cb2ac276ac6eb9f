"""Google's batches of the Gemini API: a file of requests, a batch that carries them out, a file of answers.

Facts: guide "Batch API" and the SDK's `batches.py`, read 2026-11-28. Answers are asked for as a file: those
that come inline could be paid for and not be had (googleapis/python-genai#2519). A batch that has not ended
after 48 hours expires. Numbers of `batchStats` that are 0 are left out.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from imagegen_nb.core.types import BatchAnswer, BatchStatus, ImageRequest, ProviderEvent
from imagegen_nb.errors import ProviderError
from imagegen_nb.providers.base import Batches, Connection
from imagegen_nb.providers.http.grpc_status import HTTP_STATUS
from imagegen_nb.providers.http.json_calls import PAGE, ask, download, find_named
from imagegen_nb.providers.http.response import (
    ProviderResponse,
    mapping,
    mappings,
    read_text,
    redacted,
    safe_name,
    whole_number,
)

if TYPE_CHECKING:
    from imagegen_nb.providers.http.client import ProviderClient

_VERSION = "v1beta"
_ENDED = ("SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")
_EXPIRES_AFTER = timedelta(hours=48)
_UPLOAD_URL = "x-goog-upload-url"
_OK = 200


@dataclass(frozen=True, slots=True)
class GeminiBatches(Batches):
    """Batches of image requests. What they share with single requests is handed in: `body` makes a request's
    body, `read` the events of the answer to one of a run's requests, by its number, `error` the error of a
    refusal."""

    body: Callable[[ImageRequest], dict[str, Any]]
    read: Callable[[ProviderResponse, ImageRequest, int], list[ProviderEvent]]
    error: Callable[[ProviderResponse, Connection], ProviderError]
    most_lines: ClassVar[int] = 50_000
    largest_file: ClassVar[int] = 2_000_000_000

    def lines(self, key: str, request: ImageRequest) -> list[bytes]:
        """A line for each image of a run."""
        body = self.body(request)
        lines = ({"key": f"{key}/{number}", "request": body} for number in range(request.count))
        return [json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() for line in lines]

    async def upload(self, lines: Sequence[bytes], name: str, connection: Connection) -> str:
        """Send the file, after asking where to."""
        content = b"\n".join(lines) + b"\n"
        start = {
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": str(len(content)),
            "x-goog-upload-header-content-type": "application/jsonl",
        }
        begun = await self._ask(
            connection,
            lambda client, headers: client.http.post(
                f"{connection.base_url}/upload/{_VERSION}/files",
                json={"file": {"displayName": name}},
                headers=headers | start,
            ),
        )
        if not (address := begun.headers.get(_UPLOAD_URL)):
            raise begun.invalid("answered without saying where to send the file", charge="none")
        end = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
        end["content-type"] = "application/jsonl"
        sent = await self._ask(
            connection,
            lambda client, headers: client.http.post(address, content=content, headers=headers | end),
        )
        return safe_name(mapping(sent.json().get("file")).get("name")) or ""

    async def create(self, file: str, name: str, model: str, connection: Connection) -> BatchStatus:
        """Create the batch, with its name as the one that is displayed."""
        body = {"batch": {"displayName": name, "inputConfig": {"fileName": file}}}
        answer = await self._ask(
            connection,
            lambda client, headers: client.http.post(
                f"{connection.base_url}/{_VERSION}/models/{model}:batchGenerateContent",
                json=body,
                headers=headers,
            ),
        )
        return _status(answer.json(), connection)

    async def find(self, names: Collection[str], connection: Connection) -> dict[str, BatchStatus]:
        """Look through the list of batches for those with these names."""

        async def page(token: str) -> tuple[list[BatchStatus], str]:
            query = f"?pageSize={PAGE}" + (f"&pageToken={token}" if token else "")
            answer = (await self._get(f"{_VERSION}/batches{query}", connection)).json()
            told = [_status(one, connection) for one in mappings(answer.get("operations"))]
            return told, safe_name(answer.get("nextPageToken")) or ""

        return await find_named(names, page)

    async def look(self, batch: str, connection: Connection) -> BatchStatus:
        """Ask for the batch."""
        return _status((await self._get(f"{_VERSION}/{batch}", connection)).json(), connection)

    async def cancel(self, batch: str, connection: Connection) -> None:
        """Cancel it."""
        await self._ask(
            connection,
            lambda client, headers: client.http.post(
                f"{connection.base_url}/{_VERSION}/{batch}:cancel", json={}, headers=headers
            ),
        )

    async def answers(
        self, output: str, request_of: Callable[[str], ImageRequest | None], connection: Connection
    ) -> AsyncGenerator[BatchAnswer, None]:
        """Read a file of answers."""
        url = f"{connection.base_url}/{_VERSION}/{output}:download?alt=media"
        lines = download("gemini", connection, self.error, url, _headers(connection))
        async with aclosing(lines):
            async for line, document in lines:
                answer = await _read_line(line, document, self, request_of, connection)
                if answer is not None:
                    yield answer

    async def _get(self, path: str, connection: Connection) -> ProviderResponse:
        return await self._ask(
            connection,
            lambda client, headers: client.http.get(f"{connection.base_url}/{path}", headers=headers),
        )

    async def _ask(
        self, connection: Connection, call: Callable[[ProviderClient, dict[str, str]], Awaitable[object]]
    ) -> ProviderResponse:
        return await ask("gemini", connection, self.error, lambda client: call(client, _headers(connection)))


def _headers(connection: Connection) -> dict[str, str]:
    return {"x-goog-api-key": connection.key}


def _status(answer: Mapping[str, Any], connection: Connection) -> BatchStatus:
    """A batch is an operation, and what is told of it stands in its `metadata`."""
    told = mapping(answer.get("metadata"))
    stats = mapping(told.get("batchStats"))
    state = (safe_name(told.get("state")) or "").removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    done, failed = (_count(stats, f"{name}RequestCount") for name in ("successful", "failed"))
    file = _file(mapping(told.get("output"))) or _file(mapping(answer.get("response")))
    # Of a batch that broke off, nothing was carried out for certain only where Google counts nothing.
    free = state in ("FAILED", "CANCELLED", "EXPIRED") and bool(stats) and not done
    return BatchStatus(
        id=safe_name(answer.get("name")) or "",
        name=safe_name(told.get("displayName")) or "",
        status=state.lower(),
        ended=state in _ENDED or answer.get("done") is True,
        may_be_charged=not free,
        expires_at=_expiry(told.get("createTime")),
        done=done,
        failed=failed,
        total=_count(stats, "requestCount"),
        outputs=(file,) if file else (),
        reason=redacted(connection, mapping(answer.get("error")).get("message")) or "",
    )


def _file(output: Mapping[str, Any]) -> str | None:
    """The name of the file of answers."""
    named = output.get("responsesFile")
    return safe_name(mapping(named).get("name") if isinstance(named, dict) else named)


def _count(stats: Mapping[str, Any], name: str) -> int | None:
    """A number, which Google writes as text; one that is left out is 0."""
    if not stats:
        return None
    text = str(stats.get(name, 0))
    return int(text) if text.isdecimal() else None


def _expiry(created: object) -> str:
    try:
        return (datetime.fromisoformat(str(created)) + _EXPIRES_AFTER).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return ""


async def _read_line(
    line: ProviderResponse,
    document: Mapping[str, Any],
    batches: GeminiBatches,
    request_of: Callable[[str], ImageRequest | None],
    connection: Connection,
) -> BatchAnswer | None:
    """What one line holds; None where nobody asked for it, or nobody can tell who did."""
    key, _, number = str(document.get("key", "")).rpartition("/")
    if not number.isdecimal() or (request := request_of(key)) is None:
        return None
    part = int(number)
    answered = mapping(document.get("response"))
    error = mapping(document.get("error")) or mapping(document.get("status"))
    response = _response(line, answered, error)
    try:
        if not answered and not error:
            raise response.invalid("answered with neither a response nor an error")
        if not answered:
            raise batches.error(response, connection)
        events = await read_text(line.body, lambda: batches.read(response, request, part))
    except ProviderError as failure:
        return BatchAnswer(key, part, error=failure)
    return BatchAnswer(key, part, events)


def _response(
    line: ProviderResponse, answered: Mapping[str, Any], error: Mapping[str, Any]
) -> ProviderResponse:
    """The answer to one request, as it would have come by itself."""
    status = _OK
    if not answered and error:
        code = whole_number(error.get("code")) or 0
        status, name = HTTP_STATUS.get(code, (code if 400 <= code < 600 else 500, ""))
        error = {"status": name, **error} if name else error
    body = dict(answered) or {"error": {field: value for field, value in error.items() if field != "code"}}
    return replace(line, status=status, headers={}, body=json.dumps(body).encode())
