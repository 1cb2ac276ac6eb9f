"""The store in a folder: its promises, also between processes and on full disks."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from support.ledger import blob_files, content, entry, marked_runs, new, plant, put, run_program

from imagegen_nb.core.images import CheckedImage
from imagegen_nb.core.received_file import Receiver
from imagegen_nb.errors import AssetNotFound, StorageLimitReached, StoreError
from imagegen_nb.store import maintenance
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store.tables import PAGE

# Putting and getting


def test_the_file_url_opens_the_bytes(store):
    url = urlsplit(put(store, b"data").file_url)
    assert (url.scheme, url.netloc) == ("file", "")
    assert Path(unquote(url.path)).read_bytes() == b"data"


def test_a_folder_with_odd_characters_has_working_urls(tmp_path):
    store = LocalStore(tmp_path / "a b#ü?%20")
    assert Path(unquote(urlsplit(put(store, b"data").file_url).path)).read_bytes() == b"data"
    store.close()


def test_several_records_of_one_image_share_its_bytes(store):
    one, two = put(store, b"data"), put(store, b"data")
    assert one.id != two.id
    assert len(blob_files(store)) == 1
    assert store.used == 8


def arrived(store: LocalStore, data: bytes) -> CheckedImage:
    """An image whose bytes were written as they arrived."""
    receiver = Receiver(store.new_path)
    receiver.write(data)
    file = receiver.finish()
    return CheckedImage(data, "image/png", 64, 48, has_alpha=False, file=file)


def test_a_file_that_arrived_is_taken_as_it_is(store):
    image = arrived(store, b"data")
    assert [path.name for path in blob_files(store)] == [image.file.path.name]
    inode = image.file.path.stat().st_ino
    staged = store.stage(image, run_id="run-1", emulated=True)
    (path,) = blob_files(store)
    assert (path.stat().st_ino, path.read_bytes(), path.stem) == (inode, b"data", staged.sha256)
    del image
    assert blob_files(store) == [path]


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"d")])
def test_an_arrived_file_that_was_harmed_is_written_anew(store, harm):
    image = arrived(store, b"data")
    harm(image.file.path)
    (stored,) = store.put([store.stage(image, run_id="run-1", emulated=True)])
    assert content(store, stored.id) == b"data"


def test_an_arrived_file_that_disappears_in_the_last_moment_is_written_anew(store, monkeypatch):
    image = arrived(store, b"data")
    image.file.path.unlink()
    monkeypatch.setattr(type(image.file), "is_there", True)
    (stored,) = store.put([store.stage(image, run_id="run-1", emulated=True)])
    assert content(store, stored.id) == b"data"


def test_an_arrived_file_on_another_disk_is_written_anew(store, monkeypatch):
    """As a store made of this one may name it: no rename leads from there to here."""

    def cannot(_, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    image = arrived(store, b"data")
    with monkeypatch.context() as patch:
        patch.setattr(type(image.file), "move", cannot)
        (stored,) = store.put([store.stage(image, run_id="run-1", emulated=True)])
    assert content(store, stored.id) == b"data"
    assert len(blob_files(store)) == 1


def test_an_arrived_file_with_bytes_that_are_there_already_is_not_kept(store):
    put(store, b"data")
    image = arrived(store, b"data")
    store.stage(image, run_id="run-1", emulated=True)
    (path,) = blob_files(store)  # while an event may still hold the image
    assert path.read_bytes() == b"data"


def test_bytes_lie_under_their_hash_with_the_ending_of_their_type(store):
    digest = hashlib.sha256(b"data").hexdigest()
    for media_type, ending in (("image/png", "png"), ("image/jpeg", "jpg"), ("image/webp", "webp")):
        new(store, b"data", media_type)
        assert (store.folder / "blobs" / digest[:2] / f"{digest}.{ending}").read_bytes() == b"data"


def test_a_file_name_never_decides_where_bytes_go(store, tmp_path):
    put(store, b"data", file_name="../../../evil.png")
    assert list(tmp_path.rglob("*evil*")) == []


def test_a_record_whose_bytes_are_gone_is_not_found(store):
    stored = put(store, b"data")
    blob_files(store)[0].unlink()
    assert store.get(stored.id) == stored
    with pytest.raises(AssetNotFound, match=stored.id):
        store.open(stored.id)


def test_the_limit_is_kept_for_whoever_asks(tmp_path):
    assert LocalStore(tmp_path, 5).limit == 5
    assert LocalStore(tmp_path).limit is None


def test_bytes_are_durable_before_their_record_is_written(store, monkeypatch):
    put(store, b"warm up")
    steps: list[str] = []
    sync = os.fsync

    def noted(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    image = new(store, b"another")
    assert steps[-2:] == ["file", "folder"]
    assert blob_files(store)
    assert image.file_size == 7
    assert [record.sha256 for record in store.records()] == [hashlib.sha256(b"warm up").hexdigest()]


# Opening and closing


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "assets").write_text("a file")
    store = LocalStore(tmp_path / "assets" / "deeper")
    with pytest.raises(StoreError, match="assets"):
        _ = store.used
    with pytest.raises(StoreError, match="assets"):
        new(store, b"data")


@pytest.mark.parametrize("folder", ["~nobody-by-this-name/assets", "~nobody-by-this-name", "a\0b"])
def test_a_folder_that_cannot_be_is_a_store_error_and_not_taken_literally(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError):
        _ = LocalStore(folder).used
    assert list(tmp_path.iterdir()) == []


def test_making_a_store_touches_nothing(tmp_path):
    LocalStore(tmp_path / "assets")
    assert list(tmp_path.iterdir()) == []


def test_a_store_opened_anew_has_everything(tmp_path):
    first = LocalStore(tmp_path)
    stored = put(first, b"data")
    first.close()
    second = LocalStore(tmp_path)
    assert (second.get(stored.id), second.used) == (stored, 4)
    second.close()


def test_a_moved_store_keeps_its_images(tmp_path):
    first = LocalStore(tmp_path / "here")
    stored = put(first, b"data")
    first.close()
    (tmp_path / "here").rename(tmp_path / "there")
    moved = LocalStore(tmp_path / "there")
    assert content(moved, stored.id) == b"data"
    assert "/there/" in moved.get(stored.id).file_url
    moved.close()


def test_the_folders_of_a_store_are_the_users_alone(tmp_path):
    store = LocalStore(tmp_path / "assets")
    put(store, b"data")
    folders = [store.folder, *(path for path in store.folder.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    store.close()


# Damaged blobs and planted links


@pytest.mark.parametrize("damage", [b"", b"dat", b"DATA", b"data and more"])
def test_a_damaged_blob_is_healed_when_it_comes_again(store, damage):
    stored = put(store, b"data")
    blob_files(store)[0].write_bytes(damage)
    put(store, b"data")
    assert content(store, stored.id) == b"data"


def test_a_blob_that_is_whole_is_not_written_again(store):
    put(store, b"data")
    before = blob_files(store)[0].stat()
    put(store, b"data")
    after = blob_files(store)[0].stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    "inside", [b"mine", b"data", None], ids=["another file", "the same bytes", "dangling"]
)
def test_a_planted_link_at_the_final_path_is_replaced(store, tmp_path, inside):
    victim = tmp_path / "victim"
    if inside is not None:
        victim.write_bytes(inside)
    digest = hashlib.sha256(b"data").hexdigest()
    plant(store.folder / "blobs" / digest[:2] / f"{digest}.png", victim)
    stored = put(store, b"data")
    assert content(store, stored.id) == b"data"
    assert not blob_files(store)[0].is_symlink()
    assert (victim.read_bytes() if victim.exists() else None) == inside


def test_a_folder_at_the_final_path_is_a_store_error(store):
    digest = hashlib.sha256(b"data").hexdigest()
    (store.folder / "blobs" / digest[:2] / f"{digest}.png").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot write an image of 4 bytes"):
        new(store, b"data")
    assert blob_files(store) == []


# Runs in the ledger


# The limit


def test_a_refused_run_leaves_nothing_behind(store):
    store.begin(entry("a-run", estimate=100), 100)
    with pytest.raises(StorageLimitReached):
        store.begin(entry("refused"), 100)
    assert [run.run_id for run in store.runs()] == ["a-run"]
    assert marked_runs(store) == ["a-run"]
    assert [path.name for path in store.paths.manifests.iterdir()] == ["a-run.json"]


# Full disks


LIMITED = """
import pathlib, resource, sys
from dataclasses import replace
from imagegen_nb.core.images import CheckedImage
from imagegen_nb.errors import StoreError
from imagegen_nb.store.local import LocalStore

