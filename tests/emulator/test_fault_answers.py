"""Every fault kind, for every provider, as raw HTTP: what arrives, and that it takes exactly one request."""

from __future__ import annotations

import base64
import binascii
import json
import time

import httpx2
import pytest
from support.emulated import KEY, PATHS, good, picture

from imagegen_nb.emulator import Fault
from imagegen_nb.emulator.faults import KINDS, PROVIDERS

PROVIDER = pytest.mark.parametrize("provider", PROVIDERS)
STREAMING = {"stream": True, "partial_images": 1}


def pictures(provider: str, body: dict) -> list[str]:
    """The base64 texts of an answer."""
    if provider != "gemini":
        return [item["b64_json"] for item in body["data"]]
    parts = [part for one in body["candidates"] for part in one["content"]["parts"]]
    return [part["inlineData"]["data"] for part in parts if "inlineData" in part]


def status(provider: str, body: dict) -> str | int | None:
    """The provider's own error code."""
    match provider:
        case "openai":
            return body["error"]["code"]
        case "xai":
            return body["code"]
        case _:
            return body["error"]["status"]


@pytest.mark.parametrize(
    ("provider", "kind"),
    [
        (p, k)
        for p in PROVIDERS
        for k in KINDS
        if k != "hang" and (p == "openai" or not k.startswith("stream"))
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


REFUSALS = [
    ("rate_limit", (429, "rate_limit_exceeded"), (429, "resource-exhausted"), (429, "RESOURCE_EXHAUSTED")),
    ("quota", (429, "insufficient_quota"), (403, "permission-denied"), (429, "RESOURCE_EXHAUSTED")),
    ("auth", (401, "invalid_api_key"), (400, "invalid-argument"), (400, "INVALID_ARGUMENT")),
    ("permission", (403, None), (403, "permission-denied"), (403, "PERMISSION_DENIED")),
    ("server_error", (500, None), (500, "internal-error"), (500, "INTERNAL")),
    ("not_found", (404, "model_not_found"), (404, "not-found"), (404, "NOT_FOUND")),
    ("bad_request", (400, "invalid_value"), (400, "invalid-argument"), (400, "INVALID_ARGUMENT")),
    ("echo_key", (401, "invalid_api_key"), (400, "invalid-argument"), (400, "INVALID_ARGUMENT")),
]


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row[0])
def test_refusals(emulator, post, row):
    kind, *expected = row
    for provider, (code, name) in zip(PROVIDERS, expected, strict=True):
        emulator.script(provider, Fault(kind))
        answer = post(provider)
        assert (answer.status_code, status(provider, answer.json())) == (code, name)
        assert (KEY in answer.text) == (kind == "echo_key")
        assert answer.headers["x-imagegen-emulator"] == "1"
        assert emulator.count(provider) == 1


@PROVIDER
@pytest.mark.parametrize("value", ["2", "0.5", "Wed, 21 Oct 2026 07:28:00 GMT", "100000", "soon", "-1", ""])
def test_retry_after_is_verbatim(emulator, post, provider, value):
    emulator.script(
        provider, Fault("rate_limit", retry_after=value, retry_after_ms="1500"), Fault("rate_limit")
    )
    answer = post(provider)
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == (value, "1500")
    assert "retry-after" not in post(provider).headers


def test_google_says_when_in_the_details(emulator, post):
    emulator.script("gemini", Fault("rate_limit", retry_after="2"), Fault("quota"))
    details = post("gemini").json()["error"]["details"]
    assert details[1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}
    (quota,) = post("gemini").json()["error"]["details"]
    assert quota["@type"].endswith("QuotaFailure")
    assert "illing" in quota["violations"][0]["description"]


def test_money_codes(emulator, post):
    emulator.script("openai", Fault("quota", code="billing_hard_limit_reached"), Fault("quota", status=402))
    answer = post("openai")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "billing_hard_limit_reached")
    assert post("openai").status_code == 402


