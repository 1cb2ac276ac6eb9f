"""Long answers are read in large pieces, over plain connections and over TLS."""

from __future__ import annotations

import httpx2

from imagegen_nb.providers.http.large_reads import read_large

BODY = b"x" * 3_000_000


async def test_a_long_answer_comes_in_large_pieces(raw_server):
    server = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY)
    pieces = {}
    for name in ("own", "large"):
        transport = httpx2.AsyncHTTPTransport()
        if name == "large":
            read_large(transport)
        async with httpx2.AsyncClient(transport=transport) as client, client.stream("GET", server.url) as got:
            pieces[name] = [piece async for piece in got.aiter_raw()]
    assert b"".join(pieces["own"]) == b"".join(pieces["large"]) == BODY
    assert max(map(len, pieces["own"])) <= 65_536 < max(map(len, pieces["large"]))
