"""Buttons for the page's files and clipboard: what they take from a message, and what they send."""

from __future__ import annotations

import pytest

from imagegen_nb.widgets.buttons import CopyButton, FileButton


def test_a_chosen_file_arrives_as_bytes():
    files = []
    button = FileButton(lambda *file: files.append(file), label="Import", accept=".json", largest=4)
    button._handle_custom_msg({"type": "file", "name": "a.json"}, [memoryview(b"{}")])
    assert files == [("a.json", b"{}")]


@pytest.mark.parametrize("buffers", [[], [memoryview(b"12345")]], ids=["left-in-the-page", "sent-anyway"])
def test_a_file_that_is_too_large_arrives_without_its_bytes(buffers):
    files = []
    button = FileButton(lambda *file: files.append(file), label="Import", largest=4)
    button._handle_custom_msg({"type": "file", "name": "a.json"}, buffers)
    assert files == [("a.json", None)]


@pytest.mark.parametrize("message", [None, 3, {}, {"type": "file"}, {"type": "file", "name": 3}])
def test_other_messages_choose_no_file(message):
    files = []
    FileButton(lambda *file: files.append(file))._handle_custom_msg(message, [memoryview(b"{}")])
    assert files == []


@pytest.mark.parametrize("text", ["code", None])
def test_a_press_sends_the_text_of_that_moment(monkeypatch, text):
    sent = []
    monkeypatch.setattr(CopyButton, "send", lambda _, content, buffers=None: sent.append(content))
    button = CopyButton(lambda: text, label="Copy")
    button._handle_custom_msg({"type": "release"}, [])
    assert sent == []
    button._handle_custom_msg({"type": "press"}, [])
    assert sent == [{"type": "text", "text": text}]


def test_their_texts_name_them():
    assert repr(FileButton(print, label="Import")) == "Import (run this cell to see it live)"
    assert repr(CopyButton(str, label="Copy")) == "Copy (run this cell to see it live)"
