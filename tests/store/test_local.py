"""The store in a folder: its promises, also between processes, on full disks and among planted links."""

from __future__ import annotations

import gc
import hashlib
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from imagegen_nb.errors import AssetNotFound, StoreError
from imagegen_nb.store.base import NewAsset, StoredAsset
from imagegen_nb.store.local import LocalStore


def new(store: LocalStore, data: bytes, **changes: Any) -> NewAsset:
    facts: dict[str, Any] = {
        "blob": store.stage(data, "image/png"),
        "file_name": "hero-1.png",
        "width": 64,
        "height": 48,
        "run_id": "run-1",
        "emulated": False,
    }
    return NewAsset(**{**facts, **changes})


def put(store: LocalStore, data: bytes, **changes: Any) -> StoredAsset:
    (stored,) = store.put([new(store, data, **changes)])
    return stored


def content(store: LocalStore, asset_id: str) -> bytes:
    with store.open(asset_id) as file:
        return file.read()


def blobs(store: LocalStore) -> list[Path]:
    return sorted(path for path in (store.folder / "blobs").rglob("*") if path.is_file())


# Putting and getting


def test_a_record_has_the_platforms_keys_and_what_is_known_beside_them(store):
    stored = put(store, b"data", file_name="hero-1.png", run_id="run-7", emulated=True)
    assert uuid.UUID(stored.id).version == 4
    assert (stored.file_name, stored.file_size, stored.file_type) == ("hero-1.png", 4, "image/png")
    assert (stored.width, stored.height, stored.run_id, stored.emulated) == (64, 48, "run-7", True)
    assert stored.sha256 == hashlib.sha256(b"data").hexdigest()
    assert stored.created_at.endswith("+00:00")


def test_the_file_url_opens_the_bytes(store):
    url = urlsplit(put(store, b"data").file_url)
    assert (url.scheme, url.netloc) == ("file", "")
    assert Path(unquote(url.path)).read_bytes() == b"data"


def test_a_folder_with_odd_characters_has_working_urls(tmp_path):
    store = LocalStore(tmp_path / "a b#ü?%20")
    assert Path(unquote(urlsplit(put(store, b"data").file_url).path)).read_bytes() == b"data"
    store.close()


def test_what_was_put_is_got_again(store):
    stored = put(store, b"data", emulated=True)
    assert store.get(stored.id) == stored
    assert content(store, stored.id) == b"data"


def test_several_records_of_one_image_share_its_bytes(store):
    one, two = put(store, b"data"), put(store, b"data")
    assert one.id != two.id
    assert len(blobs(store)) == 1
    assert store.used == 8


def test_bytes_lie_under_their_hash_with_the_ending_of_their_type(store):
    digest = hashlib.sha256(b"data").hexdigest()
    for media_type, ending in (("image/png", "png"), ("image/jpeg", "jpg"), ("image/webp", "webp")):
        store.stage(b"data", media_type)
        assert (store.folder / "blobs" / digest[:2] / f"{digest}.{ending}").read_bytes() == b"data"


def test_a_file_name_never_decides_where_bytes_go(store, tmp_path):
    put(store, b"data", file_name="../../../evil.png")
    assert list(tmp_path.rglob("*evil*")) == []


def test_records_come_oldest_first_and_by_run(store):
    ids = [put(store, bytes([n]), run_id=f"run-{n % 2}").id for n in range(6)]
    assert [record.id for record in store.records()] == ids
    assert [record.id for record in store.records("run-1")] == ids[1::2]
    assert list(store.records("run-9")) == []


@pytest.mark.parametrize("asset_id", ["", "absent", "' OR 1=1 --", "a\0b", "x" * 10_000, "\ud800"])
def test_an_unknown_id_is_not_found(store, asset_id):
    put(store, b"data")
    with pytest.raises(AssetNotFound):
        store.get(asset_id)
    with pytest.raises(AssetNotFound):
        store.open(asset_id)


def test_a_record_whose_bytes_are_gone_is_not_found(store):
    stored = put(store, b"data")
    blobs(store)[0].unlink()
    assert store.get(stored.id) == stored
    with pytest.raises(AssetNotFound, match=stored.id):
        store.open(stored.id)


def test_putting_nothing_changes_nothing(store):
    assert store.put([]) == ()
    assert store.used == 0


