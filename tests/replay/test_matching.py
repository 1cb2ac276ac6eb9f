"""Two requests have one key exactly where vcrpy finds them the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vcr import matchers
from vcr.request import Request

from imagegen_nb.replay.matching import key_of
from imagegen_nb.replay.recording import Recording

MATCHERS = [getattr(matchers, name) for name in ("method", "scheme", "host", "port", "path", "query", "body")]
URL = "https://api.openai.com/v1/images"
VALUES = st.recursive(
    st.sampled_from([0, 1, 1.0, -1, True, False, None, "", "a", "1", float("nan"), 1e400]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
# vcrpy finds a bare NaN unlike itself; no request is one.
BODIES = (
    st.builds(json.dumps, VALUES, indent=st.sampled_from([None, 2]))
    .map(str.encode)
    .filter(lambda body: body != b"NaN")
    | st.sampled_from([b"", b"null", b"[", b"{}", b"[]", b"\xff", b'{"a": 1, "a": 2}', b'{"b": 1, "a": 2}'])
    | st.sampled_from([b'{"a": 2, "b": 1}', b'{"a":2}', b"9" * 5_000, b"1", b"true"])
)
URLS = st.sampled_from(
    [
        URL,
        URL.upper().replace("V1/IMAGES", "v1/images"),
        f"{URL}?b=1&a=2",
        f"{URL}?a=2&b=1",
        f"{URL}?a=",
        f"{URL};x",
        f"{URL}#x",
        f"{URL}/",
        "https://api.openai.com:443/v1/images",
        "http://api.openai.com/v1/images",
        "http://api.openai.com:443/v1/images",
        "https://api.openai.com",
        "https://api.openai.com/",
    ]
)
REQUESTS = st.builds(
    Recording,
    method=st.sampled_from(["POST", "GET", "post"]),
    url=URLS,
    call=st.sampled_from(["0", "00", "1"]),
    request_body=BODIES,
    status=st.just(0),
)


def are_the_same_to_vcrpy(one: Recording, other: Recording) -> bool:
    requests = (
        Request(each.method, each.url, each.request_body, {"content-type": "application/json"})
        for each in (one, other)
    )
    return matchers.requests_match(*requests, MATCHERS) and one.call == other.call


def hold(one: Recording, other: Recording) -> None:
    assert (key_of(one) == key_of(other)) == are_the_same_to_vcrpy(one, other)
    assert {key_of(one): 1}.get(key_of(other), 0) == are_the_same_to_vcrpy(one, other)


@settings(deadline=None, max_examples=500)  # no assertion on wall time
@given(REQUESTS, REQUESTS)
def test_any_two_requests(one, other):
    hold(one, other)


@settings(deadline=None, max_examples=500)
@given(BODIES, BODIES, URLS, URLS)
def test_requests_that_differ_in_one_thing(body, other_body, url, other_url):
    def request(url, body):
        return Recording(method="POST", url=url, call="0", request_body=body, status=0)

    hold(request(URL, body), request(URL, other_body))
    hold(request(url, b"{}"), request(other_url, b"{}"))


@pytest.mark.parametrize("body", [b"[" * 50_000, b'{"a":' * 50_000])
def test_a_body_too_deep_for_json_is_compared_by_its_bytes(body):
    def request(body):
        return Recording(method="POST", url=URL, call="0", request_body=body, status=0)

    assert key_of(request(body)) == key_of(request(body)) != key_of(request(body[1:]))
