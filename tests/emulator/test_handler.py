from __future__ import annotations

import json
import time

import httpx2
import pytest
from support.emulated import EACH_PROVIDER, PATHS, good, pictures

from imagegen_nb.emulator import Fault, provider_names
from imagegen_nb.emulator.faults import KINDS

STREAMING = {"stream": True, "partial_images": 1}


@pytest.mark.parametrize(
    ("provider", "kind"),
    [
        (p, k)
        for p in provider_names()
        for k in KINDS
        if k not in ("hang", "drip") and (p == "openai" or not k.startswith("stream"))
    ],
)
def test_each_takes_one_request_and_then_all_is_well(emulator, post, provider, kind):
    emulator.script(provider, Fault(kind, seconds=0.0, size=1000))
    try:
        post(provider)
    except httpx2.TransportError:
        assert kind in ("drop", "cut", "stream_cut")
    assert [request.fault for request in emulator.requests] == [kind]
    assert pictures(provider, post(provider).json())
    assert emulator.count(provider) == 2


@EACH_PROVIDER
@pytest.mark.parametrize("value", ["2", "0.5", "Wed, 21 Oct 2026 07:28:00 GMT", "100000", "soon", "-1", ""])
def test_retry_after_is_verbatim(emulator, post, provider, value):
    emulator.script(
        provider, Fault("rate_limit", retry_after=value, retry_after_ms="1500"), Fault("rate_limit")
    )
    response = post(provider)
    assert (response.headers["retry-after"], response.headers["retry-after-ms"]) == (value, "1500")
    assert "retry-after" not in post(provider).headers


@EACH_PROVIDER
@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_server_errors(emulator, post, provider, code):
    emulator.script(
        provider,
        Fault("server_error", status=code, retry_after="3"),
        Fault("server_error", status=code, variant="html"),
    )
    response, page = post(provider), post(provider)
    assert (response.status_code, response.headers["retry-after"]) == (code, "3")
    assert response.json()
    assert page.status_code == code
    assert page.text.startswith("<!doctype html>")


@EACH_PROVIDER
def test_delay(emulator, post, provider):
    emulator.script(provider, Fault("delay", seconds=0.3))
    started = time.monotonic()
    assert post(provider).status_code == 200
    assert time.monotonic() - started >= 0.3


@EACH_PROVIDER
def test_malformed_successes(emulator, post, provider):
    emulator.script(provider, Fault("html"), Fault("json_list"), Fault("truncated_json"))
    page = post(provider)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert post(provider).json() == []
    beginning = post(provider)
    assert beginning.status_code == 200
    assert beginning.headers["content-type"].lower().startswith("application/json")
    with pytest.raises(json.JSONDecodeError):
        beginning.json()


@EACH_PROVIDER
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect(emulator, post, provider, code):
    emulator.script(provider, Fault("redirect", status=code, location="http://127.0.0.1:9/elsewhere"))
    response = post(provider)
    assert (response.status_code, response.headers["location"]) == (code, "http://127.0.0.1:9/elsewhere")


@EACH_PROVIDER
def test_gzip(emulator, http, provider):
    emulator.script(provider, Fault("gzip"))
    with http.stream(
        "POST", PATHS[provider], json=good(provider), headers={"accept-encoding": "identity"}
    ) as response:
        assert response.headers["content-encoding"] == "gzip"
        raw = b"".join(response.iter_raw())
    assert raw.startswith(b"\x1f\x8b")


def test_picture_faults_reach_a_stream_too(emulator, http):
    emulator.script("openai", Fault("bad_base64"), Fault("empty"), Fault("cut"), Fault("fewer"))
    body = {**good("openai"), **STREAMING}
    assert "not base64" in http.post(PATHS["openai"], json=body).text
    assert http.post(PATHS["openai"], json=body).text == ""
    with pytest.raises(httpx2.RemoteProtocolError):
        http.post(PATHS["openai"], json=body)
    assert http.post(PATHS["openai"], json=body).text == ""


def test_an_invalid_request_is_refused_even_with_a_late_fault(emulator, post):
    emulator.script("openai", Fault("cut"))
    assert post("openai", n=99).status_code == 400
    assert post("openai").status_code == 200
