"""The socket guard: nothing of this process reaches anything, and afterwards everything is as before."""

from __future__ import annotations

import asyncio
import socket
import urllib.request

import pytest

from imagegen_nb.errors import ReplayError
from imagegen_nb.replay.network_block import offline

BEFORE = (socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


@pytest.fixture(autouse=True)
def nothing_stays():
    yield
    assert (socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo) == BEFORE


@pytest.mark.parametrize("loopback", [False, True])
@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "2001:db8::1"])
def test_other_machines_are_out_of_reach(host, loopback):
    with offline(loopback=loopback):
        with pytest.raises(ReplayError, match=f"a connection to {host} was stopped"):
            socket.create_connection((host, 80), timeout=1)
        with (
            socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as plain,
            pytest.raises(ReplayError),
        ):
            plain.connect_ex((host, 80))


async def test_an_event_loop_is_held_back_too():
    with offline(), pytest.raises(ReplayError):
        await asyncio.open_connection("192.0.2.1", 80)


def test_this_machine_where_it_is_permitted(raw_server):
    server = raw_server(ANSWER)
    with offline(loopback=True):
        assert urllib.request.urlopen(server.url).read() == b"hi"
    with offline(), pytest.raises(ReplayError, match=r"127\.0\.0\.1 was stopped"):
        urllib.request.urlopen(server.url)
    assert len(server.requests) == 1


def test_sockets_of_the_file_system_go_on(tmp_path):
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client, offline():
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))


def test_one_within_another():
    with offline():
        with offline(loopback=True):
            pass
        with pytest.raises(ReplayError):
            socket.create_connection(("192.0.2.1", 80), timeout=1)
