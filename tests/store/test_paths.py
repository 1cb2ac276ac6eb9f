"""Where things lie in a store, and that neither a name nor a link leads out of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from support.ledger import entry, new, plant

from imagegen_nb.errors import StoreError
from imagegen_nb.store.local import LocalStore


@pytest.mark.parametrize("run_id", ["../outside", "a/b", "", ".", "a\0b", "x" * 81, "a b"])
def test_a_run_id_never_becomes_a_path(store, tmp_path, run_id):
    with pytest.raises(StoreError, match="run id"):
        store.begin(replace(entry(), run_id=run_id), None)
    assert list(store.runs()) == []
    assert [path.name for path in tmp_path.rglob("*") if path.suffix in (".lock", ".json")] == []


@pytest.mark.parametrize("place", ["locks", "runs"])
def test_a_planted_folder_link_leads_no_lock_and_no_manifest_outside(tmp_path, place):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / place).symlink_to(outside)
    store = LocalStore(tmp_path / "assets")
    with pytest.raises(StoreError):
        store.begin(entry(), None)
    assert list(outside.iterdir()) == []
    store.close()


@pytest.mark.parametrize("exists", [True, False], ids=["to a folder", "dangling"])
@pytest.mark.parametrize("place", ["blobs", "blobs/3a"])
def test_a_planted_folder_link_leads_no_write_outside(tmp_path, place, exists):
    assert hashlib.sha256(b"data").hexdigest().startswith("3a")
    outside = tmp_path / "outside"
    if exists:
        outside.mkdir()
    plant(tmp_path / "assets" / place, outside)
    store = LocalStore(tmp_path / "assets")
    with pytest.raises(StoreError):
        new(store, b"data")
    assert not exists or list(outside.iterdir()) == []
    assert outside.exists() is exists


def test_a_store_lies_where_earlier_versions_look(store):
    run = entry("a-run")
    store.begin(run, None)
    put_down = new(store, b"data", run_id="a-run")
    digest = hashlib.sha256(b"data").hexdigest()
    files = sorted(path.relative_to(store.folder).as_posix() for path in store.folder.rglob("*.*"))
    locks = [name for name in files if name.startswith("locks/")]  # last only as long as the run
    assert [name for name in files if name not in locks] == [
        f"blobs/3a/{digest}.png",
        "index.sqlite3",
        "runs/a-run.json",
    ]
    assert len(locks) == 2
    store.finish(replace(run, state="done"), [put_down])


@pytest.mark.parametrize("folder", ["plain", "a b#ü?%20;"])
def test_an_images_address_is_that_of_its_file(tmp_path, folder):
    paths = LocalStore(tmp_path / folder).paths
    digest = hashlib.sha256(b"data").hexdigest()
    for media_type in ("image/png", "image/jpeg", "image/webp"):
        path = paths.blob(digest, media_type)
        assert paths.blob_url(digest, media_type) == path.as_uri()
        assert paths.folder / paths.blob_name(digest, media_type) == path
    for wrong in ((digest.upper(), "image/png"), (digest, "image/gif"), ("../" * 22, "image/png")):
        for ask in (paths.blob, paths.blob_name, paths.blob_url):
            with pytest.raises(StoreError, match="no place"):
                ask(*wrong)