def test_several_images_are_recorded_all_or_none(store):
    good = new(store, b"one")
    bad = new(store, b"two", file_name=None)
    with pytest.raises(StoreError):
        store.put([good, bad])
    assert list(store.records()) == []
    assert store.used == 0
    assert store.put([good])[0].file_size == 3


# What is used


def test_used_counts_every_record_by_its_size(store):
    assert store.used == 0
    for size in (10, 20, 30):
        put(store, bytes(size))
    assert store.used == 60


def test_used_reads_one_row_however_many_records_there_are(store):
    put(store, b"data")
    queries: list[str] = []
    store.index.connection.set_trace_callback(queries.append)  # the index's own log of what it does
    assert store.used == 4
    assert len(queries) == 1
    index = sqlite3.connect(store.folder / "index.sqlite3")
    plan = " ".join(row[3] for row in index.execute(f"EXPLAIN QUERY PLAN {queries[0]}"))
    index.close()
    assert "asset" not in plan


def test_a_deleted_record_is_no_longer_counted(store):
    put(store, b"data")
    index = sqlite3.connect(store.folder / "index.sqlite3")
    with index:
        index.execute("DELETE FROM asset")
    index.close()
    assert store.used == 0


def test_the_limit_is_kept_for_whoever_asks(tmp_path):
    assert LocalStore(tmp_path, 5).limit == 5
    assert LocalStore(tmp_path).limit is None


# The index


def test_the_index_keeps_a_rollback_journal_and_syncs_everything(store):
    put(store, b"data")
    assert store.index.connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert store.index.connection.execute("PRAGMA synchronous").fetchone() == (3,)


