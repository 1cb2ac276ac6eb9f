"""A model of a provider, in the place of the socket: what it counts, how long it takes, what it refuses.

It is asked by the toolkit's own transport, and answers in OpenAI's format with a whole picture; everything
above the socket is the toolkit's own code.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import httpx2

from benchmarks.stores import numbered
from imagegen_nb.providers.http.transport import GuardedTransport

_MINUTE = 60.0
_LEAVES = "http11.send_request_headers.started"
"""What the HTTP core says when a request leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderModel:
    """What is assumed of a provider.

    `latency` is the median of seconds that an image takes, `spread` the standard deviation of its logarithm
    (0: each takes the same). `per_minute` is the limit: a bucket of as many requests, which fills up evenly
    in a minute; a request that finds it empty is refused after `refuses_after` seconds, with a `Retry-After`
    in whole ones, and counts for nothing. None is no limit. `failing` is the part of the requests that end as
    a 500. `cpu` are the seconds that each answer keeps the process busy, one after the other.
    """

    latency: float
    spread: float = 0.0
    per_minute: int | None = None
    refuses_after: float = 0.0
    failing: float = 0.0
    cpu: float = 0.0

    @property
    def mean_latency(self) -> float:
        """The mean of the seconds that an image takes."""
        return self.latency * math.exp(self.spread**2 / 2)


@dataclass(slots=True)
class Traffic:
    """What a model was asked, and when it had answered, in the loop's seconds."""

    model: ProviderModel
    picture: bytes
    chance: random.Random
    requests: int = 0
    refused: int = 0
    under_way: int = 0
    most_under_way: int = 0
    answered_at: list[float] = field(default_factory=list)
    _left: float = 0.0
    _counted_at: float | None = None
    _idle_from: float = 0.0
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """What the model answers, after as long as it takes."""
        self.requests += 1
        if (seconds := self._too_early()) > 0:
            self.refused += 1
            await asyncio.sleep(self.model.refuses_after)
            error = {"message": "Rate limit reached", "type": "images", "code": "rate_limit_exceeded"}
            headers = {"retry-after": str(math.ceil(seconds))}
            return httpx2.Response(429, headers=headers, json={"error": error}, request=request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(self.model.latency * math.exp(self.chance.gauss(0, self.model.spread)))
        self.under_way -= 1
        await self._keep_busy()
        now = asyncio.get_running_loop().time()
        if self.chance.random() < self.model.failing:
            error = {"message": "The server had an error", "type": "server_error"}
            return httpx2.Response(500, json={"error": error}, request=request)
        self.answered_at.append(now)
        return httpx2.Response(200, json=self._body(json.loads(request.content)), request=request)

    def _too_early(self) -> float:
        """Take a request out of the bucket; the seconds until there is one again, 0 where there was."""
        limit = self.model.per_minute
        if limit is None:
            return 0.0
        now = asyncio.get_running_loop().time()
        passed = _MINUTE if self._counted_at is None else now - self._counted_at
        self._left = min(limit, self._left + passed * limit / _MINUTE)
        self._counted_at = now
        if self._left < 1 - 1e-9:
            return (1 - self._left) * _MINUTE / limit
        self._left -= 1
        return 0.0

    async def _keep_busy(self) -> None:
        """Wait until the process has taken in this answer, after those before it."""
        now = asyncio.get_running_loop().time()
        self._idle_from = max(now, self._idle_from) + self.model.cpu
        if self._idle_from > now:
            await asyncio.sleep(self._idle_from - now)

    def _body(self, asked: dict[str, Any]) -> dict[str, Any]:
        picture = base64.b64encode(numbered(self.picture, next(self._numbers))).decode()
        usage = {
            "input_tokens": 10,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 10},
            "output_tokens": 196,
            "output_tokens_details": {"image_tokens": 196, "text_tokens": 0},
            "total_tokens": 206,
        }
        echoed = {"background": "opaque", "output_format": "png"}
        echoed |= {name: asked[name] for name in ("quality", "size") if name in asked}
        return {"created": 0, "data": [{"b64_json": picture}], **echoed, "usage": usage}


class _Transport(httpx2.AsyncBaseTransport):
    """Stands in the place of the one that has sockets."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        await request.extensions["trace"](_LEAVES, {})
        return await self._traffic.answer(request)


@contextmanager
def answering(traffic: Traffic) -> Iterator[None]:
    """Let the model answer all requests inside the block; none leaves the process."""
    own = GuardedTransport.__init__

    def with_model(self: GuardedTransport, *args: Any) -> None:
        own(self, *args)
        self.inner = _Transport(traffic)  # type: ignore[assignment]

    with mock.patch.object(GuardedTransport, "__init__", with_model):
        yield