def put(data):
    image = CheckedImage(data, "image/png", 1, 1, has_alpha=False)
    staged = store.stage(image, run_id="r", emulated=False)
    store.put([replace(staged, file_name="n" * 200)])

store = LocalStore(sys.argv[1])
put(b"small")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
refused = 0
for number in range(300):
    try:
        put(bytes([number % 256]) * 60_000)
    except StoreError as error:
        assert str(error)
        refused += 1
recorded = len(list(store.records()))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
put(b"x" * 500_000)
print(refused, recorded, store.used)
"""


@pytest.mark.parametrize(
    "cap", [20_000, 66_000], ids=["blobs do not fit", "blobs fit and the index stops growing"]
)
@pytest.mark.rigs
def test_a_full_disk_is_a_store_error_leaves_no_half_file_and_heals(tmp_path, cap):
    done = run_program(LIMITED, tmp_path, cap)
    refused, recorded, used = map(int, done.split())
    assert refused > 0
    store = LocalStore(tmp_path)
    records = list(store.records())
    assert len(records) == recorded + 1
    assert store.used == used == sum(record.file_size for record in records)
    for record in records:
        assert hashlib.sha256(content(store, record.id)).hexdigest() == record.sha256
    assert [path for path in blob_files(store) if path.name.startswith(".")] == []
    for path in blob_files(store):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    store.close()


# Several processes and threads


WRITER = """
import os, sys, time
from imagegen_nb.core.images import CheckedImage
from imagegen_nb.store.local import LocalStore
folder, start, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
while not os.path.exists(start):
    time.sleep(0.001)
