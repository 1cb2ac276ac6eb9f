"""Keys are masked in messages and found in files, in every form a key travels in."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import text

from imagegen_nb.core import redaction
from imagegen_nb.core.redaction import MASK, find, redact, visible

SHAPES = {
    "sk-" + "a1B2c3D4e5F6g7H8i9J0": "an OpenAI key",
    "sk-proj-" + "abc_DEF-0123456789abcdef": "an OpenAI key",
    "sk-svcacct-" + "Zz09_-Zz09_-Zz09_-": "an OpenAI key",
    "xai-" + "q" * 80: "an xAI key",
    "AIza" + "Sy0123456789abcdefghijklmnopqrstuvw": "a Google API key",
    "AQ." + "Ab8RN6abcdefghijklmnop_-": "a Gemini API key",
    "ya29." + "a0AfH6SMBx-abcdefghijk": "a Google access token",
    "Bearer " + "abcdef0123456789": "a bearer token",
    "bearer\t" + "eyJhbGciOi.JIUzI1NiJ9.sig=": "a bearer token",
    "X-Amz-Signature=" + "0a1b2c3d" * 8: "the signature of an address",
    "X-Goog-Signature=" + "0a1b2c3d" * 64: "the signature of an address",
    "sig=" + "aB3dE6%2Fh" * 5 + "%3D": "the signature of an address",
    "BEARER  " + "AbC/def+0123456789~": "a bearer token",
}
PADDING = " " * 5_000
"""A text that is longer is searched in another way."""
AROUND = [
    "{}",
    "key={}",
    "key: {}",
    "the key {} was refused",
    '{{"key": "{}"}}',
    "({})",
    "first line\n{}\nlast line",
    "https://host/?key={}&x=1",
    "OPENAI_{}",
    "my_{}",
    "%20{}",
    "%3D{}",
    "é{}",
]


def part(secret: str) -> str:
    """The secret half of a key's text: what must not be left anywhere."""
    return secret[-12:]


@pytest.mark.parametrize("around", AROUND)
def test_anything_shaped_like_a_key_is_masked_wherever_it_stands(around):
    shown = [redact(around.format(key)) for key in SHAPES]
    assert [key for key, text in zip(SHAPES, shown, strict=True) if part(key) in text] == []
    assert all(MASK in text for text in shown)


@pytest.mark.parametrize("around", AROUND)
def test_anything_shaped_like_a_key_is_found_and_named(around):
    assert {key: find(around.format(key)) for key in SHAPES} == SHAPES


@pytest.mark.parametrize(
    "harmless",
    [
        "",
        "a blue bottle on a table",
        "sk-short",
        "xai-image",
        "a task-oriented-assistant-for-everyone",
        "risk-assessment-of-the-whole-project",
        "the bearer of bad news",
        "Bearer token",
        "grok-imagine-image-quality",
        "https://files.example/7d2f9f6e-6a39-4d53-9d35-0d9e3f6d7a10.png",
        "a" * 64,
        "FAQ.how-do-i-generate-an-image-with-this",
    ],
)
def test_ordinary_text_stays(harmless):
    assert redact(harmless) == harmless
    assert find(harmless) is None


def test_the_words_around_a_key_stay():
    assert redact("Incorrect key: sk-aaaaaaaaaaaaaaaaaaaaaaaa. See the docs") == (
        f"Incorrect key: {MASK}. See the docs"
    )


def test_every_key_of_a_text_is_masked():
    shown = redact(" ".join(SHAPES))
    assert not [key for key in SHAPES if part(key) in shown]


def test_find_never_gives_the_key_itself():
    for key in SHAPES:
        assert part(key) not in str(find(key, [key]))


# Keys that are known

SECRETS = st.text(st.sampled_from("ABCDxyz019+/-_.~:!'\"\\"), min_size=8, max_size=40)
FORMS: dict[str, Callable[[str], str]] = {
    "as it stands": str,
    "in a URL": quote,
    "in a query": quote_plus,
    "wholly URL-encoded": lambda secret: quote(secret, safe=""),
}


