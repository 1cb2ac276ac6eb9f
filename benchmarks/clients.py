"""Ways to ask a provider for one image without this toolkit: its SDK as documented, litellm, by hand.

Each function makes a client once and returns what asks for one image with it.
"""

from __future__ import annotations

import base64
import http.client
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx2
    from openai.types import ImagesResponse

PROMPT = "A glass of water on a table, seen from above"
KEY_VARIABLE = "BENCH_KEY"
KEY = os.environ.get(KEY_VARIABLE, "no-key")
MODELS = {
    "openai": "gpt-image-2",
    "xai": "grok-imagine-image",
    "gemini": "gemini-nano-banana-2.1",
}
_PATHS = {
    "openai": "/images/generations",
    "xai": "/images/generations",
    "gemini": f"/v1beta/models/{MODELS['gemini']}:generateContent",
}
_FIELDS = {"openai": b'"b64_json": "', "xai": b'"b64_json": "', "gemini": b'"data": "'}
_AS_BASE64 = {"xai": {"response_format": "b64_json"}}

Ask = Callable[[], bytes]
AskAsync = Callable[[], Awaitable[bytes]]


def sdk(provider: str, address: str) -> Ask:
    """The provider's own SDK, as its documentation shows it; xAI's shows OpenAI's."""
    if provider == "gemini":
        return _google_sdk(address)
    from openai import OpenAI

    client = OpenAI(api_key=KEY, base_url=address)

    def ask() -> bytes:
        options: Any = _AS_BASE64.get(provider, {})
        answer = client.images.generate(model=MODELS[provider], prompt=PROMPT, **options)
        return _first(answer)

    return ask


def _first(answer: ImagesResponse) -> bytes:
    encoded = (answer.data or [])[0].b64_json
    assert encoded is not None
    return base64.b64decode(encoded)


def _google_sdk(address: str) -> Ask:
    from google import genai
    from google.genai import types

    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=address))

    def ask() -> bytes:
        answer = client.models.generate_content(model=MODELS["gemini"], contents=PROMPT)
        part = (answer.parts or [])[0].inline_data
        assert part is not None
        assert part.data is not None
        return part.data

    return ask


def litellm(provider: str, address: str) -> Ask:
    """litellm's one function for all providers."""
    from litellm import image_generation

    model = f"{provider}/{MODELS[provider]}"

    def ask() -> bytes:
        answer = image_generation(model=model, prompt=PROMPT, api_base=address, api_key=KEY)
        return base64.b64decode(answer.data[0].b64_json)

    return ask


def connect(address: str) -> http.client.HTTPConnection:
    """A connection to a loopback server."""
    return http.client.HTTPConnection(urlsplit(address).netloc)


def by_hand(provider: str, address: str) -> Ask:
    """One connection of the standard library, and the field cut out of the body without parsing it."""
    import pybase64

    connection = connect(address)
    path, field = urlsplit(address).path + _PATHS[provider], _FIELDS[provider]
    asked = b'{"model": "%s", "prompt": "%s"}' % (MODELS[provider].encode(), PROMPT.encode())

    def ask() -> bytes:
        connection.request("POST", path, asked, {"authorization": f"Bearer {KEY}"})
        answer = connection.getresponse()
        body = bytearray(int(answer.headers["content-length"]))
        view, filled = memoryview(body), 0
        while read := answer.readinto(view[filled:]):
            filled += read
        start = body.index(field) + len(field)
        return pybase64.b64decode(view[start : body.index(b'"', start)], validate=True)

    return ask


def sdk_async(address: str) -> AskAsync:
    """OpenAI's asynchronous client as documented."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key=KEY, base_url=address)

    async def ask() -> bytes:
        answer = await client.images.generate(model=MODELS["openai"], prompt=PROMPT)
        return _first(answer)

    return ask


def litellm_async(address: str) -> AskAsync:
    """litellm's asynchronous function, for OpenAI."""
    from litellm import aimage_generation

    async def ask() -> bytes:
        answer = await aimage_generation(
            model=f"openai/{MODELS['openai']}", prompt=PROMPT, api_base=address, api_key=KEY
        )
        return base64.b64decode(answer.data[0].b64_json)

    return ask


@asynccontextmanager
async def streamed(address: str, at_once: int) -> AsyncIterator[Callable[[Path], Awaitable[None]]]:
    """By hand on httpx2, for OpenAI: base64 is decoded as it arrives, straight into a file."""
    import httpx2

    limits = httpx2.Limits(max_connections=at_once)
    asked = {"model": MODELS["openai"], "prompt": PROMPT}
    async with httpx2.AsyncClient(limits=limits, timeout=600) as client:

        async def ask(path: Path) -> None:
            async with client.stream("POST", address + _PATHS["openai"], json=asked) as answer:
                await _into_file(answer, _FIELDS["openai"], path)

        yield ask


async def _into_file(answer: httpx2.Response, field: bytes, path: Path) -> None:
    import pybase64

    waiting, inside = b"", False
    with path.open("wb") as file:
        async for chunk in answer.aiter_bytes(262_144):
            waiting += chunk
            if not inside:
                found = waiting.find(field)
                inside = found >= 0
                waiting = waiting[found + len(field) :] if inside else waiting
            end = waiting.find(b'"') if inside else -1
            usable = len(waiting) // 4 * 4 if end < 0 else end
            if inside and usable:
                file.write(pybase64.b64decode(waiting[:usable], validate=True))
                waiting = waiting[usable:]
            if end >= 0:
                inside, waiting = False, b""
