from __future__ import annotations

import httpx2
import pytest
from support.emulated import EACH_PROVIDER, PATHS, good, pictures

from imagegen_nb.emulator import Fault


@EACH_PROVIDER
def test_hang(emulator, http, provider):
    emulator.script(provider, Fault("hang"))
    with pytest.raises(httpx2.ReadTimeout):
        http.post(PATHS[provider], json=good(provider), timeout=0.3)
    assert emulator.count(provider) == 1


@EACH_PROVIDER
def test_dropped_and_cut_connections(emulator, post, provider):
    emulator.script(provider, Fault("drop"), Fault("drop", reset=True), Fault("cut"))
    with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
        post(provider)
    with pytest.raises(httpx2.ReadError):
        post(provider)
    with pytest.raises(httpx2.RemoteProtocolError, match="without sending complete message body"):
        post(provider)
    assert emulator.count(provider) == 3


@EACH_PROVIDER
@pytest.mark.parametrize("sent", [0.25, 0.9])
def test_cut_sends_a_part_of_the_body_under_the_full_length(emulator, http, provider, sent):
    emulator.script(provider, Fault("cut", sent=sent))
    got = 0
    with http.stream("POST", PATHS[provider], json=good(provider)) as response:
        promised = int(response.headers["content-length"])
        with pytest.raises(httpx2.RemoteProtocolError):  # noqa: PT012 (what came before it is counted)
            for chunk in response.iter_raw():
                got += len(chunk)
    assert got == int(promised * sent) > 10_000


@EACH_PROVIDER
def test_drip_comes_byte_by_byte(emulator, http, provider):
    emulator.script(provider, Fault("drip", seconds=0.02))
    with http.stream("POST", PATHS[provider], json=good(provider)) as response:
        raw = response.iter_raw()
        chunks = [next(raw) for _ in range(5)]
        assert max(map(len, chunks)) < 5
        assert int(response.headers["content-length"]) > 10_000
    assert [request.fault for request in emulator.requests] == ["drip"]
    assert pictures(provider, http.post(PATHS[provider], json=good(provider)).json())
    assert emulator.count(provider) == 2


def test_drip_comes_whole(emulator, http):
    emulator.script("openai", Fault("drip", seconds=0.0))
    small = good("openai") | {"output_format": "jpeg", "output_compression": 0}
    response = http.post(PATHS["openai"], json=small)
    assert pictures("openai", response.json())
    assert len(response.content) == int(response.headers["content-length"])


@EACH_PROVIDER
def test_huge(emulator, http, provider):
    size = 3_000_001
    emulator.script(provider, Fault("huge", size=size), Fault("huge", size=10**12))
    assert len(http.post(PATHS[provider], json=good(provider)).content) == size
    with http.stream("POST", PATHS[provider], json=good(provider)) as response:
        assert len(next(response.iter_raw())) > 0  # and leave: the server must notice
    assert http.get("/_emulator/health").status_code == 200


def _until_cut(http: httpx2.Client, body: dict) -> bytes:
    """What arrives before the connection breaks."""
    got = b""
    with http.stream("POST", PATHS["openai"], json=body) as response:
        try:
            for chunk in response.iter_raw():
                got += chunk
        except httpx2.RemoteProtocolError:
            return got
    raise AssertionError("the body ended in order")


STREAMING = {"stream": True, "partial_images": 1}


def test_stream_faults(emulator, http, post):
    emulator.script(
        "openai", Fault("stream_error"), Fault("stream_cut"), Fault("stream_error"), Fault("stream_cut")
    )
    body = {**good("openai"), **STREAMING}
    text = http.post(PATHS["openai"], json=body).text
    assert [line for line in text.splitlines() if line.startswith("event:")] == [
        "event: image_generation.partial_image",
        "event: error",
    ]
    got = _until_cut(http, body)
    assert got.endswith(b"\n\n")
    assert got.count(b"event: ") == 1
    assert post("openai").status_code == 500  # without a stream: the nearest equivalents
    with pytest.raises(httpx2.RemoteProtocolError):
        post("openai")
