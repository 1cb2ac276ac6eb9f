"""Callbacks are believed by their signature."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from imagegen_nb.platform import verify_signature

BODY, SECRET = b'{"run_status": "completed"}', "whsec"
RIGHT = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("header", [RIGHT, f"sha256={RIGHT}", RIGHT.upper(), f" {RIGHT} "])
def test_a_right_signature_is_right(header: str) -> None:
    assert verify_signature(BODY, header, SECRET)


@pytest.mark.parametrize("header", [None, "", "sha256=", RIGHT[:-1], RIGHT[:-1] + "é", "0" * 64])
def test_every_other_header_is_wrong(header: str | None) -> None:
    assert not verify_signature(BODY, header, SECRET)


def test_another_body_or_secret_makes_it_wrong_and_no_secret_is_none() -> None:
    assert not verify_signature(BODY + b" ", RIGHT, SECRET)
    assert not verify_signature(BODY, RIGHT, "other")
    assert not verify_signature(BODY, hmac.new(b"", BODY, hashlib.sha256).hexdigest(), "")
