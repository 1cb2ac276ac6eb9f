"""Shared by all tests: one emulator, a workspace on it, a clean environment, and a raw loopback server."""

from __future__ import annotations

import os
import re
import signal
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from imagegen_nb.emulator import Emulator
from imagegen_nb.providers.http import client, rate_limiter
from imagegen_nb.runs.workspace import Workspace

_FOREIGN = re.compile(r"(?i)^(openai|xai|gemini|google|gcloud|cloudsdk|fetch_hive)_|_proxy$")


@pytest.fixture(scope="session", autouse=True)
def interrupts_arrive() -> Iterator[None]:
    """Also where the tests run in the background: there SIGINT is ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No provider keys, SDK settings, proxies or keyring of whoever runs the tests."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for name in filter(_FOREIGN.search, list(os.environ)):
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def rate_limiters_are_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test meets its providers for the first time: no refusal of another's keeps it waiting."""
    monkeypatch.setattr(rate_limiter, "_limiters", {})


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Lets waits take no time, and lists them in seconds: the rate limiter's clock is moved instead."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(rate_limiter, "sleep", sleep)
    monkeypatch.setattr(client, "sleep", sleep)
    monkeypatch.setattr(rate_limiter, "clock", lambda: 1_000 + sum(waited))
    return waited


@pytest.fixture(autouse=True)
def lifecycle_warnings_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are given once per process; each test is to see its own."""
    monkeypatch.setattr("imagegen_nb.step.step._warned", set())


@pytest.fixture(scope="session")
def _running_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(_running_emulator: Emulator) -> Iterator[Emulator]:
    """The emulator all tests share, with an empty log and no faults."""
    _running_emulator.clear()
    yield _running_emulator
    _running_emulator.clear()
    _running_emulator.latency, _running_emulator.retired = 0.0, False


@pytest.fixture
def workspace(emulator: Emulator, tmp_path: Path) -> Iterator[Workspace]:
    """A store in a folder of its own, served by `emulator`."""
    with Workspace(tmp_path / "assets", backend=emulator.url, timeout=30) as workspace:
        yield workspace


@dataclass
class Heard:
    """One request as it arrived at a `RawServer`; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Callable[[bytes], object], threading.Event], object]


@dataclass
class RawServer:
    """A loopback server that answers every request with the same bytes and closes.

    `answer` is those bytes, or a function of `write` and an event that is set when the test is over.
    """

    answer: bytes | Answer
    requests: list[Heard] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def handle(self, connection: socketserver.StreamRequestHandler) -> None:
        line = connection.rfile.readline().decode("latin-1").strip()
        if not line:
            return
        headers = {}
        while header := connection.rfile.readline().decode("latin-1").strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = connection.rfile.read(int(headers.get("content-length", 0)))
        self.requests.append(Heard(line, headers, body))
        try:
            if callable(self.answer):
                self.answer(connection.wfile.write, self.over)
            else:
                connection.wfile.write(self.answer)
        except OSError:  # the client has had enough
            return


class _Threads(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False  # closing waits for them


@pytest.fixture
def raw_server() -> Iterator[Callable[[bytes | Answer], RawServer]]:
    """Starts `RawServer`s: `raw_server(b"HTTP/1.1 200 OK...")`."""
    running: list[tuple[_Threads, RawServer, threading.Thread]] = []

    def start(answer: bytes | Answer) -> RawServer:
        raw = RawServer(answer)

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                raw.handle(self)

        server = _Threads(("127.0.0.1", 0), Handler)
        raw.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        running.append((server, raw, thread))
        return raw

    yield start
    for server, raw, thread in running:
        raw.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
