"""Reads a file of answers while it arrives, line by line, however long it is: a line in memory at a time, and
the images in it not even then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from imagegen_nb.core.redaction import scrub
from imagegen_nb.errors import ProviderError
from imagegen_nb.providers.http.received_body import ReceivedBody
from imagegen_nb.providers.http.response import ProviderResponse, read_text
from imagegen_nb.providers.http.transport import Capture

if TYPE_CHECKING:
    import httpx2

    from imagegen_nb.providers.http.client import ProviderClient

_NEWLINE = b"\n"


async def result_lines(
    client: ProviderClient, url: str, headers: dict[str, str], *, largest_line: int
) -> AsyncGenerator[ProviderResponse, None]:
    """The lines of the file at `url`, each as an answer of its own; empty ones are left out.

    Each is bounded by `largest_line` bytes: one that is longer comes cut, and so is no JSON. The images lie
    in files, where the connection names some. Raises as `ProviderClient.send` does, also after some lines:
    the file can be read again.
    """
    request = client.http.build_request("GET", url, headers=headers)
    started, refused = await client.open_stream(
        lambda: client.http.send(request, stream=True), downloads=True
    )
    if started is None:
        assert refused is not None
        raise client.read_refusal(refused, client.connection)
    try:
        async with aclosing(_lines(client, started, largest_line)) as lines:
            async for line in lines:
                yield line
    finally:
        await started.aclose()


async def result_documents(
    client: ProviderClient, url: str, headers: dict[str, str], *, largest_line: int
) -> AsyncGenerator[tuple[ProviderResponse, dict[str, Any]], None]:
    """The same with the JSON object of each. A line that has none costs only itself; where no line has one,
    as in a page that stands in the place of the file, `InvalidResponse` is raised."""
    read, unreadable = 0, None
    async with aclosing(result_lines(client, url, headers, largest_line=largest_line)) as lines:
        async for line in lines:
            try:
                document = await read_text(line.body, line.json)
            except ProviderError as error:
                unreadable = unreadable or error
                continue
            read += 1
            yield line, document
    if not read and unreadable is not None:
        raise unreadable


async def _lines(
    client: ProviderClient, started: httpx2.Response, largest_line: int
) -> AsyncGenerator[ProviderResponse, None]:
    connection = client.connection
    named = {name.lower(): value for name, value in started.headers.items()}

    def begin() -> ReceivedBody:
        return ReceivedBody("identity", largest_line, connection.new_path, [connection.key])

    def end(line: ReceivedBody) -> ProviderResponse:
        line.close()
        text = scrub(line.text() or b"", [connection.key])
        return ProviderResponse(client.provider, started.status_code, named, text, files=line.files)

    line = begin()
    async for chunk in _chunks(client, started):
        first, *others = chunk.split(_NEWLINE)
        line.feed(first[: largest_line - line.size])
        for begun in others:
            ended, line = end(line), begin()
            if ended.body.strip():
                yield ended
            line.feed(begun[:largest_line])
    last = end(line)
    if last.body.strip():
        yield last


async def _chunks(client: ProviderClient, started: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """What comes, as long as something comes: a file of gigabytes has no deadline, but it has to go on."""
    arriving = aiter(cast("httpx2.AsyncByteStream", started.stream))
    while True:
        capture = Capture(sent=True, status=started.status_code)
        chunk: bytes | None = None
        async with client.guard(capture), asyncio.timeout(client.connection.timeout):
            chunk = await anext(arriving, None)
        if capture.failure is not None or capture.refusal is not None:
            raise client.failure_of(capture)
        if chunk is None:
            return
        yield chunk
