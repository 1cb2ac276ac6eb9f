from __future__ import annotations

import pytest

from imagegen_nb.emulator import Emulator, Fault
from imagegen_nb.emulator.state import fingerprint, loggable_headers


def test_script_is_all_or_nothing():
    emulator = Emulator()
    with pytest.raises(ValueError):
        emulator.script("xai", Fault("rate_limit"), Fault("stream_cut"))
    with pytest.raises(ValueError, match="unknown provider"):
        emulator.script("nobody", Fault("ok"))
    assert emulator._state.queued() == {"openai": 0, "xai": 0, "gemini": 0}


def test_logged_headers_hold_no_secret():
    pairs = [("Authorization", "Bearer k"), ("X-Goog-Api-Key", "k"), ("Accept", "a"), ("accept", "b")]
    assert loggable_headers(pairs) == {
        "authorization": fingerprint("Bearer k"),
        "x-goog-api-key": fingerprint("k"),
        "accept": "a, b",
    }
    assert fingerprint("k") == fingerprint("k") != fingerprint("l")
    assert len(fingerprint("\ud800")) == len("sha256:") + 8