@PROVIDER
@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_server_errors(emulator, post, provider, code):
    emulator.script(
        provider,
        Fault("server_error", status=code, retry_after="3"),
        Fault("server_error", status=code, variant="html"),
    )
    answer, page = post(provider), post(provider)
    assert (answer.status_code, answer.headers["retry-after"]) == (code, "3")
    assert answer.json()
    assert page.status_code == code
    assert page.text.startswith("<!doctype html>")


@PROVIDER
def test_hang(emulator, http, provider):
    emulator.script(provider, Fault("hang"))
    with pytest.raises(httpx2.ReadTimeout):
        http.post(PATHS[provider], json=good(provider), timeout=0.3)
    assert emulator.count(provider) == 1


@PROVIDER
def test_delay(emulator, post, provider):
    emulator.script(provider, Fault("delay", seconds=0.3))
    started = time.monotonic()
    assert post(provider).status_code == 200
    assert time.monotonic() - started >= 0.3


@PROVIDER
def test_dropped_and_cut_connections(emulator, post, provider):
    emulator.script(provider, Fault("drop"), Fault("drop", reset=True), Fault("cut"))
    with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
        post(provider)
    with pytest.raises(httpx2.ReadError):
        post(provider)
    with pytest.raises(httpx2.RemoteProtocolError, match="without sending complete message body"):
        post(provider)
    assert emulator.count(provider) == 3


@PROVIDER
def test_cut_sends_half_of_the_body_under_the_full_length(emulator, http, provider):
    emulator.script(provider, Fault("cut"))
    got = 0
    with http.stream("POST", PATHS[provider], json=good(provider)) as answer:
        promised = int(answer.headers["content-length"])
        with pytest.raises(httpx2.RemoteProtocolError):  # noqa: PT012 (what came before it is counted)
            for chunk in answer.iter_raw():
                got += len(chunk)
    assert got == promised // 2 > 10_000


@PROVIDER
def test_drip_comes_byte_by_byte(emulator, http, provider):
    emulator.script(provider, Fault("drip", seconds=0.02))
    with http.stream("POST", PATHS[provider], json=good(provider)) as answer:
        raw = answer.iter_raw()
        chunks = [next(raw) for _ in range(5)]
        assert max(map(len, chunks)) < 5
        assert int(answer.headers["content-length"]) > 10_000


@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_moderation(emulator, post, provider):
    emulator.script(provider, Fault("moderation"))
    answer = post(provider)
    assert answer.status_code == 400
    body = answer.json()
    if provider == "openai":
        assert body["error"]["code"] == "moderation_blocked"
        assert body["error"]["type"] == "image_generation_user_error"
        assert body["error"]["moderation_details"]["moderation_stage"] == "input"
    else:
        assert body["code"] == "imagine:content-moderated"
        assert body["usage"] == {"cost_in_usd_ticks": 200_000_000}


