"""A store checked whole, its database rebuilt from the manifests, and unused files deleted."""

from __future__ import annotations

import errno
import random
import sqlite3
from dataclasses import replace

import pytest
from support.disks import fill_up, small_disk
from support.images import picture
from support.ledger import entry, everything, fill, new

from imagegen_nb.errors import StoreError
from imagegen_nb.store import database, maintenance, manifests
from imagegen_nb.store.local import LocalStore


def test_a_good_store_is_good(full):
    report = maintenance.check(full)
    assert report.problems == []
    assert report.orphans == ()
    assert (len(report.records), len(report.runs), report.under_way) == (9, 4, 0)


def test_an_empty_store_is_good(store):
    assert maintenance.check(store) == maintenance.Report()


# Building again


def test_a_rebuilt_index_is_equal_and_goes_on(full):
    before = everything(full)
    for _ in range(2):
        assert maintenance.rebuild(full).problems == []
        assert everything(full) == before
        fill(full)  # what comes later stays later
        before = everything(full)


def test_garbage_anywhere_in_the_index_is_mended(full):
    rng = random.Random(11)
    before = everything(full)
    full.close()
    whole = full.paths.database.read_bytes()
    for _ in range(25):
        at = rng.randrange(len(whole) - 512)
        full.paths.database.write_bytes(whole[:at] + rng.randbytes(512) + whole[at + 512 :])
        assert maintenance.rebuild(full).problems == []
        assert everything(full) == before
        full.close()


def test_the_old_index_is_put_aside_and_its_journal_does_not_meet_the_new_one(full):
    full.close()
    journal = full.paths.folder / "index.sqlite3-journal"
    full.paths.database.write_bytes(b"no database " * 100)
    journal.write_bytes(b"no journal")
    assert maintenance.rebuild(full).problems == []
    assert not journal.exists()
    assert (full.folder / "index.sqlite3.damaged").read_bytes().startswith(b"no database")


def test_an_index_that_cannot_be_built_again_stays_as_it_was(full, monkeypatch):
    """SQLite itself refuses to let the new one grow, as on a full disk."""
    before = everything(full)
    full.close()
    index = full.paths.database.read_bytes()

    class Full(sqlite3.Connection):
        def execute(self, statement, *values):
            super().execute("PRAGMA max_page_count = 3")
            return super().execute(statement, *values)

    connect = sqlite3.connect
    with monkeypatch.context() as patch:
        patch.setattr(
            database.sqlite3,
            "connect",
            lambda path, **options: connect(
                path, factory=Full if path.name.endswith("new") else sqlite3.Connection, **options
            ),
        )
        with pytest.raises(StoreError) as caught:
            maintenance.rebuild(full)
    assert str(caught.value) == (
        f"cannot build the index in {full.folder} again, and have left it as it was: the disk is full. Free "
        "some space, or choose another folder"
    )
    assert full.paths.database.read_bytes() == index
    assert [path.name for path in full.folder.glob("index*")] == ["index.sqlite3"]
    assert everything(full) == before
    assert maintenance.rebuild(full).problems == []
    assert (full.folder / "index.sqlite3.damaged").read_bytes() == index
    assert everything(full) == before


def test_what_only_the_index_tells_is_not_lost_where_it_cannot_be_written_down(full, monkeypatch):
    before = everything(full)
    (full.paths.manifests / f"{before[1][-1].run_id}.json").unlink()

    def refuse(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(manifests, "write", refuse)
        with pytest.raises(StoreError, match="have left it as it was: the disk is full"):
            maintenance.rebuild(full)
    assert everything(full) == before


@pytest.mark.rigs
def test_a_full_disk_takes_no_index_away(tmp_path):
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        store = LocalStore(disk / "assets")
        fill(store)
        before = everything(store)
        ballast = fill_up(disk)
        with pytest.raises(StoreError, match="the disk is full"):
            maintenance.rebuild(store)
        assert everything(store) == before
        ballast.unlink()
        assert maintenance.rebuild(store).problems == []
        assert everything(store) == before
        store.close()


def test_a_store_that_is_open_elsewhere_goes_on_with_the_new_index(full):
    elsewhere = LocalStore(full.folder)
    assert elsewhere.used == full.used
    run = entry()
    elsewhere.begin(run, None)
    maintenance.rebuild(full)
    assert [run.state for run in full.runs()][-1] == "calling"
    elsewhere.finish(
        replace(run, state="done", charge="charged"), [new(elsewhere, b"late", run_id=run.run_id)]
    )
    assert everything(full) == everything(elsewhere)
    assert [record.run_id for record in full.records()][-1] == run.run_id
    assert maintenance.check(full).problems == []
    elsewhere.close()


def test_what_only_the_index_tells_is_written_down_before_it_is_replaced(full):
    before = everything(full)
    victim = next(run for run in before[1] if any(record.run_id == run.run_id for record in before[0]))
    (full.paths.manifests / f"{victim.run_id}.json").unlink()
    assert any(victim.run_id in problem for problem in maintenance.check(full).problems)
    assert maintenance.rebuild(full).problems == []
    assert everything(full) == before


def test_a_moved_store_is_rebuilt_where_it_is(full, tmp_path):
    full.close()
    full.folder.rename(tmp_path / "moved")
    moved = LocalStore(tmp_path / "moved")
    maintenance.rebuild(moved)
    assert all("/moved/blobs/" in record.file_url for record in moved.records())
    moved.close()


# What a check finds


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: path.write_bytes(b"other"), "instead of"),
        (lambda path: path.write_bytes(b"x" * 7), "bytes are not those"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
    ids=["length", "content", "gone"],
)
def test_a_broken_image_is_found(store, damage, expected):
    (stored,) = store.put([new(store, b"outside")])
    damage(store.paths.blob(stored.sha256, stored.file_type))
    (problem,) = maintenance.check(store).problems
    assert stored.id in problem
    assert expected in problem


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE asset SET file_name = 'other.png' WHERE seq = 1", "differ"),
        ("DELETE FROM asset WHERE seq = 1", "missing from the index"),
        ("UPDATE run SET charge = 'none'", "differ"),
        ("UPDATE total SET bytes = 1", "not the sum"),
    ],
)
def test_an_index_that_was_changed_is_found_and_mended(full, statement, expected):
    before = everything(full)
    index = sqlite3.connect(full.paths.database)
    with index:
        index.execute(statement)
    index.close()
    assert any(expected in problem for problem in maintenance.check(full).problems)
    assert maintenance.rebuild(full).problems == []
    assert everything(full) == before


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"layout": 1, "run": null, "run_order": 0, "assets": [], "asset_order": 0, "more": 1}',
        b'{"layout": 1, "run": null, "assets": [{"sha256": "../../etc"}]}',
        b" " * 2_000_000,
    ],
)
def test_a_damaged_manifest_is_found_and_costs_no_image(full, text):
    before = everything(full)
    path = next(
        path for path in sorted(full.paths.manifests.iterdir()) if b'"charge": "charged"' in path.read_bytes()
    )
    path.write_bytes(text)
    assert any(path.name in problem for problem in maintenance.check(full).problems)
    assert maintenance.rebuild(full).problems == []
    assert everything(full) == before


