"""OpenAI's batches: a file of requests, a batch that carries them out within 24 hours, files of answers.

Facts: the SDK's `types.Batch` and `BatchCreateParams`, API reference "Batch", help article "Batch API FAQ",
read 2026-11-28. A batch that expires or is cancelled gives back what it has done; only that is charged.
Answers come in any order; what failed stands in a file of its own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from imagegen_nb.core.types import BatchAnswer, BatchStatus, ImageRequest, ProviderEvent
from imagegen_nb.errors import ProviderError
from imagegen_nb.providers.base import Batches, Connection
from imagegen_nb.providers.http.json_calls import PAGE, ask, download, find_named, post_requests, request_line
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

_ENDPOINT = "/v1/images/generations"
_NAME = "imagegen_nb_batch"
"""The key of a batch's metadata under which its name stands: by it, it is found again."""
_ENDED = ("completed", "failed", "expired", "cancelled")
_NOT_RUN = ("batch_expired", "batch_cancelled")
"""What stands in the place of the answer to a request that was not carried out."""
_OK, _REFUSED, _FAULT = 200, 400, 500

Read = Callable[[ImageRequest, ProviderResponse, Connection], list[ProviderEvent]]


@dataclass(frozen=True, slots=True)
class OpenAIBatches(Batches):
    """Batches of image requests. What they share with single requests is handed in: `body` makes a request's
    body, `read` the events of an answer, `error` the error of a refusal."""

    body: Callable[[ImageRequest], dict[str, Any]]
    read: Read
    error: Callable[[ProviderResponse, Connection], ProviderError]
    most_lines: ClassVar[int] = 50_000
    largest_file: ClassVar[int] = 200_000_000

    def lines(self, key: str, request: ImageRequest) -> list[bytes]:
        """One line: a request makes all images of a run."""
        return [request_line(key, _ENDPOINT, self.body(request))]

    async def upload(self, lines: Sequence[bytes], name: str, connection: Connection) -> str:
        """Send the file, in one request."""
        answer = await self._ask(
            connection,
            lambda client, headers: post_requests(client, connection, lines, name, headers),
        )
        return _id(answer)

    async def create(self, file: str, name: str, model: str, connection: Connection) -> BatchStatus:
        """Create the batch, with its name among its metadata."""
        body = {
            "input_file_id": file,
            "endpoint": _ENDPOINT,
            "completion_window": "24h",
            "metadata": {_NAME: name},
        }
        answer = await self._ask(
            connection,
            lambda client, headers: client.http.post(
                f"{connection.base_url}/batches", json=body, headers=headers
            ),
        )
        return _status(answer, connection)

    async def find(self, names: Collection[str], connection: Connection) -> dict[str, BatchStatus]:
        """Look through the list of batches, the newest first, for those with these names."""

        async def page(after: str) -> tuple[list[BatchStatus], str]:
            query = f"?limit={PAGE}" + (f"&after={after}" if after else "")
            answer = await self._get(f"/batches{query}", connection)
            batches = mappings(answer.get("data"))
            last = str(batches[-1].get("id", "")) if batches and answer.get("has_more") else ""
            return [_status(one, connection) for one in batches if safe_name(one.get("id"))], last

        return await find_named(names, page)

    async def look(self, batch: str, connection: Connection) -> BatchStatus:
        """Ask for the batch."""
        return _status(await self._get(f"/batches/{batch}", connection), connection)

    async def cancel(self, batch: str, connection: Connection) -> None:
        """Cancel it; OpenAI takes up to ten minutes for what is under way."""
        await self._ask(
            connection,
            lambda client, headers: client.http.post(
                f"{connection.base_url}/batches/{batch}/cancel", headers=headers
            ),
        )

    async def answers(
        self, output: str, request_of: Callable[[str], ImageRequest | None], connection: Connection
    ) -> AsyncGenerator[BatchAnswer, None]:
        """Read a file of answers or of errors, which have the same form."""
        url = f"{connection.base_url}/files/{output}/content"
        lines = download("openai", connection, self.error, url, _headers(connection))
        async with aclosing(lines):
            async for line, document in lines:
                answer = await _read_line(line, document, self, request_of, connection)
                if answer is not None:
                    yield answer

    async def _get(self, path: str, connection: Connection) -> dict[str, Any]:
        return await self._ask(
            connection,
            lambda client, headers: client.http.get(f"{connection.base_url}{path}", headers=headers),
        )

    async def _ask(
        self, connection: Connection, call: Callable[[ProviderClient, dict[str, str]], Awaitable[object]]
    ) -> dict[str, Any]:
        response = await ask(
            "openai", connection, self.error, lambda client: call(client, _headers(connection))
        )
        return response.json()


