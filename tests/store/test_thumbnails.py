"""Thumbnails of stored images: made once, kept, and never shown for another image or for one that is gone."""

from __future__ import annotations

import io
import os
import uuid
from dataclasses import replace

import pytest
from PIL import Image
from support.images import picture
from support.ledger import put

from imagegen_nb.core import images
from imagegen_nb.core.images import LIVE, STATIC
from imagegen_nb.errors import ImageRejected
from imagegen_nb.store import thumbnails
from imagegen_nb.store.local import LocalStore


@pytest.fixture(autouse=True)
def made(monkeypatch):
    """Which sizes were made, and nothing remembered from other tests."""
    sizes = []
    real = images.thumbnail

    def counted(data, size=STATIC):
        sizes.append(size.name)
        return real(data, size)

    monkeypatch.setattr(images, "thumbnail", counted)
    thumbnails._made.clear()
    return sizes


def size_of(small: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(small)) as picture:
        return picture.size


def test_a_thumbnail_is_made_once_for_each_size_also_for_the_next_process(store, made):
    record = put(store, picture(size=(1000, 500)))
    assert thumbnails.kept(store, record, LIVE) is None
    for size, shape in ((LIVE, (512, 256)), (STATIC, (256, 128))):
        small = thumbnails.thumbnail(store, record, size)
        assert size_of(small) == shape
        thumbnails._made.clear()  # as in another process
        assert thumbnails.kept(store, record, size) == thumbnails.thumbnail(store, record, size) == small
    assert made == ["live-1", "static-1"]


def test_a_small_one_is_made_out_of_a_larger_one(store, monkeypatch):
    record = put(store, picture(size=(1000, 500)))
    assert thumbnails.thumbnail(store, record, LIVE)
    monkeypatch.setattr(LocalStore, "open", None)  # the image itself is not read
    small = thumbnails.thumbnail(store, record, STATIC)
    assert size_of(small) == (256, 128)
    assert store.read_thumbnail(record, STATIC.name) == small


def test_a_larger_one_that_is_damaged_is_not_used(store):
    record = put(store, picture(size=(1000, 500)))
    whole = picture("WEBP")
    store.keep_thumbnail(record, LIVE.name, whole[:30] + bytes(len(whole) - 60) + whole[-30:])
    assert size_of(thumbnails.thumbnail(store, record, STATIC)) == (256, 128)


def test_one_is_shared_by_all_records_of_the_same_bytes(store, made):
    record = put(store, picture())
    again = replace(record, id=str(uuid.uuid4()))
    store.put([again])
    assert thumbnails.thumbnail(store, record, LIVE) == thumbnails.thumbnail(store, again, LIVE)
    assert made == ["live-1"]


def test_an_image_that_is_gone_has_none_although_it_was_kept(store):
    record = put(store, picture())
    assert thumbnails.thumbnail(store, record, LIVE)
    store.paths.blob(record.sha256, record.file_type).unlink()
    assert thumbnails.thumbnail(store, record, LIVE) is None
    assert thumbnails.kept(store, record, LIVE) is None


@pytest.mark.parametrize("damaged", [b"", b"no image", picture()[:-30]])
def test_a_damaged_image_has_none(store, damaged):
    record = put(store, picture())
    store.paths.blob(record.sha256, record.file_type).write_bytes(damaged)
    assert thumbnails.thumbnail(store, record, LIVE) is None


def test_other_bytes_than_the_records_are_shown_but_not_kept(store, tmp_path):
    record = put(store, picture())
    blob = store.paths.blob(record.sha256, record.file_type)
    right = blob.read_bytes()
    blob.write_bytes(picture(size=(30, 90)))
    assert size_of(thumbnails.thumbnail(store, record, LIVE)) == (30, 90)
    assert thumbnails.kept(store, record, LIVE) is None
    blob.write_bytes(right)
    assert size_of(thumbnails.thumbnail(store, record, LIVE)) == (64, 48)


def test_what_one_store_keeps_is_not_shown_for_the_image_of_another(store, tmp_path):
    other = LocalStore(tmp_path / "other")
    record, same = put(store, picture()), put(other, picture())
    store.keep_thumbnail(record, LIVE.name, picture("WEBP", (7, 7)))
    assert size_of(thumbnails.thumbnail(store, record, LIVE)) == (7, 7)
    assert size_of(thumbnails.thumbnail(other, same, LIVE)) == (64, 48)
    other.close()


def test_what_was_made_as_it_arrived_is_not_made_again_once_it_is_stored(store, made):
    small = thumbnails.of_arrived(picture(), LIVE)
    assert thumbnails.of_arrived(picture(), LIVE) == small
    record = put(store, picture())
    assert thumbnails.kept(store, record, LIVE) == small
    assert made == ["live-1"]
    assert store.read_thumbnail(record, LIVE.name) == small
    with pytest.raises(ImageRejected):
        thumbnails.of_arrived(b"no image", LIVE)


def test_memory_is_bounded():
    for number in range(300):
        thumbnails.of_arrived(picture(size=(number + 1, 2)), STATIC)
    assert len(thumbnails._made) == 256


def test_a_store_that_keeps_none_works_as_well(store, made, monkeypatch):
    monkeypatch.setattr(LocalStore, "read_thumbnail", lambda *_: None)
    monkeypatch.setattr(LocalStore, "keep_thumbnail", lambda *_: None)
    record = put(store, picture())
    assert thumbnails.thumbnail(store, record, LIVE) == thumbnails.thumbnail(store, record, LIVE)
    assert made == ["live-1"]


def test_a_forked_child_is_not_blocked_by_a_thread_of_its_parent(store):
    record = put(store, picture())
    with thumbnails._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if thumbnails.thumbnail(store, record, LIVE) else 1)
    assert os.waitpid(child, 0)[1] == 0
