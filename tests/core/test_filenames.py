"""File names are readable, and nothing but names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen_nb.core.filenames import file_name, image_ending_meant, kind_named, slug, with_ending
from imagegen_nb.errors import StoreError


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


ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *[
            ("a.jpgg", ".jpg"),
            ("a.pgn", ".png"),
            ("a.PGN", ".png"),
            ("a.webpp", ".webp"),
            ("a.wepb", ".webp"),
        ],
        *[("a.pngg", ".png"), ("a.jpge", ".jpeg"), ("a.jepg", ".jpeg"), ("a.wbep", ".webp")],
        *[(f"a{ending}", "") for ending in ENDINGS],
        *[(f"a.{word}", "") for word in ("", "2", "v2", "final", "print", "web", "large", "jug", "old", "p")],
        *[("a", ""), (".png", ""), ("v1.2", "")],
    ],
)
def test_an_ending_with_a_slip_is_known(name: str, meant: str) -> None:
    assert image_ending_meant(name, ENDINGS) == meant


def test_kinds_of_images_are_known_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mimetypes.guess_type", lambda name, strict: (None, None))
    assert {kind_named(f"a.{ending}") for ending in ("heic", "avif", "JXL", "dng", "pdf")} >= {"image/heic"}
    assert all(kind_named(f"a.{ending}") for ending in ("heic", "avif", "JXL", "dng", "pdf"))
    assert kind_named("a.v2") == ""


PAGE = ((".html", ".htm"), "this is an HTML page", StoreError)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("sheet", "sheet.html"),
        ("sheet.html", "sheet.html"),
        ("sheet.HTM", "sheet.HTM"),
        ("sheet.v2", "sheet.v2.html"),
        ("sheet.2", "sheet.2.html"),
        ("Mr. Fox", "Mr. Fox.html"),
        (".sheet", ".sheet.html"),
    ],
)
def test_a_name_without_an_ending_gets_one(tmp_path: Path, given: str, name: str) -> None:
    assert with_ending(tmp_path / given, *PAGE) == tmp_path / name


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("sheet.pdf", "promises application/pdf"),
        ("sheet.json", "promises application/json"),
        ("sheet.toml", ""),
        ("sheet.final", "ends in .final"),
    ],
)
def test_a_name_with_another_ending_is_refused(tmp_path: Path, given: str, reason: str) -> None:
    with pytest.raises(StoreError) as refused:
        with_ending(tmp_path / given, *PAGE)
    assert f"{given}: this is an HTML page, and its name {reason}" in str(refused.value)
    assert str(refused.value).endswith("; save it as sheet.html")