def test_a_manifest_cannot_name_a_place_outside(full, tmp_path):
    (tmp_path / "victim.png").write_bytes(b"mine")
    path = min(full.paths.manifests.iterdir())
    text = (
        '{"run": null, "assets": [{"id": "x", "file_url": "", "file_name": "n", "file_size": 4, '
        '"file_type": "image/png", "sha256": "../../../victim", "width": 1, "height": 1, "run_id": "r", '
        '"emulated": true, "created_at": ""}]}'
    )
    path.write_text(text)
    assert any("no place" in problem or "damaged" in problem for problem in maintenance.check(full).problems)


def test_an_unreadable_index_is_a_finding_not_a_crash(full):
    full.close()
    full.paths.database.write_bytes(b"no database " * 100)
    (problem, *_) = maintenance.check(full).problems
    assert "imagegen-nb store rebuild" in problem


def test_interrupted_runs_are_told(full):
    run = entry()
    full.begin(run, None)
    full.finish(replace(run, state="interrupted"), [])
    assert [ended.run_id for ended in maintenance.check(full).interrupted] == [run.run_id]


# Deleting what is unused


def test_unused_files_are_deleted_and_no_others(full, tmp_path):
    new(full, b"of a run that was killed")
    blobs = full.paths.blobs
    left = blobs / "ab" / f".{'0' * 32}.tmp"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    (blobs / "notes.txt").write_text("the user's own")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / f"{'0' * 64}.png").touch()
    (blobs / "cd").symlink_to(outside)
    before = everything(full)
    orphans = maintenance.check(full).orphans
    assert len(orphans) == 2
    assert maintenance.gc(full).removed == orphans
    assert maintenance.check(full).orphans == ()
    assert everything(full) == before
    assert (blobs / "notes.txt").exists()
    assert [path.name for path in outside.iterdir()] == [f"{'0' * 64}.png"]
    (problem,) = maintenance.check(full).problems
    assert "is a link" in problem


def test_the_thumbnails_of_deleted_images_go_with_them(full):
    gone = new(full, b"of a run that was killed")
    kept = next(full.records())
    for record in (gone, kept):
        full.keep_thumbnail(record, "live-1", picture("WEBP"))
    (full.paths.thumbnails / "notes.txt").write_text("the user's own")
    half = full.paths.thumbnails / f".{'0' * 32}.tmp"
    half.touch()
    orphans = maintenance.check(full).orphans
    assert len(orphans) == 3
    assert maintenance.gc(full).removed == orphans
    assert full.read_thumbnail(kept, "live-1") == picture("WEBP")
    assert full.read_thumbnail(gone, "live-1") is None
    assert (full.paths.thumbnails / "notes.txt").exists()
    assert not half.exists()


def test_nothing_is_deleted_while_a_run_is_under_way(full):
    run = entry()
    full.begin(run, None)
    image = new(full, b"arrived, but not recorded yet", run_id=run.run_id)
    with pytest.raises(StoreError, match="under way"):
        maintenance.gc(LocalStore(full.folder))
    full.finish(replace(run, state="done"), [image])
    assert maintenance.gc(full).removed == ()
    assert list(full.records(run.run_id))


def test_nothing_is_deleted_from_a_store_that_is_damaged(full):
    """What the damaged part refers to would be taken for unused."""
    min(full.paths.manifests.iterdir()).write_bytes(b"{")
    with pytest.raises(StoreError, match="store check"):
        maintenance.gc(full)


def test_an_image_only_a_manifest_knows_is_kept(full):
    index = sqlite3.connect(full.paths.database)
    with index:
        index.execute("DELETE FROM asset")
    index.close()
    assert maintenance.gc(full).removed == ()
