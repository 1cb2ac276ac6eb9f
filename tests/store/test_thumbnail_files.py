"""Thumbnails kept in a store's folder: a cache that may be full of anything, or not be there at all."""

from __future__ import annotations

import random
import uuid
from dataclasses import replace

import pytest
from support.images import picture
from support.ledger import put

WEBP = picture("WEBP")


def test_what_is_kept_is_found_by_hash_and_size(store):
    one, other = put(store, b"one"), put(store, b"other")
    assert store.read_thumbnail(one, "live-1") is None
    store.keep_thumbnail(one, "live-1", WEBP)
    again = replace(one, id=str(uuid.uuid4()), file_name="other.png")
    assert store.read_thumbnail(again, "live-1") == WEBP
    assert store.read_thumbnail(one, "static-1") is None
    assert store.read_thumbnail(other, "live-1") is None
    store.keep_thumbnail(one, "live-1", WEBP)
    assert len([path for path in store.paths.thumbnails.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"<html>",
        WEBP[:-1],
        WEBP[:20],
        WEBP + b"\0",
        WEBP[:12] + bytes(len(WEBP) - 12),
        bytes(len(WEBP)),
        random.Random(7).randbytes(len(WEBP)),
        WEBP[:4] + (200_000 - 8).to_bytes(4, "little") + WEBP[8:12] + b"x" * (200_000 - 12),
    ],
)
def test_what_is_no_whole_webp_is_as_good_as_nothing(store, damaged):
    record = put(store, b"one")
    store.keep_thumbnail(record, "live-1", WEBP)
    store.paths.thumbnail(record.sha256, "live-1").write_bytes(damaged)
    assert store.read_thumbnail(record, "live-1") is None
    store.keep_thumbnail(record, "live-1", WEBP)
    assert store.read_thumbnail(record, "live-1") == WEBP


def test_neither_a_name_nor_a_link_leads_out_of_the_store(store, tmp_path):
    record = put(store, b"one")
    outside = tmp_path / "outside"
    outside.mkdir()
    secret = outside / "secret.webp"
    secret.write_bytes(WEBP)
    store.keep_thumbnail(record, "live-1", WEBP)
    path = store.paths.thumbnail(record.sha256, "live-1")
    path.unlink()
    path.symlink_to(secret)
    assert store.read_thumbnail(record, "live-1") is None
    for hostile in (replace(record, sha256="../../../outside/secret"), record):
        store.keep_thumbnail(hostile, "../../secret", WEBP[:-2])
        assert store.read_thumbnail(hostile, "../../secret") is None
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(outside)
    store.keep_thumbnail(record, "live-1", WEBP)
    assert [file.name for file in outside.iterdir()] == ["secret.webp"]
    assert secret.read_bytes() == WEBP


def test_where_nothing_can_be_kept_nothing_fails(store):
    record = put(store, b"one")
    store.paths.thumbnails.write_text("a file where the folder should be")
    store.keep_thumbnail(record, "live-1", WEBP)
    assert store.read_thumbnail(record, "live-1") is None
