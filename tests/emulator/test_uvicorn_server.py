from __future__ import annotations

import contextlib
import threading
import time

import httpx2
import pytest
from support.emulated import PATHS, good
from uvicorn.protocols.http.h11_impl import H11Protocol

from imagegen_nb.emulator import Emulator, Fault, handler, uvicorn_server
from imagegen_nb.emulator.rendering.image import render
from imagegen_nb.replay.network_block import offline

STOPPED = 30.0
"""Seconds within which an emulator has stopped, however busy the machine."""
PATIENCE = 100.0
"""Seconds a client waits for an answer: longer than stopping may take."""


@pytest.mark.parametrize("fault", [Fault("hang"), Fault("delay", seconds=60), Fault("drip", seconds=1)])
def test_stop_does_not_wait_for_a_hanging_request(fault, caplog):
    emulator = Emulator().start()
    emulator.script("openai", fault)
    failures = []
    client = httpx2.Client(headers={"authorization": "Bearer k"}, timeout=PATIENCE)

    def call() -> None:
        with contextlib.suppress(httpx2.TransportError):
            client.post(emulator.url + PATHS["openai"], json=good("openai"))
            return
        failures.append(True)

    caller = threading.Thread(target=call)
    caller.start()
    while emulator.count() == 0:
        time.sleep(0.01)
    started = time.monotonic()
    emulator.stop()
    assert time.monotonic() - started < STOPPED
    caller.join(STOPPED)
    client.close()
    assert failures == [True]
    assert not caplog.records


def test_stop_renders_no_further_image(monkeypatch):
    begun = []

    def counting_render(drawing):
        begun.append(drawing)
        return render(drawing)

    monkeypatch.setattr(handler, "render", counting_render)
    emulator = Emulator().start()
    body = {**good("openai"), "size": "3840x2160", "n": 10}
    client = httpx2.Client(headers={"authorization": "Bearer k"}, timeout=PATIENCE)

    def call() -> None:
        with contextlib.suppress(httpx2.TransportError):
            client.post(emulator.url + PATHS["openai"], json=body)

    caller = threading.Thread(target=call)
    caller.start()
    while not begun:
        time.sleep(0.01)
    emulator.stop()
    assert 0 < len(begun) < 10
    caller.join(STOPPED)
    client.close()


def test_a_protocol_that_keeps_its_transport_to_itself_is_named_at_the_start(monkeypatch):
    monkeypatch.setattr(uvicorn_server, "_TransportProtocol", H11Protocol)
    emulator = Emulator()
    with pytest.raises(RuntimeError, match=r"uvicorn [0-9.]+ is built .* without its connection's transport"):
        emulator.start()
    assert not emulator.running


def test_a_connection_that_the_server_does_not_list_is_named_at_the_start(monkeypatch):
    def connection_made(self, transport):
        H11Protocol.connection_made(self, transport)
        self.connections.discard(self)

    monkeypatch.setattr(uvicorn_server._TransportProtocol, "connection_made", connection_made, raising=False)
    with pytest.raises(RuntimeError, match=r"uvicorn [0-9.]+ is built differently"):
        Emulator().start()


def test_a_page_that_does_not_come_is_named_at_the_start(monkeypatch):
    monkeypatch.setattr(uvicorn_server, "_CHECK_SECONDS", 0.2)
    monkeypatch.setattr(
        uvicorn_server._TransportProtocol, "data_received", lambda self, data: None, raising=False
    )
    with pytest.raises(RuntimeError, match="a request to itself failed"):
        Emulator().start()


def test_it_starts_where_the_process_is_kept_off_the_network():
    """As in a notebook that replays: nobody asks the emulator there, so there is nothing to check."""
    with offline(), Emulator() as emulator:
        assert emulator.url.startswith("http://127.0.0.1:")
