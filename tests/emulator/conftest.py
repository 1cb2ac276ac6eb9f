"""One emulator for the whole run, cleaned before every test, and clients of the real SDKs on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import types
from support.emulated import KEY, PATHS, good

from imagegen_nb.emulator import Emulator


class Token(AnonymousCredentials):
    """Static Vertex AI credentials."""

    def __init__(self) -> None:
        super().__init__()
        self.token = "ya29.test-token"

    def refresh(self, request: Any) -> None:
        self.token = "ya29.test-token"

    def before_request(self, request: Any, method: str, url: str, headers: dict[str, str]) -> None:
        headers["authorization"] = f"Bearer {self.token}"


# Clients are made once: each loads the trusted certificates, which takes longer than most tests.


@pytest.fixture(scope="session")
def _http(_running_emulator: Emulator) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {KEY}", "x-goog-api-key": KEY}
    with httpx2.Client(
        base_url=_running_emulator.url, headers=headers, timeout=10, trust_env=False
    ) as client:
        yield client


@pytest.fixture(scope="session")
def _oai(_running_emulator: Emulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{_running_emulator.url}/openai/v1", api_key=KEY, max_retries=0, timeout=10
    ) as client:
        yield client


@pytest.fixture(scope="session")
def _grok(_running_emulator: Emulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{_running_emulator.url}/xai/v1", api_key=KEY, max_retries=0, timeout=10
    ) as client:
        yield client


@pytest.fixture(scope="session")
def _google(_running_emulator: Emulator) -> Iterator[genai.Client]:
    options = types.HttpOptions(
        base_url=f"{_running_emulator.url}/gemini", api_version="v1beta", timeout=10_000
    )
    client = genai.Client(api_key=KEY, http_options=options)
    yield client
    client.close()


@pytest.fixture(scope="session")
def _vertex(_running_emulator: Emulator) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=f"{_running_emulator.url}/gemini", timeout=10_000)
    client = genai.Client(
        enterprise=True, project="p", location="global", credentials=Token(), http_options=options
    )
    yield client
    client.close()


@pytest.fixture
def http(emulator: Emulator, _http: httpx2.Client) -> httpx2.Client:
    return _http


@pytest.fixture
def oai(emulator: Emulator, _oai: openai.OpenAI) -> openai.OpenAI:
    return _oai


@pytest.fixture
def grok(emulator: Emulator, _grok: openai.OpenAI) -> openai.OpenAI:
    return _grok


@pytest.fixture
def google(emulator: Emulator, _google: genai.Client) -> genai.Client:
    return _google


@pytest.fixture
def vertex(emulator: Emulator, _vertex: genai.Client) -> genai.Client:
    return _vertex


Post = Callable[..., httpx2.Response]


@pytest.fixture
def post(http: httpx2.Client) -> Post:
    """Send a valid request to a provider, with changes; None removes a field."""

    def send(provider: str, **changes: Any) -> httpx2.Response:
        body = {name: value for name, value in {**good(provider), **changes}.items() if value is not None}
        return http.post(PATHS[provider], json=body)

    return send
