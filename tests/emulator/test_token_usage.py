from __future__ import annotations

from imagegen_nb.emulator.token_usage import text_tokens


def test_text_is_an_approximation_but_a_steady_one():
    assert text_tokens("") == 1
    assert text_tokens("abcde") == 2
    assert text_tokens("\U0001f98a") == 1
    assert text_tokens("\ud800") == 1
