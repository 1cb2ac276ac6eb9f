"""Readable, safe names for image files. A name is a label: it never decides where bytes are written."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 48


def slug(text: str) -> str:
    """Lower-case words of `text` joined by hyphens: letters and digits of any script, nothing else."""
    normal = unicodedata.normalize("NFKC", text[:500]).lower()
    # Vowel signs and other marks are no letters, but without them many scripts fall apart.
    kept = (char if char.isalnum() or unicodedata.category(char) in ("Mn", "Mc") else "-" for char in normal)
    words = re.sub("-+", "-", "".join(kept)).strip("-")
    if len(words) > _LONGEST:
        words = words[:_LONGEST].rpartition("-")[0] or words[:_LONGEST]
    return words or "image"


def file_name(label: str, number: int, extension: str) -> str:
    """`hero-image-1.webp`: from a step's name or prompt, the image's number from 1, and its format."""
    return f"{slug(label)}-{number}.{extension}"
