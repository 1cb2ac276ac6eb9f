"""File names are readable, and nothing but names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen_nb.core.filenames import file_name, slug


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Hero image", "hero-image"),
        ("  A hero--image!  ", "a-hero-image"),
        ("snake_case_name", "snake-case-name"),
        ("Straße in München", "straße-in-münchen"),
        ("東京タワー", "東京タワー"),
        ("ﬁne “quotes” № 5", "fine-quotes-no-5"),
        ("", "image"),
        ("!!!", "image"),
        ("😀", "image"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Windows\\System32", "c-windows-system32"),
        ("a\0b\nc", "a-b-c"),
        ("Like file:///home/ann/blobs/70/70aa.png at night", "like-at-night"),
        ("https://example.org/a.png?signature=x", "image"),
    ],
)
def test_a_slug_is_the_words_joined_by_hyphens(words, expected):
    assert slug(words) == expected


def test_a_long_label_is_cut_between_words():
    assert slug("a picture of a very long sentence that goes on and on and on") == (
        "a-picture-of-a-very-long-sentence-that-goes-on"
    )


def test_one_long_word_is_cut():
    assert slug("x" * 1000) == "x" * 48


def test_scripts_with_combining_marks_stay_readable():
    assert slug("हिन्दी चित्र") == "हिन्दी-चित्र"


@settings(max_examples=100)
@given(st.text(max_size=600))
def test_a_slug_is_always_a_plain_short_name(words):
    name = slug(words)
    assert 1 <= len(name) <= 48
    assert not set(name) & set('/\\:*?"<>|. \t\r\n\0')
    assert not name.startswith("-")
    assert not name.endswith("-")
    assert "--" not in name
    assert name.isprintable()
    assert len(file_name(words, 10, "webp").encode()) <= 255


def test_a_file_name_has_the_number_and_the_format():
    assert file_name("Hero image", 3, "webp") == "hero-image-3.webp"