def test_bytes_are_durable_before_their_record_is_written(store, monkeypatch):
    put(store, b"warm up")
    steps: list[str] = []
    sync = os.fsync

    def noted(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    blob = store.stage(b"another", "image/png")
    assert steps[-2:] == ["file", "folder"]
    assert blobs(store)
    assert blob.size == 7
    assert [record.sha256 for record in store.records()] == [hashlib.sha256(b"warm up").hexdigest()]


@pytest.mark.parametrize("use", [lambda s: s.used, lambda s: list(s.records()), lambda s: s.get("x")])
@pytest.mark.parametrize("garbage", [b"no database at all " * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_an_index_that_is_none_is_a_store_error(tmp_path, garbage, use):
    (tmp_path / "index.sqlite3").write_bytes(garbage)
    store = LocalStore(tmp_path)
    with pytest.raises(StoreError, match="index"):
        use(store)
    assert (tmp_path / "index.sqlite3").read_bytes() == garbage


def test_a_damaged_index_gives_records_or_a_store_error(tmp_path):
    dice = random.Random(5)
    store = LocalStore(tmp_path)
    ids = [put(store, bytes([n]) * 50).id for n in range(30)]
    store.close()
    path = tmp_path / "index.sqlite3"
    whole = path.read_bytes()
    for _ in range(60):
        at = dice.randrange(len(whole) - 512)
        path.write_bytes(whole[:at] + dice.randbytes(512) + whole[at + 512 :])
        for use in (lambda s: s.used, lambda s: list(s.records()), lambda s: s.get(ids[0])):
            damaged = LocalStore(tmp_path)
            with suppress(StoreError):
                use(damaged)
            damaged.close()


def test_a_newer_layout_is_refused_and_left_alone(tmp_path):
    store = LocalStore(tmp_path)
    put(store, b"data")
    store.close()
    index = sqlite3.connect(tmp_path / "index.sqlite3")
    index.execute("PRAGMA user_version = 99")
    index.close()
    before = (tmp_path / "index.sqlite3").read_bytes()
    for use in (lambda s: s.used, lambda s: put(s, b"more")):
        with pytest.raises(StoreError, match="newer version"):
            use(LocalStore(tmp_path))
    assert (tmp_path / "index.sqlite3").read_bytes() == before


@pytest.mark.parametrize("at", ["assets", "assets/deeper"])
def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path, at):
    (tmp_path / "assets").write_text("a file")
    store = LocalStore(tmp_path / at)
    with pytest.raises(StoreError, match="assets"):
        _ = store.used
    with pytest.raises(StoreError, match="assets"):
        store.stage(b"data", "image/png")


@pytest.mark.parametrize("folder", ["~nobody-by-this-name/assets", "~nobody-by-this-name", "a\0b"])
def test_a_folder_that_cannot_be_is_a_store_error_and_not_taken_literally(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError):
        _ = LocalStore(folder).used
    assert list(tmp_path.iterdir()) == []


def test_making_a_store_touches_nothing(tmp_path):
    LocalStore(tmp_path / "assets")
    assert list(tmp_path.iterdir()) == []


def test_a_store_works_after_close_and_close_may_come_twice(store):
    stored = put(store, b"data")
    store.close()
    store.close()
    assert store.get(stored.id) == stored
    assert put(store, b"more").file_size == 4
    assert store.used == 8


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


# Damage and planted links


@pytest.mark.parametrize("damage", [b"", b"dat", b"DATA", b"data and more"])
def test_a_damaged_blob_is_healed_when_it_comes_again(store, damage):
    stored = put(store, b"data")
    blobs(store)[0].write_bytes(damage)
    put(store, b"data")
    assert content(store, stored.id) == b"data"


def test_a_blob_that_is_whole_is_not_written_again(store):
    put(store, b"data")
    before = blobs(store)[0].stat()
    put(store, b"data")
    after = blobs(store)[0].stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def plant(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


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
        store.stage(b"data", "image/png")
    assert not exists or list(outside.iterdir()) == []
    assert outside.exists() is exists


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
    assert not blobs(store)[0].is_symlink()
    assert (victim.read_bytes() if victim.exists() else None) == inside


def test_a_folder_at_the_final_path_is_a_store_error(store):
    digest = hashlib.sha256(b"data").hexdigest()
    (store.folder / "blobs" / digest[:2] / f"{digest}.png").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot write an image of 4 bytes"):
        store.stage(b"data", "image/png")
    assert blobs(store) == []


# Full disks

LIMITED = """
import pathlib, resource, sys
from imagegen_nb.errors import StoreError
from imagegen_nb.store.base import NewAsset
from imagegen_nb.store.local import LocalStore

def record(blob):
    return NewAsset(blob=blob, file_name="n" * 200, width=1, height=1, run_id="r", emulated=False)

store = LocalStore(sys.argv[1])
small = store.stage(b"small", "image/png")
store.put([record(small)])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
refused = 0
for number in range(300):
    try:
        store.put([record(store.stage(bytes([number % 256]) * 60_000, "image/png"))])
    except StoreError as error:
        assert str(error)
        refused += 1
kept = len(list(store.records()))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.put([record(store.stage(b"x" * 500_000, "image/png"))])
print(refused, kept, store.used)
"""


@pytest.mark.parametrize(
    "cap", [20_000, 66_000], ids=["blobs do not fit", "blobs fit and the index stops growing"]
)
def test_a_full_disk_is_a_store_error_leaves_no_half_file_and_heals(tmp_path, cap):
    done = run(LIMITED, tmp_path, cap)
    refused, kept, used = map(int, done.split())
    assert refused > 0
    store = LocalStore(tmp_path)
    records = list(store.records())
    assert len(records) == kept + 1
    assert store.used == used == sum(record.file_size for record in records)
    for record in records:
        assert hashlib.sha256(content(store, record.id)).hexdigest() == record.sha256
    assert [path for path in blobs(store) if path.name.startswith(".")] == []
    for path in blobs(store):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    store.close()


def run(program: str, *arguments: object) -> str:
    """The output of a program in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


# Several processes

WRITER = """
import os, sys, time
from imagegen_nb.store.base import NewAsset
from imagegen_nb.store.local import LocalStore
folder, start, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
while not os.path.exists(start):
    time.sleep(0.001)
store = LocalStore(folder)
for number in range(count):
    blob = store.stage(f"{os.getpid()} {number % 3}".encode() * 50, "image/png")
    (stored,) = store.put([NewAsset(blob=blob, file_name="n.png", width=1, height=1,
                                    run_id=str(os.getpid()), emulated=False)])
    print(stored.id, flush=True)
"""


@pytest.mark.parametrize(
    ("processes", "count"), [(8, 1), (4, 12)], ids=["first open at once", "writing at once"]
)
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
    told = [writer.communicate(timeout=60) for writer in writers]
    assert [error for _, error in told if error] == []
    ids = [line for out, _ in told for line in out.split()]
    store = LocalStore(folder)
    records = list(store.records())
    assert sorted(record.id for record in records) == sorted(ids)
    assert len(ids) == processes * count
    assert store.used == sum(record.file_size for record in records)
    for record in records:
        assert hashlib.sha256(content(store, record.id)).hexdigest() == record.sha256
    store.close()


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
    kept = {record.id for record in store.records()}
    assert {line.strip() for line in lines[1:] if len(line.strip()) == 36} <= kept
    for record in store.records():
        assert hashlib.sha256(content(store, record.id)).hexdigest() == record.sha256
    store.close()


def test_threads_share_a_store(store):
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(8):
                put(store, f"{name} {number}".encode())
                assert store.used > 0
        except Exception as error:  # noqa: BLE001 - whatever a thread raises is to be seen
            errors.append(error)

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(list(store.records())) == 48


# Forks, in a process of their own so that the tests' threads are not forked

FORK = """
import os, signal, sys, threading
from imagegen_nb.store.base import NewAsset
from imagegen_nb.store.local import LocalStore

store = LocalStore(sys.argv[1])

def put(data):
    blob = store.stage(data, "image/png")
    store.put([NewAsset(blob=blob, file_name="n.png", width=1, height=1, run_id="r", emulated=False)])

def child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

put(b"parent")
"""


def test_parent_and_forked_child_both_go_on_with_a_store(tmp_path):
    program = FORK + (
        "codes = [child(lambda: (put(b'child'), store.used, store.close())) for _ in range(3)]\n"
        "put(b'parent again')\n"
        "print(codes, len(list(store.records())))\n"
    )
    assert run(program, tmp_path).strip() == "[0, 0, 0] 5"


def test_a_fork_while_another_thread_uses_the_store_does_not_hang_the_child(tmp_path):
    program = FORK.replace("alarm(10)", "alarm(2)") + (
        "stop = threading.Event()\n"
        "def busy():\n"
        "    while not stop.is_set():\n"
        "        store.used\n"
        "thread = threading.Thread(target=busy)\n"
        "thread.start()\n"
        "codes = [0]\n"
        "while not codes[-1] and len(codes) < 16:\n"
        "    codes.append(child(lambda: store.used))\n"
        "stop.set()\n"
        "thread.join()\n"
        "print(set(codes))\n"
    )
    assert run(program, tmp_path).strip() == "{0}"


def test_a_child_forked_during_a_write_leaves_the_parents_journal_alone(tmp_path):
    program = FORK + (
        "journal = os.path.join(sys.argv[1], 'index.sqlite3-journal')\n"
        "store.index.connection.execute('BEGIN IMMEDIATE')\n"
        "store.index.connection.execute('UPDATE total SET bytes = 1')\n"
        "assert os.path.exists(journal)\n"
        "code = child(store.close)\n"
        "print(code, os.path.exists(journal))\n"
        "store.index.connection.execute('COMMIT')\n"
        "print(store.used)\n"
    )
    assert run(program, tmp_path).split() == ["0", "True", "1"]


# Connections that nobody closed: Python 3.13 warns of them, and `pytest -W error` makes that a failure


def opened(folder):
    store = LocalStore(folder)
    assert store.used == 0
    return store, store.index.connection


def test_a_store_that_is_dropped_closes_its_connection(tmp_path):
    store, connection = opened(tmp_path)
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_store_in_a_cycle_that_is_dropped_in_another_thread_closes_its_connection(tmp_path):
    connections = []

    def use_and_drop():
        store, connection = opened(tmp_path)
        store.itself = store
        connections.append(connection)

    thread = threading.Thread(target=use_and_drop)
    thread.start()
    thread.join()
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connections[0].execute("SELECT 1")


def test_a_store_that_is_closed_twice_or_used_again_holds_one_connection(tmp_path):
    store, first = opened(tmp_path)
    store.close()
    store.close()
    assert store.used == 0
    assert store.index.connection is not first
    store.close()
    assert store.index.connection is None


def test_a_store_that_lives_until_the_interpreter_exits_warns_of_nothing(tmp_path):
    program = (
        "import atexit, sqlite3, sys\n"
        "def is_closed():\n"
        "    try:\n"
        "        store.index.connection.execute('SELECT 1')\n"
        "    except sqlite3.ProgrammingError as error:\n"
        "        print(error)\n"
        "atexit.register(is_closed)\n"
        "from imagegen_nb.store.local import LocalStore\n"
        "store = LocalStore(sys.argv[1])\n"
        "store.used\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, tmp_path], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "Cannot operate on a closed database."
    assert done.stderr == ""
