"""Calls about batches: each is one request, answered with JSON, one object or a file, or an error of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagegen_nb.core.types import BatchStatus
from imagegen_nb.errors import ProviderError
from imagegen_nb.providers.base import LARGEST_RESPONSE, Connection
from imagegen_nb.providers.http.response import ProviderResponse

if TYPE_CHECKING:
    from imagegen_nb.providers.http.client import ProviderClient

GATE = "batches"
"""What these calls share their rate limiter by: they are none for images."""
PAGE = 100
"""Batches of one page of a list."""
_MOST_PAGES = 50
"""Pages of it that are looked through: five thousand batches."""


def request_line(key: str, endpoint: str, body: Mapping[str, Any]) -> bytes:
    """A line of a file of requests, in the form that OpenAI's and xAI's batches share."""
    line = {"custom_id": key, "method": "POST", "url": endpoint, "body": body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def post_requests(
    client: ProviderClient, connection: Connection, lines: Sequence[bytes], name: str, headers: dict[str, str]
) -> Awaitable[object]:
    """Send such lines as the file `name`, the way OpenAI and xAI take files."""
    file = (f"{name}.jsonl", b"\n".join(lines) + b"\n", "application/jsonl")
    return client.http.post(
        f"{connection.base_url}/files", data={"purpose": "batch"}, files={"file": file}, headers=headers
    )


async def ask(
    provider: str,
    connection: Connection,
    read_refusal: Callable[[ProviderResponse, Connection], ProviderError],
    call: Callable[[ProviderClient], Awaitable[object]],
) -> ProviderResponse:
    """Make one call and return its success. Raises as `ProviderClient.send` does, and what `read_refusal`
    makes of a refusal."""
    from imagegen_nb.providers.http.client import open_client

    async with open_client(provider, connection, read_refusal, model=GATE) as client:
        response = await client.send(lambda: call(client))
    if not response.is_success:
        raise read_refusal(response, connection)
    if response.broken is not None:  # half of an account would be read as another account
        raise response.broken
    return replace(response, asked_for="what was asked for")


async def find_named(
    names: Collection[str], page: Callable[[str], Awaitable[tuple[list[BatchStatus], str]]]
) -> dict[str, BatchStatus]:
    """The batches of these names, by name, out of a provider's list: `page` gives the batches of a page and
    the token of the next one, empty after the last; the first has an empty token."""
    found: dict[str, BatchStatus] = {}
    token = ""
    for _ in range(_MOST_PAGES):
        batches, token = await page(token)
        found |= {batch.name: batch for batch in batches if batch.name in names}
        if len(found) == len(names) or not token:
            break
    return found


async def download(
    provider: str,
    connection: Connection,
    read_refusal: Callable[[ProviderResponse, Connection], ProviderError],
    url: str,
    headers: dict[str, str],
) -> AsyncGenerator[tuple[ProviderResponse, dict[str, Any]], None]:
    """The lines of a file of answers, each with its JSON object, as they arrive; raises as
    `result_documents`."""
    from imagegen_nb.providers.http.client import open_client
    from imagegen_nb.providers.http.result_lines import result_documents

    bound = connection.largest_response or LARGEST_RESPONSE
    async with (
        open_client(provider, connection, read_refusal, model=GATE) as client,
        aclosing(result_documents(client, url, headers, largest_line=bound)) as documents,
    ):
        async for line, document in documents:
            yield line, document
