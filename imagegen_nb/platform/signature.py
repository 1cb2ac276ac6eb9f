"""Whether a callback came from the platform: its HMAC SHA-256 signature under the deployment's secret."""

from __future__ import annotations

import hashlib
import hmac

from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.errors import InvalidOption

SIGNATURE_HEADER = "X-Fetch-Hive-Signature"
"""The header that bears a callback's signature."""
_PREFIX = "sha256="


@helpful_calls
def verify_signature(body: bytes, header: str | None, secret: str) -> bool:
    """Whether `header`, the value of `X-Fetch-Hive-Signature`, is `body`'s signature under `secret`.

    `body` is the request's raw bytes, before any parsing. The platform documents HMAC SHA-256; that it is
    written in hexadecimal digits, perhaps after `sha256=`, is decided here. The time it takes does not tell
    how much of a wrong signature is right. No header and an empty secret are never right.
    """
    _check("body", body, bytes, "the request's raw bytes")
    if header is not None:
        _check("header", header, str, "text")
    _check("secret", secret, str, "text")
    if not header or not secret:
        return False
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = header.strip().lower().removeprefix(_PREFIX)
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _check(name: str, value: object, kind: type, remedy: str) -> None:
    if not isinstance(value, kind):  # not repeated: it may be the secret
        raise InvalidOption(f"{name} is of type {type(value).__name__}: give {remedy}")
