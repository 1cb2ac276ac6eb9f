"""The static views: everything escaped, nothing but an inline WebP in a `src`."""

from __future__ import annotations

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.filters import clean_html

from imagegen_nb.core.html_repr import Page, Tile, byte_size, html, text, wrapping

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></tr></table><iframe src=javascript:alert(1)>",
    "</code></div><h1>gone</h1>",
    "<!-- <table>",
    "]]><svg/onload=alert(1)>",
    "&lt;b&gt;&#60;b&#62;",
    "<style>*{display:none}</style>",
    "<plaintext>",
    "javascript:alert(1)",
    "\u2028\u202e<b>",
    "\x00<b>\x0c",
    "`${alert(1)}`",
    "$x^2$ \\(x\\)",
]


def tree(document: str) -> list[tuple]:
    """Every element with its attributes, without the texts: what a browser would build."""
    root = html5lib.parse(document, namespaceHTMLElements=False)
    return [
        (
            element.tag,
            sorted((name, "" if name == "alt" else value) for name, value in element.attrib.items()),
        )
        for element in root.iter()
        if isinstance(element.tag, str)
    ]


def tile(words: str = "x", thumbnail: bytes | None = None) -> Tile:
    return Tile(name=words, alt=words, path=words, facts=[words, words], thumbnail=lambda: thumbnail)


def card(words: str, thumbnail: bytes | None = b"webp") -> str:
    return html(words, [words, words], [tile(words, thumbnail)])


@pytest.mark.parametrize("thumbnail", [b"webp", None])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_builds_the_same_elements_as_harmless_text(hostile, thumbnail):
    assert tree(card(hostile, thumbnail)) == tree(card("harmless", thumbnail))


@settings(max_examples=100)
@given(st.text(st.sampled_from("<>&\"'/=!-{}ab \n`;\0\x0c"), min_size=1, max_size=40))
def test_any_text_builds_the_same_elements(words):
    assert tree(card(words)) == tree(card("harmless"))


def plain(words: str, count: int = 2) -> str:
    tiles = [tile(words, b"webp")] * count
    return Page(words, [words], tiles, count + 1, settings=[(words, words)], below=[words]).plain_html()


@pytest.mark.parametrize("words", ["harmless", *HOSTILE])
def test_a_strict_sanitizer_lets_the_plain_page_through(words):
    """nbconvert writes out every tag that it does not allow."""
    cleaned = clean_html(plain(words))
    shown, original = (html5lib.parse(page, namespaceHTMLElements=False) for page in (cleaned, plain(words)))
    if words.isprintable():  # control characters come out as "?"
        assert "".join(shown.itertext()) == "".join(original.itertext())
    assert [element.tag for element in shown.iter()] == [element.tag for element in original.iter()]
    assert tree(plain(words)) == tree(plain("harmless"))


def test_the_plain_page_has_no_picture_and_numbers_what_it_names():
    shown = html5lib.parse(plain("x", 3), namespaceHTMLElements=False)
    assert "src" not in plain("x", 3)
    assert len(shown.findall(".//ul/li")) == 1
    assert len(shown.findall(".//ol/li")) == 3


def test_settings_and_what_stands_below_are_shown_everywhere():
    page = Page("t", ["note"], [tile("x")], 1, settings=[("Image Size", "auto")], below=["the end"])
    for shown in (page.html(), page.plain_html(), page.text()):
        assert shown.index("note") < shown.index("Image Size") < shown.index("auto") < shown.index("the end")


def test_hostile_text_is_shown_as_it_is():
    root = html5lib.parse(card("<b>&amp;"), namespaceHTMLElements=False)
    assert "".join(root.itertext()).count("<b>&amp;") == 7
    assert next(root.iter("img")).attrib["alt"] == "<b>&amp;"


def test_the_only_source_is_an_inline_webp():
    root = html5lib.parse(card("x", b"bytes"), namespaceHTMLElements=False)
    addresses = [
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name in ("src", "href", "srcset", "action", "data")
    ]
    assert addresses == ["data:image/webp;base64,Ynl0ZXM="]


def test_an_image_stored_elsewhere_is_said_instead_of_shown():
    shown = html("t", [], [tile()])
    assert "<img" not in shown
    assert "image stored elsewhere" in shown


@pytest.mark.parametrize(("count", "rows"), [(0, []), (1, [1]), (4, [4]), (5, [4, 1]), (9, [4, 4, 1])])
def test_tiles_stand_four_in_a_row(count, rows):
    root = html5lib.parse(html("t", [], [tile()] * count), namespaceHTMLElements=False)
    assert [len(row.findall("td")) for row in root.iter("tr")] == rows


@pytest.mark.parametrize(
    ("total", "words"),
    [(0, ""), (2, ""), (3, "… and 1 more image, not"), (2002, "… and 2,000 more images, not")],
)
def test_what_is_not_shown_is_counted(total, words):
    for shown in (html("t", [], [tile()] * 2, total), text("t", [], [tile()] * 2, total)):
        assert words in shown
        assert ("more" in shown) == bool(words)


def test_a_path_is_shown_ready_to_be_copied():
    path = "step_2.output.assets.0.file_url"
    assert f"{{{{{path}}}}}" in html("t", [], [tile(path)])


def test_small_pictures_are_made_before_larger_ones():
    """Out of a larger one that is there a small one is made with other bytes than out of the image."""
    made: list[str] = []

    def making(size: str):
        return lambda: made.append(size) or size.encode()

    html("t", [], [Tile("a", "", "", [], making("small"), larger=making("larger"))] * 2)
    assert made == ["small", "small", "larger", "larger"]


def test_the_plain_text_makes_no_thumbnail():
    def refuse() -> bytes:
        raise AssertionError("a thumbnail was made")

    assert text("t", [], [Tile(name="n", alt="", path="p", facts=[], thumbnail=refuse)])


def test_the_plain_text_has_a_line_for_the_title_each_note_and_each_picture():
    tiles = [Tile(name="a.webp", alt="", path=f"output.assets.{n}", facts=["1 kB"]) for n in range(2)]
    assert text("Title", ["a note"], tiles).splitlines() == [
        "Title",
        "  a note",
        "  output.assets.0  a.webp  1 kB",
        "  output.assets.1  a.webp  1 kB",
    ]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (812, "812 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (34_100, "34.1 kB"),
        (999_900, "999.9 kB"),
        (999_999, "1,000.0 kB"),
        (1_400_000, "1.4 MB"),
        (5_000_000_000, "5.0 GB"),
    ],
)
def test_byte_counts_in_words(count, words):
    assert byte_size(count) == words


def test_only_what_is_longer_than_a_word_is_broken_inside() -> None:
    for whole in ("", "place", "+2.02\u00a0±\u00a01.06", "A lamp on a table. " * 40):
        assert wrapping(whole) == "overflow-wrap:normal;word-break:normal"
    for long in ("x" * 300, "see https://example.com/a/very/long/address/of/an/image"):
        assert wrapping(long).startswith("overflow-wrap:anywhere;min-width:")
