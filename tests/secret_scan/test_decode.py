"""Keys are encoded in every way; each is found in one of the texts, and in nothing else there is one."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import uuid
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sample_keys import MAKERS, each_kind

from imagegen_nb.core import redaction
from imagegen_nb.providers.credentials import PLACEHOLDER
from imagegen_nb.secret_scan.decode import decodings

ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it stands": str,
    "quoted": json.dumps,
    "wholly URL-encoded": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "in a URL": lambda key: quote(f"https://host/?a=ä b&key={key}&c=1"),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64, later": lambda key: base64.b64encode(b"x: " + key.encode()).decode(),
    "base64 after a word": lambda key: "data/" + base64.b64encode(key.encode()).decode(),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(b"\xff\xfe, " + key.encode()).decode(),
    "base64 in lines": lambda key: base64.encodebytes(b"\0\xff" * 40 + key.encode() + b"\xff" * 90).decode(),
    "base64 twice": lambda key: base64.b64encode(base64.b64encode(key.encode())).decode(),
    "base64 of a URL": lambda key: base64.b64encode(quote(f"é={key}").encode()).decode(),
}
AROUND = [
    "{}",
    "key = {}\n",
    "MY_KEY={}",
    "the key {} was refused",
    "<a href='{}'>",
    "é{}ü",
    "--header:{}",
    "{}" + "-" * 400,
]


@each_kind
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_key_is_found_in_every_encoding(kind: str, encoding: str) -> None:
    dice = random.Random(f"{kind} {encoding}")
    for around in AROUND * 12:
        key = MAKERS[kind](dice)
        data = around.format(ENCODINGS[encoding](key)).encode()
        assert kind in {found for decoded in decodings(data) for _, found in redaction.likely(decoded.text)}


# Nothing else

HARMLESS = [
    "",
    "sk-toggleable__label-arrow sk-estimator-doc-link-is-here",
    "xai-explainable-ai-methods-2026 and xai-Interpretable-Machine-Learning",
    "sk-your-api-key-goes-here-please",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-proj-XXXXXXXXXXXXXXXXXXXXXXXX",
    "AIza" + "x" * 35,
    "Authorization: Bearer YOUR_OPENAI_API_KEY_HERE",
    f"Authorization: Bearer {PLACEHOLDER}",
    "Bearer authentication-is-supported",
    "a risk-assessment-of-the-whole-project",
    hashlib.sha512(b"x").hexdigest(),
    str(uuid.UUID(int=2**127)),
]


@pytest.mark.parametrize("text", HARMLESS)
def test_words_placeholders_and_hashes_are_no_keys(text: str) -> None:
    assert [decoded for decoded in decodings(text.encode()) for _ in redaction.likely(decoded.text)] == []


@pytest.mark.parametrize("encode", [bytes, base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
def test_random_data_holds_no_keys(encode: Callable[[bytes], bytes]) -> None:
    data = encode(random.Random(1).randbytes(1_500_000))
    assert [kind for decoded in decodings(data) for _, kind in redaction.likely(decoded.text)] == []


RUNS = st.sampled_from(
    ["A" * 23, "A" * 24, "x" * 19, "%41" * 7, "%", "-_" * 12, "\n", "\r\n \t", "abcd", "=", "é"]
)


@given(st.lists(RUNS, max_size=10))
def test_runs_are_found_as_an_expression_finds_them(pieces):
    data = "".join(pieces).encode("latin-1")
    expected = {
        "in base64": rb"[A-Za-z0-9+/_-]{24,}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{4,})*",
        "URL-encoded": rb"(?=[!-~]{20})(?=[!-~]*%[0-9A-Fa-f]{2})[!-~]+",
    }
    found = decodings(data, levels=1)
    offsets = {(each.encoding, each.offset) for each in found if each.encoding in expected}
    assert offsets == {
        (encoding, match.start())
        for encoding, pattern in expected.items()
        for match in re.finditer(pattern, data)
    }
