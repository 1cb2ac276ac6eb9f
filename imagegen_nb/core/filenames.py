"""Readable, safe names for image files. A name is a label: it never decides where bytes are written."""

from __future__ import annotations

import mimetypes
import re
import unicodedata

_LONGEST = 48
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://\S*")


def slug(text: str) -> str:
    """Lower-case words of `text` joined by hyphens: letters and digits of any script, nothing else.

    Addresses in it are left out: they say nothing to people, and may name folders or whoever signed them.
    """
    normal = unicodedata.normalize("NFKC", _ADDRESS.sub(" ", text[:2000])[:500]).lower()
    # Vowel signs and other marks are no letters, but without them many scripts fall apart.
    kept = (char if char.isalnum() or unicodedata.category(char) in ("Mn", "Mc") else "-" for char in normal)
    words = re.sub("-+", "-", "".join(kept)).strip("-")
    if len(words) > _LONGEST:
        words = words[:_LONGEST].rpartition("-")[0] or words[:_LONGEST]
    return words or "image"


def file_name(label: str, number: int, extension: str) -> str:
    """`hero-image-1.webp`: from a step's name or prompt, the image's number from 1, and its format."""
    return f"{slug(label)}-{number}.{extension}"


def kind_named(name: str) -> str:
    """The MIME type that a file's name promises; empty where it promises none, as `lamp.v2` does."""
    kind = mimetypes.guess_type(name, strict=False)[0] or ""
    return "" if kind == "application/octet-stream" else kind
