"""What a page asks is answered, or refused with the reason; nothing it sends raises."""

from __future__ import annotations

import pytest
from support.sample_keys import one_of_each

from imagegen_nb.errors import InvalidOption
from imagegen_nb.widgets.requests import AnsweringWidget

KEY = one_of_each()["an OpenAI key"]


class Echo(AnsweringWidget):
    def _answer(self, content):
        if isinstance(content.get("raise"), Exception):
            raise content["raise"]
        return {"type": "echo", "said": content.get("said")}, [b"file"]


@pytest.fixture
def sent(monkeypatch):
    sent: list[tuple[dict, list[bytes]]] = []
    monkeypatch.setattr(Echo, "send", lambda _, content, buffers=None: sent.append((content, buffers)))
    return sent


def test_an_answer_bears_the_request_and_its_files(sent):
    Echo()._handle_custom_msg({"request": "7", "said": "hello"}, [])
    assert sent == [({"type": "echo", "said": "hello", "request": "7"}, [b"file"])]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidOption("most = -1: give a whole number"), "most = -1: give a whole number"),
        (ValueError("odd"), "ValueError: odd"),
        (ValueError(f"bad {KEY}"), "ValueError: bad [redacted]"),
    ],
)
def test_what_fails_is_refused_with_the_reason_and_without_a_key(sent, error, reason):
    Echo()._handle_custom_msg({"request": "7", "raise": error}, [])
    assert sent == [({"type": "refused", "reason": reason, "request": "7"}, [])]


@pytest.mark.parametrize("content", [None, "text", [], {}, {"request": 7}, {"request": "x" * 65}])
def test_what_is_no_request_is_left_alone(sent, content):
    Echo()._handle_custom_msg(content, [])
    assert sent == []