def test_google_moderation_is_a_200(emulator, post):
    emulator.script(
        "gemini",
        Fault("moderation"),
        Fault("moderation", code="IMAGE_PROHIBITED_CONTENT"),
        Fault("moderation", variant="prompt"),
    )
    first, second, third = (post("gemini") for _ in range(3))
    assert {answer.status_code for answer in (first, second, third)} == {200}
    (candidate,) = first.json()["candidates"]
    assert candidate["finishReason"] == "IMAGE_SAFETY"
    assert "content" not in candidate
    assert second.json()["candidates"][0]["finishReason"] == "IMAGE_PROHIBITED_CONTENT"
    assert third.json()["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    assert "candidates" not in third.json()


def test_fewer(emulator, post):
    emulator.script("openai", Fault("fewer", images=2))
    emulator.script("xai", Fault("fewer", images=1))
    emulator.script("gemini", Fault("fewer"))
    answer = post("openai", n=4, quality="low").json()
    assert len(answer["data"]) == 2
    assert answer["usage"]["output_tokens"] == 392
    answer = post("xai", n=3).json()
    assert [bool(item["b64_json"]) for item in answer["data"]] == [True, False, False]
    assert answer["usage"]["cost_in_usd_ticks"] == 200_000_000
    assert post("gemini").json()["candidates"] == [{"finishReason": "NO_IMAGE", "index": 0}]


@PROVIDER
def test_empty(emulator, post, provider):
    emulator.script(provider, *(Fault("empty", variant=name) for name in ("null", "list", "object")))
    key = "candidates" if provider == "gemini" else "data"
    assert [post(provider).json().get(key) for _ in range(3)] == [None, [], [{}]]


def test_text_only(emulator, post):
    for provider in PROVIDERS:
        emulator.script(provider, Fault("text_only"))
    assert post("openai").json()["data"] == []
    assert post("xai").json()["data"] == []
    (part,) = post("gemini").json()["candidates"][0]["content"]["parts"]
    assert set(part) == {"text"}


@PROVIDER
def test_spoiled_pictures(emulator, post, provider):
    emulator.script(
        provider,
        Fault("wrong_bytes"),
        Fault("wrong_bytes", variant="random"),
        Fault("truncated_image"),
        Fault("bad_base64"),
    )
    page, noise, half, bad = (pictures(provider, post(provider).json())[0] for _ in range(4))
    assert base64.b64decode(page, validate=True).startswith(b"<!doctype html>")
    for text in (noise, half):
        assert base64.b64decode(text, validate=True)
        with pytest.raises(OSError):
            picture(text)
    with pytest.raises(binascii.Error):
        base64.b64decode(bad, validate=True)


def test_wrong_type(emulator, post):
    for provider in PROVIDERS:
        emulator.script(provider, Fault("wrong_type"))
    answer = post("openai", background="transparent").json()
    assert (answer["output_format"], picture(answer["data"][0]["b64_json"]).format) == ("png", "JPEG")
    (item,) = post("xai").json()["data"]
    assert (item["mime_type"], picture(item["b64_json"]).format) == ("image/jpeg", "PNG")
    blob = post("gemini").json()["candidates"][0]["content"]["parts"][0]["inlineData"]
    assert (blob["mimeType"], picture(blob["data"]).format) == ("image/png", "JPEG")


def test_spoiled_pictures_by_url(emulator, post, http):
    emulator.script("xai", Fault("wrong_bytes"))
    url = post("xai", response_format="url").json()["data"][0]["url"]
    assert http.get(url).content.startswith(b"<!doctype html>")


@PROVIDER
def test_malformed_successes(emulator, post, provider):
    emulator.script(provider, Fault("html"), Fault("json_list"), Fault("truncated_json"))
    page = post(provider)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert post(provider).json() == []
    half = post(provider)
    assert half.status_code == 200
    assert half.headers["content-type"].lower().startswith("application/json")
    with pytest.raises(json.JSONDecodeError):
        half.json()


@PROVIDER
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect(emulator, post, provider, code):
    emulator.script(provider, Fault("redirect", status=code, location="http://127.0.0.1:9/elsewhere"))
    answer = post(provider)
    assert (answer.status_code, answer.headers["location"]) == (code, "http://127.0.0.1:9/elsewhere")


@PROVIDER
def test_huge(emulator, http, provider):
    size = 3_000_001
    emulator.script(provider, Fault("huge", size=size), Fault("huge", size=10**12))
    assert len(http.post(PATHS[provider], json=good(provider)).content) == size
    with http.stream("POST", PATHS[provider], json=good(provider)) as answer:
        assert len(next(answer.iter_raw())) > 0  # and leave: the server must notice
    assert http.get("/_emulator/health").status_code == 200


@PROVIDER
def test_gzip(emulator, http, provider):
    emulator.script(provider, Fault("gzip"))
    with http.stream(
        "POST", PATHS[provider], json=good(provider), headers={"accept-encoding": "identity"}
    ) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join(answer.iter_raw())
    assert raw.startswith(b"\x1f\x8b")


def _until_cut(http: httpx2.Client, body: dict) -> bytes:
    """What arrives before the connection breaks."""
    got = b""
    with http.stream("POST", PATHS["openai"], json=body) as answer:
        try:
            for chunk in answer.iter_raw():
                got += chunk
        except httpx2.RemoteProtocolError:
            return got
    raise AssertionError("the body ended in order")


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