def _headers(connection: Connection) -> dict[str, str]:
    return {"Authorization": f"Bearer {connection.key}"}


def _id(answer: Mapping[str, Any]) -> str:
    return safe_name(answer.get("id")) or ""


def _status(answer: Mapping[str, Any], connection: Connection) -> BatchStatus:
    counts, errors = mapping(answer.get("request_counts")), mapping(answer.get("errors")).get("data")
    status = safe_name(answer.get("status")) or ""
    said = [redacted(connection, one.get("message")) for one in mappings(errors)]
    outputs = (safe_name(answer.get(name)) for name in ("output_file_id", "error_file_id"))
    return BatchStatus(
        id=_id(answer),
        name=safe_name(mapping(answer.get("metadata")).get(_NAME)) or "",
        status=status,
        ended=status in _ENDED,
        may_be_charged=status == "completed",
        expires_at=_expiry(answer.get("expires_at")),
        done=whole_number(counts.get("completed")),
        failed=whole_number(counts.get("failed")),
        total=whole_number(counts.get("total")),
        outputs=tuple(filter(None, outputs)),
        reason="; ".join(filter(None, said[:3])),
    )


def _expiry(told: object) -> str:
    try:
        return datetime.fromtimestamp(told, UTC).isoformat() if type(told) is int and told >= 0 else ""
    except (ValueError, OverflowError, OSError):  # beyond all dates
        return ""


async def _read_line(
    line: ProviderResponse,
    document: Mapping[str, Any],
    batches: OpenAIBatches,
    request_of: Callable[[str], ImageRequest | None],
    connection: Connection,
) -> BatchAnswer | None:
    """What one line holds; None where nobody asked for it, or nobody can tell who did."""
    key = document.get("custom_id")
    if not isinstance(key, str) or (request := request_of(key)) is None:
        return None
    answered, error = mapping(document.get("response")), mapping(document.get("error"))
    response = _response(line, answered, error)
    try:
        if not answered and not error:
            raise response.invalid("answered with neither a response nor an error")
        events = await read_text(line.body, lambda: batches.read(request, response, connection))
    except ProviderError as failure:
        if safe_name(error.get("code")) in _NOT_RUN:
            failure.charge = "none"
        return BatchAnswer(key, 0, error=failure)
    return BatchAnswer(key, 0, events)


def _response(
    line: ProviderResponse, answered: Mapping[str, Any], error: Mapping[str, Any]
) -> ProviderResponse:
    """The answer to one request, as it would have come by itself. An error beside it has no status: what was
    not carried out is like a refusal, and what timed out like a fault, as it may have been charged. So is an
    answer of status 0 with nothing in it (tidyverse/ellmer#830)."""
    is_told = bool(answered.get("body")) and not error
    without = _OK if is_told else _REFUSED if safe_name(error.get("code")) in _NOT_RUN else _FAULT
    status = whole_number(answered.get("status_code")) or without
    body = mapping(answered.get("body")) or ({"error": dict(error)} if error else {})
    request_id = safe_name(answered.get("request_id"))
    return replace(
        line,
        status=status,
        headers={"x-request-id": request_id} if request_id else {},
        body=json.dumps(body).encode(),
    )
