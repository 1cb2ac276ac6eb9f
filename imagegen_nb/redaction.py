"""Finds and hides keys in text, before text leaves the program.

One place knows what a key looks like. `redact` is for messages (hide and go on), `find` for
files (refuse to write). Values that are known to be keys are handed in by the caller, so a key
of an unknown shape is caught as well.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote

MASK = "[redacted]"
_SHORTEST_KNOWN = 8
"""Known values below this length would blot out ordinary words."""

_SHAPES = {
    "an OpenAI key": r"\bsk-[A-Za-z0-9_-]{20,}",
    "an xAI key": r"\bxai-[A-Za-z0-9_-]{20,}",
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{35}",
    "a Gemini API key": r"\bAQ\.[A-Za-z0-9_-]{20,}",
    "a Google access token": r"\bya29\.[A-Za-z0-9_-]{20,}",
    "a bearer token": r"\b[Bb][Ee][Aa][Rr][Ee][Rr]\s+[A-Za-z0-9._~+/=-]{16,}",
}
_ANY_SHAPE = re.compile("|".join(f"(?:{shape})" for shape in _SHAPES.values()))


def redact(text: str, known: Iterable[str] = (), *, limit: int = 600) -> str:
    """`text` with every key masked and cut to `limit` characters, safe to show or store."""
    for secret in sorted({value for value in known if len(value) >= _SHORTEST_KNOWN}, key=len, reverse=True):
        for form in _encodings(secret):
            text = text.replace(form, MASK)
    text = _ANY_SHAPE.sub(MASK, text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def find(text: str, known: Iterable[str] = ()) -> str | None:
    """What kind of key `text` holds (never the key itself), or None."""
    for secret in known:
        if len(secret) >= _SHORTEST_KNOWN and any(form in text for form in _encodings(secret)):
            return "a key that is in use here"
    for name, shape in _SHAPES.items():
        if re.search(shape, text):
            return name
    return None


def _encodings(secret: str) -> list[str]:
    """The secret as it stands, URL-encoded, and inside base64 at each of the three alignments."""
    raw = secret.encode()
    forms = [secret, quote(secret, safe="")]
    for shift in range(3):
        encoded = b64encode(b"\0" * shift + raw).decode().rstrip("=")
        # The first and last characters mix in neighbouring bytes; the middle is the secret's alone.
        forms.append(encoded[4 if shift else 0 : -1 if len(encoded) % 4 else None])
    return list(dict.fromkeys(forms))
