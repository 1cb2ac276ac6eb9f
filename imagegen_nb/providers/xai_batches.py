"""xAI's batches: a file of requests, a batch that carries them out within a day or so, pages of results.

Facts: docs.x.ai, release notes of March 2026 and guide "Batch API"; `resources/batches.ts` and its tests in
xai-org/xai-sdk-ts and `batch.proto` in xai-org/xai-proto, read 2026-11-28. A batch has no status, but
counters: one made of a file has none until the file is loaded. A line holds the body of a single request, so
base64 is asked for as there: addresses of images end after an hour. What an image costs in a batch is not
published, each answer tells what it cost. A file with a bad line, or with a model that takes no batches, has
xAI cancel the batch.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from imagegen_nb.core.types import BatchAnswer, BatchStatus, ImageRequest, ProviderEvent
from imagegen_nb.errors import ProviderError
from imagegen_nb.providers.base import Batches, Connection
from imagegen_nb.providers.http.grpc_status import HTTP_STATUS
from imagegen_nb.providers.http.json_calls import PAGE, ask, find_named, post_requests, request_line
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
_OK, _FAULT = 200, 500
_DATE = len("2026-11-28")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class XAIBatches(Batches):
    """Batches of image requests. What they share with single requests is handed in: `body` makes a request's
    body, `read` the events of an answer, `error` the error of a refusal."""

    body: Callable[[ImageRequest], dict[str, Any]]
    read: Callable[[ImageRequest, ProviderResponse], list[ProviderEvent]]
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
        return safe_name(answer.json().get("id")) or ""

    async def create(self, file: str, name: str, model: str, connection: Connection) -> BatchStatus:
        """Create the batch: with its file it comes about whole or not at all."""
        body = {"name": name, "input_file_id": file}
        answer = await self._ask(
            connection,
            lambda client, headers: client.http.post(
                f"{connection.base_url}/batches", json=body, headers=headers
            ),
        )
        return _status(answer.json(), connection)

    async def find(self, names: Collection[str], connection: Connection) -> dict[str, BatchStatus]:
        """Look through the list of batches for those with these names."""

        async def page(token: str) -> tuple[list[BatchStatus], str]:
            answer = (await self._get("/batches", PAGE, token, connection)).json()
            batches = mappings(answer.get("batches"))
            told = [_status(one, connection) for one in batches if safe_name(one.get("batch_id"))]
            return told, _token(answer)

        return await find_named(names, page)

    async def look(self, batch: str, connection: Connection) -> BatchStatus:
        """Ask for the batch."""
        return _status((await self._get(f"/batches/{batch}", None, "", connection)).json(), connection)

    async def cancel(self, batch: str, connection: Connection) -> None:
        """Cancel it."""
        await self._ask(
            connection,
            lambda client, headers: client.http.post(
                f"{connection.base_url}/batches/{batch}:cancel", headers=headers
            ),
        )

    async def answers(
        self, output: str, request_of: Callable[[str], ImageRequest | None], connection: Connection
    ) -> AsyncGenerator[BatchAnswer, None]:
        """Read the results one by one, each as a page of its own: so the images of one run are held at most,
        and an answer of more bytes than one may have is told from a page of many."""
        token = ""
        while True:
            page = await self._get(f"/batches/{output}/results", 1, token, connection)
            document = await read_text(page.body, page.json)
            results = document.get("results")
            if page.cut_short is not None:  # and with it the way to the next page
                raise page.cut_short
            if not isinstance(results, list):
                raise page.invalid("answered without results")
            for result in results:
                answer = await _read_result(page, mapping(result), self, request_of, connection)
                if answer is not None:
                    yield answer
            if not (token := _token(document)):
                return

    async def _get(
        self, path: str, limit: int | None, token: str, connection: Connection
    ) -> ProviderResponse:
        query = "" if limit is None else f"?limit={limit}"
        query += f"&pagination_token={quote(token, safe='')}" if token else ""
        return await self._ask(
            connection,
            lambda client, headers: client.http.get(f"{connection.base_url}{path}{query}", headers=headers),
        )

    async def _ask(
        self, connection: Connection, call: Callable[[ProviderClient, dict[str, str]], Awaitable[object]]
    ) -> ProviderResponse:
        headers = {"Authorization": f"Bearer {connection.key}"}
        return await ask("xai", connection, self.error, lambda client: call(client, headers))


def _token(page: Mapping[str, Any]) -> str:
    """Where the next page begins; empty for the last one."""
    token = page.get("pagination_token")
    return token if isinstance(token, str) else ""


def _status(answer: Mapping[str, Any], connection: Connection) -> BatchStatus:
    """What the counters say. Of a batch that was cancelled, only what was carried out costs something."""
    state = mapping(answer.get("state"))
    total, pending = (whole_number(state.get(f"num_{name}")) for name in ("requests", "pending"))
    reason = redacted(connection, answer.get("cancel_by_xai_message")) or ""
    expires = _expiry(answer.get("expire_time"))
    is_cancelled = bool(reason or answer.get("cancel_time"))
    is_expired = expires is not None and expires < datetime.now(UTC)
    is_done = bool(total) and pending == 0
    status = (
        "cancelled"
        if is_cancelled
        else "completed"
        if is_done
        else "expired"
        if is_expired
        else "in progress"
        if total
        else "loading its file"
    )
    batch = safe_name(answer.get("batch_id")) or ""
    ended = not pending and (is_cancelled or is_done or is_expired)
    return BatchStatus(
        id=batch,
        name=safe_name(answer.get("name")) or "",
        status=status,
        ended=ended,
        may_be_charged=not is_cancelled,
        may_grow=status == "completed",
        expires_at="" if expires is None else expires.isoformat(timespec="seconds"),
        done=whole_number(state.get("num_success")),
        failed=whole_number(state.get("num_error")),
        total=total,
        outputs=(batch,) if ended else (),
        reason=reason,
    )


def _expiry(told: object) -> datetime | None:
    """The time until which results are kept; of a bare date, its end."""
    try:
        at = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        return at + _DAY if len(str(told)) == _DATE else at
    except OverflowError:
        return at


async def _read_result(
    page: ProviderResponse,
    result: Mapping[str, Any],
    batches: XAIBatches,
    request_of: Callable[[str], ImageRequest | None],
    connection: Connection,
) -> BatchAnswer | None:
    """What one result holds; None where nobody asked for it, or nobody can tell who did."""
    key = result.get("batch_request_id")
    if not isinstance(key, str) or (request := request_of(key)) is None:
        return None
    told = mapping(result.get("batch_result"))
    # Named by its endpoint, `image_generation`.
    answered = next((each for each in mapping(told.get("response")).values() if isinstance(each, dict)), None)
    try:
        if answered is not None:
            response = replace(page, headers={}, body=json.dumps(answered).encode(), asked_for="images")
            return BatchAnswer(key, 0, await read_text(page.body, lambda: batches.read(request, response)))
        if (error := told.get("error") or result.get("error_message")) is None:
            raise page.invalid("answered with neither a response nor an error")
        raise batches.error(_refusal(page, error), connection)
    except ProviderError as failure:
        return BatchAnswer(key, 0, error=failure)


def _refusal(page: ProviderResponse, error: object) -> ProviderResponse:
    """The refusal of one request, as it would have come by itself. Without a code nobody can tell whether it
    was carried out, as after a fault."""
    told = mapping(error)
    status, name = HTTP_STATUS.get(whole_number(told.get("code")) or 0, (_FAULT, None))
    body = {"code": name and name.lower().replace("_", "-"), "error": told.get("message") if told else error}
    return replace(page, status=status, headers={}, body=json.dumps(body).encode())