@pytest.mark.parametrize("form", FORMS)
@given(secret=SECRETS, before=text, after=text)
def test_a_known_key_never_survives_redaction(form, secret, before, after):
    written = FORMS[form](secret)
    assert written not in redact(before + written + after, [secret], limit=10_000)


@pytest.mark.parametrize("form", FORMS)
@given(secret=SECRETS, before=text, after=text)
def test_a_known_key_is_found_in_every_form(form, secret, before, after):
    assert find(before + FORMS[form](secret) + after, [secret]) is not None


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@given(secret=SECRETS, before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_a_known_key_is_found_inside_base64_at_every_alignment(encode, secret, before, after):
    written = encode(before + secret.encode() + after).decode()
    assert find(f"data: {written};", [secret]) is not None


@given(secret=SECRETS, before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_a_known_key_in_base64_is_masked_to_its_edges(secret, before, after):
    written = b64encode(before + secret.encode() + after).decode()
    shown = redact(written, [secret])
    left = shown.replace(MASK, " ").split()
    assert sum(map(len, left)) <= len(b64encode(before)) + len(b64encode(after)) + 8


def test_a_key_that_holds_another_one_is_masked_whole():
    shown = redact("x long-secret-extended y", ["long-secret", "long-secret-extended"])
    assert shown == f"x {MASK} y"


def test_a_key_of_an_unknown_shape_is_named_as_in_use():
    assert find("x plain-old-password y", ["plain-old-password"]) == "a key that is in use here"


@pytest.mark.parametrize("short", ["", "a", "bottle", "1234567"])
def test_known_values_too_short_to_be_keys_are_left_alone(short):
    assert redact("a bottle 1234567", [short]) == "a bottle 1234567"
    assert find("a bottle 1234567", [short]) is None


# Length


def test_a_long_text_is_cut_after_masking():
    shown = redact("x" * 590 + " sk-" + "a" * 40)
    assert len(shown) <= 600
    assert "aaa" not in shown


@given(text, st.integers(5, 40))
def test_a_text_is_cut_to_the_limit(words, limit):
    shown = redact(words, limit=limit)
    assert len(shown) <= limit
    assert shown == visible(words) or shown.endswith("…")


def test_redaction_works_on_text_that_is_json():
    document = json.dumps({"a": "Bearer abcdef0123456789abcdef", "b": "harmless"})
    assert json.loads(redact(document)) == {"a": MASK, "b": "harmless"}


PIECES = st.sampled_from(
    [
        *SHAPES,
        *(shape[:9] for shape in SHAPES),
        "BeaReR%20",
        "SK-",
        "%41",
        "%",
        "a",
        "-",
        "\xff",
        "\u2603",
        " ",
    ]
)


@given(st.lists(PIECES | text, max_size=12))
def test_a_large_text_is_searched_as_a_small_one(pieces):
    content = "".join(pieces)
    small, large = redaction._ANY_SHAPE.search(content), redaction._first_shape(content + PADDING)
    assert (small and small.span()) == (large and large.span())
    assert find(content + PADDING) == find(content)


def test_plain_data_is_kept_without_keys_and_without_what_no_file_can_encode():
    secret = "a known value"
    given_data = {secret: [f"x {secret}", 1, None], "b": {"c": ("\ud800", "sk-" + "a1B2c3D4e5F6g7H8i9J0")}}
    assert redaction.without_keys(given_data, [secret]) == {
        MASK: [f"x {MASK}", 1, None],
        "b": {"c": ["?", MASK]},
    }


def test_a_typed_key_is_found_and_what_is_made_to_be_passed_on_is_none():
    key = "sk-proj-" + "a1B2c3D4" * 4
    signed = f"https://bucket.example/a.png?X-Amz-Signature={'0a1b' * 16}"
    assert redaction.typed_key(f"a lamp {key}") == "an OpenAI key"
    assert redaction.typed_key(f"{signed} {key}") == "an OpenAI key"
    for harmless in ("a lamp", signed, "sk-learn-style-of-many-diagrams"):
        assert redaction.typed_key(harmless) is None
