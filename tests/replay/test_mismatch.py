"""What a miss says: the nearest recording first, then every difference, short and without keys."""

from __future__ import annotations

import json

import pytest

from imagegen_nb.replay.mismatch import explain
from imagegen_nb.replay.recording import Recording

URL = "https://api.openai.com/v1/images/generations"
LONG = "a lamp on a table in a room with many windows, seen from above, in the evening, " * 5


def call(prompt: object = "a lamp", url: str = URL, number: str = "0", **more) -> Recording:
    body = json.dumps({"model": "gpt-image-2", "prompt": prompt, **more}).encode()
    return Recording(method="POST", url=url, call=number, request_body=body, status=200)


def test_the_nearest_is_the_one_that_differs_least():
    recorded = [
        call("an entirely different thing"),
        call("a lamp!"),
        call("a lamp", n=2, size="1x1"),
        call(url=URL + "x"),
    ]
    message = explain(call("a lamp?"), recorded)
    assert "prompt: recorded 'a lamp!', asked 'a lamp?'" in message
    assert message.count(":") < 20


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (call(n=2), "n: now 2, left out when recorded"),
        (
            call(url="https://api.x.ai/v1/images/generations"),
            "host: recorded 'api.openai.com', asked 'api.x.ai'",
        ),
        (call(url=f"{URL}?a=1"), "query: recorded '', asked 'a=1'"),
        (call(number="7"), "call number: recorded '0', asked '7'"),
        (call(["a", {"b": 1}]), "prompt[1].b: now 1, left out when recorded"),
        (
            Recording(method="GET", url=URL, call="0", request_body=b"x", status=0),
            "method: recorded 'POST', asked 'GET'",
        ),
        (Recording(method="POST", url=URL, call="0", request_body=b"x", status=0), "body: recorded '{"),
    ],
)
def test_every_kind_of_difference_is_named(asked, words):
    assert words in explain(asked, [call()])


def test_a_long_value_is_shown_where_it_differs():
    message = explain(call(LONG), [call(LONG[:200] + "X" + LONG[201:])])
    (line,) = [line for line in message.splitlines() if "prompt:" in line]
    assert len(line) < 200
    assert "X" in line


def test_an_empty_cassette_and_a_call_without_end():
    assert "the cassette is empty" in explain(call(), [])
    many = {f"field{number}": number for number in range(40)}
    assert "… and 32 more" in explain(call(**many), [call()])


def test_no_key_is_shown():
    message = explain(call("a canary-key-13579 lamp"), [call()], ["canary-key-13579"])
    assert "canary" not in message
    assert "[redacted]" in message