store = LocalStore(folder)
for number in range(count):
    data = f"{os.getpid()} {number % 3}".encode() * 50
    image = CheckedImage(data, "image/png", 1, 1, has_alpha=False)
    (stored,) = store.put([store.stage(image, run_id=str(os.getpid()), emulated=False)])
    print(stored.id, flush=True)
"""


@pytest.mark.parametrize(
    ("processes", "count"), [(8, 1), (4, 12)], ids=["first open at once", "writing at once"]
)
@pytest.mark.rigs
def test_processes_share_a_store(tmp_path, processes, count):
    folder, start = tmp_path / "assets", tmp_path / "go"
    command = [sys.executable, "-c", WRITER, str(folder), str(start), str(count)]
    writers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    start.touch()
    outputs = [writer.communicate(timeout=60) for writer in writers]
    assert [error for _, error in outputs if error] == []
    ids = [line for out, _ in outputs for line in out.split()]
    store = LocalStore(folder)
    records = list(store.records())
    assert sorted(record.id for record in records) == sorted(ids)
    assert len(ids) == processes * count
    assert store.used == sum(record.file_size for record in records)
    for record in records:
        assert hashlib.sha256(content(store, record.id)).hexdigest() == record.sha256
    store.close()


@pytest.mark.rigs
def test_a_killed_writer_loses_nothing_it_has_reported(tmp_path):
    folder, start = tmp_path / "assets", tmp_path / "go"
    start.touch()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(start), "100000"], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(20)]
    writer.send_signal(signal.SIGKILL)
    lines += writer.communicate(timeout=30)[0].splitlines()
    store = LocalStore(folder)
    stored_ids = {record.id for record in store.records()}
    assert {line.strip() for line in lines[1:] if len(line.strip()) == 36} <= stored_ids
    for record in store.records():
        assert hashlib.sha256(content(store, record.id)).hexdigest() == record.sha256
    store.close()


# Lists, page by page


def _images(store: LocalStore, many: int, run_id: str = "a-run") -> list[str]:
    staged = new(store, b"data", run_id=run_id)
    return [one.id for one in store.put([replace(staged, id=f"{run_id}-{n}") for n in range(many)])]


def test_the_database_is_free_while_a_page_is_looked_at(store):
    _images(store, PAGE * 2)
    records = store.list_records()
    next(records)
    with ThreadPoolExecutor(1) as other:
        other.submit(put, store, b"more").result(timeout=30)
    store.close()
    assert len(list(records)) == 2 * PAGE - 1


def test_a_list_goes_on_in_an_index_that_was_built_anew(store):
    ids = _images(store, PAGE * 2)
    records = store.list_records()
    seen = [next(records).id]
    maintenance.rebuild(store)
    seen += [record.id for record in records]
    assert seen == ids


def test_a_page_is_read_from_an_index_and_nothing_is_sorted(store):
    put(store, b"data")
    connection = store.database.connection
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    for newest_first in (False, True):
        list(store.list_records(newest_first=newest_first))
        list(store.list_records("a-run", newest_first=newest_first))
        list(store.list_runs(newest_first=newest_first))
    connection.set_trace_callback(None)
    plans = [
        connection.execute(f"EXPLAIN QUERY PLAN {one}").fetchall() for one in statements if "LIMIT" in one
    ]
    steps = [step[3] for plan in plans for step in plan]
    assert len(plans) == 6
    assert [step for step in steps if not step.startswith("SEARCH")] == []


def test_a_file_in_the_folders_place_is_refused_at_once(tmp_path):
    (tmp_path / "mist.py").write_text("")
    with pytest.raises(StoreError, match="is a file; give a folder"):
        LocalStore(tmp_path / "mist.py")
