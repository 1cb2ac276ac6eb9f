"""Tokens of a text, for the usage block of providers that count them."""

from __future__ import annotations


def text_tokens(text: str) -> int:
    """Approximate tokens of `text`: its UTF-8 length over four, rounded up, at least 1.

    No provider publishes its tokenizer for images, so this is good for a plausible and repeatable usage block
    and for nothing else.
    """
    return max(1, -(-len(text.encode("utf-8", "surrogatepass")) // 4))
