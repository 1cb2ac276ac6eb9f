"""What maintenance does for every store that the toolkit brings: a folder, and objects below a URL."""

from __future__ import annotations

import pickle
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from support.images import picture
from support.ledger import content, entry, everything, fill, made, new, put

from imagegen_nb import Workspace
from imagegen_nb.core.images import STATIC
from imagegen_nb.errors import StoreError
from imagegen_nb.store import maintenance, object_maintenance
from imagegen_nb.store.base import AssetRecord, Store
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store.object_store import ObjectStore
from imagegen_nb.store.paths import blob_name


@pytest.fixture
def store(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Of each kind; what is unused is old enough to be deleted."""
    monkeypatch.setattr(object_maintenance, "OLD_ENOUGH", timedelta(days=-1))
    return any_store


def again(store: Store) -> Store:
    """The same store opened anew, as in another process."""
    return cast("Store", pickle.loads(pickle.dumps(store)))


def harm(store: Store, record: AssetRecord, data: bytes | None) -> None:
    """Put other bytes in an image's place, or none."""
    key = blob_name(record.sha256, record.file_type)
    if isinstance(store, LocalStore):
        path = store.folder / key
        path.unlink() if data is None else path.write_bytes(data)
    else:
        assert isinstance(store, ObjectStore)
        store._objects.remove([key]) if data is None else store._objects.write(key, data)


def test_a_good_store_is_good(store):
    fill(store)
    report = maintenance.check(store)
    assert (report.problems, report.orphans, report.recent) == ([], (), ())
    assert (len(report.records), len(report.runs), report.under_way) == (9, 4, 0)
    assert list(report.records) == list(store.records())


def test_a_store_is_there_when_something_was_written(store):
    assert not maintenance.exists(store)
    if isinstance(store, LocalStore):
        assert not store.folder.exists(), "made by nobody who only asks"
    put(store, b"data")
    assert maintenance.exists(again(store))


@pytest.mark.parametrize(
    ("data", "expected", "is_quick"),
    [
        (b"other bytes", "it has 11 bytes instead of 4", True),
        (b"atad", "bytes are not those", False),
        (None, "its bytes", True),
    ],
    ids=["length", "content", "gone"],
)
def test_an_image_without_its_bytes_is_told_with_its_run(store, data, expected, is_quick):
    run = entry("a-run", settings_json="{}")
    store.begin(run, None)
    images = [new(store, one, run_id=run.run_id) for one in (b"data", b"fine")]
    store.finish(replace(run, state="done", charge="charged"), images)
    harm(store, images[0], data)
    opened = again(store)
    (problem,) = maintenance.check(opened).problems
    assert images[0].id in problem
    assert expected in problem
    assert bool(maintenance.check(opened, quick=True).problems) is is_quick
    ((affected, lost, of),) = maintenance.check(opened).affected
    assert (affected and affected.run_id, lost, of) == ("a-run", 1, 2)
    assert maintenance.rebuild(opened).lost[0].record.id == images[0].id, "nothing brings it back by itself"


def test_an_image_that_comes_again_is_whole_again(store):
    """As when its cassette is replayed."""
    stored = put(store, b"data")
    harm(store, stored, None)
    opened = again(store)
    new(opened, b"data")
    assert maintenance.check(opened).problems == []
    assert content(again(store), stored.id) == b"data"


def test_a_rebuilt_store_is_equal_and_goes_on(store):
    fill(store)
    before = everything(store)
    for _ in range(2):
        assert maintenance.rebuild(store).problems == []
        assert everything(store) == everything(again(store)) == before
        fill(store)
        before = everything(store)


# Deleting what is unused


def test_what_nothing_names_is_deleted_and_told_first(store):
    fill(store)
    kept, gone = next(store.records()), new(store, b"of a run that was killed")
    for record in (kept, gone):
        store.keep_thumbnail(record, STATIC.name, picture("WEBP"))
    before = everything(store)
    told = maintenance.check(store).orphans
    assert [name.partition("/")[0] for name in told] == ["blobs", "thumbnails"]
    assert all(gone.sha256 in name for name in told)
    assert maintenance.gc(store, dry_run=True).removed == told
    assert maintenance.check(store).orphans == told, "nothing was deleted"
    assert maintenance.gc(store).removed == told
    assert maintenance.gc(store).removed == maintenance.check(store).orphans == ()
    assert everything(store) == everything(again(store)) == before
    assert content(again(store), kept.id) == b"outside"
    assert store.read_thumbnail(kept, STATIC.name)
    assert store.read_thumbnail(gone, STATIC.name) is None


@pytest.mark.parametrize("dry_run", [False, True])
def test_nothing_is_deleted_while_a_run_is_under_way(store, dry_run):
    run = entry()
    store.begin(run, None)
    image = new(store, b"arrived, but not recorded yet", run_id=run.run_id)
    with pytest.raises(StoreError, match=r"nothing was deleted: runs are under way \(1\)"):
        maintenance.gc(again(store), dry_run=dry_run)
    store.finish(replace(run, state="done"), [image])
    assert maintenance.gc(store).removed == ()
    assert content(again(store), image.id) == b"arrived, but not recorded yet"


def test_a_store_goes_on_after_it_was_tidied(store):
    gone = new(store, b"of a run that was killed")
    maintenance.gc(again(store))
    made(store, picture())
    assert put(store, b"of a run that was killed").sha256 == gone.sha256
    assert maintenance.check(again(store)).problems == []


def test_a_moved_folder_has_its_addresses_where_it_is(tmp_path):
    store = LocalStore(tmp_path / "assets")
    asset = made(store, picture())
    store.close()
    store.folder.rename(tmp_path / "moved")
    with Workspace(str(tmp_path / "moved")) as workspace:
        (past,) = workspace.history()
        addresses = {record.file_url for record in workspace.records()}
        addresses |= {one.file_url for one in (*past.assets, *past.run.output.assets)}
        key = asset.file_url.removeprefix((tmp_path / "assets").as_uri())
        assert addresses == {f"{(tmp_path / 'moved').as_uri()}{key}"}
        assert past.run.output.assets[0].bytes() == picture()
        assert maintenance.check(workspace.store).problems == []


def test_copied_objects_have_their_addresses_where_they_are():
    store, copy = (ObjectStore(f"memory:///{uuid.uuid4().hex}") for _ in range(2))
    asset = made(store, picture())
    for folder in ("blobs", "log"):
        for name in store._objects.names(folder):
            copy._objects.write(name, store._objects.read(name, 1 << 20) or b"")
    (record,) = copy.records()
    assert record.file_url == asset.file_url.replace(store.url, copy.url) != asset.file_url
    assert maintenance.check(copy).problems == []
