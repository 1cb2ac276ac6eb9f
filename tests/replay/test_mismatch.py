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


def test_a_prompt_that_differs_by_a_value_of_one_run_is_nearest_however_few_letters_it_shares():
    text = explain(call("lamp 1e9fa6"), [call("a lamp"), call("lamp 1e0000")])
    assert "recorded 'lamp 1e0000'" in text
    assert REMEDY in text


def test_a_long_value_is_shown_where_it_differs():
    message = explain(call(LONG), [call(LONG[:200] + "X" + LONG[201:])])
    (line,) = [line for line in message.splitlines() if "prompt:" in line]
    assert len(line) < 200
    assert "X" in line


REMEDY = "which differs in each run or folder"


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        ("lamp 0e7a3c52", "lamp 1b9f00aa"),
        ("lamp 0e7a", "lamp 1b9f"),
        ("lamp-0e7a3c52-8d0b-4f44-9b4e-0123456789ab", "lamp-@@asset:1f2e3d4c5b6a:id@@"),
        ("see @@asset:store@@/x.png", "see /home/them/other/x.png"),
        ("like @@asset:1f2e3d4c5b6a:file_url@@!", "like file:///home/them/blobs/x.png!"),
        ("in /tmp/tmpab12cd/x", "in /tmp/tmpzz98yx/x"),
        ("at 2026-11-21T11:49:51.123Z", "at 2026-11-22 01:00:00+01:00"),
        ("at 11:49:51", "at 01:00:00"),
        ("seed 1732673162.12", "seed 1732679999"),
        ("V1StGXR8Z5jdHi6BmyT4", "a8sdfkjh3kjhasdf8aaa"),
        ("two: 0e7a3c52, /a/b/c", "two: 1b9f00aa, /d/e"),
    ],
)
def test_a_value_of_one_run_gets_a_remedy(recorded, asked):
    message = explain(call(asked), [call(recorded)])
    assert REMEDY in message
    assert "such as an asset's file_name" in message


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        ("a lamp", "a fox"),
        ("2 lamps", "3 lamps"),
        ("in 1920", "in 1930"),
        ("in #ff8800", "in #ff0000"),
        ("a facade", "a decade"),
        ("black and/or white", "black or white"),
        ("lamp 0e7a3c52 on a table", "fox 1b9f00aa on a table"),
        ("a lamp 16:9", "a lamp 4:3"),
        ("a lamp", ["a lamp"]),
    ],
)
def test_a_changed_prompt_gets_none(recorded, asked):
    assert REMEDY not in explain(call(asked), [call(recorded)])


def test_a_long_prompt_takes_no_time():
    assert REMEDY not in explain(call("x" * 60_000), [call("y" * 60_000)])


def test_another_difference_beside_it_gets_none():
    recorded = [call("lamp 0e7a3c52")]
    for asked in (
        call("lamp 1b9f00aa", number="1"),
        call("lamp 1b9f00aa", n=2),
        call("lamp 1b9f00aa", URL + "x"),
    ):
        assert REMEDY not in explain(asked, recorded)


def test_an_empty_cassette_and_a_call_without_end():
    assert "the cassette is empty" in explain(call(), [])
    many = {f"field{number}": number for number in range(40)}
    assert "… and 32 more" in explain(call(**many), [call()])


def test_no_key_is_shown():
    message = explain(call("a canary-key-13579 lamp"), [call()], ["canary-key-13579"])
    assert "canary" not in message
    assert "[redacted]" in message
