"""The power goes at a random moment: what was acknowledged before it is whole when the machine is back.

The store lies on an ext4 disk whose image is a file on XFS. A reflink of that file is the disk as it was at
one moment, with all that had reached it and nothing that only the system's memory held. It is mounted as
after a power cut, which replays ext4's journal. A disk that loses what it says it has written is harsher.
"""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from support.ledger import entry, new

from imagegen_nb.store import maintenance
from imagegen_nb.store.local import LocalStore
from rigs import spawning
from rigs.figures import Figure, count, none_of

CYCLES, QUICK = 100, 2
NEEDS = ("mkfs.xfs", "mkfs.ext4", "losetup", "mount", "umount")
"""Programs, to be run as root."""
_WRITERS = 2
_DISK = 128 * 1024 * 1024
_HOST = 1024 * 1024 * 1024
_A_STORES_LIFE = 10
"""Cuts before a store begins anew, so that none fills its disk."""
_FICLONE = 0x40049409


@dataclass(slots=True)
class _Found:
    """What the cuts have shown."""

    begun: int = 0
    images: int = 0
    interrupted: set[str] = field(default_factory=set)
    without_row: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)


def run(cycles: int, folder: Path) -> list[Figure]:
    """Each cycle takes the disk as it is at a random moment of two writers' work."""
    if missing := _missing():
        return [Figure("power cuts", f"none: {missing}", "where the system allows it", True)]
    dice, found = random.Random(11), _Found()
    for first in range(0, cycles, _A_STORES_LIFE):
        with ExitStack() as stack:
            host = _mounted(stack, folder / "host", _HOST, "xfs", folder)
            disk = _mounted(stack, folder / "disk", _DISK, "ext4", host)
            for _ in range(min(_A_STORES_LIFE, cycles - first)):
                acknowledged, image = _cut(disk / "store", host / "disk.img", dice)
                with ExitStack() as after:
                    _mount(after, image, folder / "after")
                    _compare(folder / "after" / "store", acknowledged, found)
                image.unlink()
    return [
        count("power cuts", cycles),
        count("runs acknowledged as begun", found.begun),
        count("images acknowledged", found.images),
        count("runs found interrupted", len(found.interrupted)),
        none_of("begun runs without a ledger row", found.without_row),
        none_of("acknowledged images lost or half", found.lost),
        none_of("problems a check finds", found.problems),
        none_of("reservations stuck", found.stuck),
    ]


def _missing() -> str:
    """Why it cannot be done here; empty where it can."""
    if os.geteuid():
        return "it needs root, to mount a disk"
    absent = [name for name in NEEDS if shutil.which(name) is None]
    return f"it needs {', '.join(absent)}" if absent else _refused()


def _refused() -> str:
    """Why no disk can be made of a file, as in most containers."""
    done = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


def _cut(store: Path, disk: Path, dice: random.Random) -> tuple[list[str], Path]:
    """Let the writers work on the store and take the disk meanwhile: what was acknowledged, and its image."""
    reading, writing = os.pipe()
    children = [spawning.fork(partial(_write, store, writing, dice.random())) for _ in range(_WRITERS)]
    os.close(writing)
    heard: list[str] = []
    listener = threading.Thread(target=_listen, args=(reading, heard))
    listener.start()
    time.sleep(dice.uniform(0.1, 0.6))
    acknowledged = list(heard)
    image = disk.with_name("cut.img")
    with disk.open("rb") as taken, image.open("wb") as copy:
        fcntl.ioctl(copy, _FICLONE, taken.fileno())
    for child in children:
        spawning.kill(child)
    listener.join()
    return acknowledged, image


def _write(folder: Path, pipe: int, seed: float) -> None:
    """Runs without end, each step told once it is done."""
    store, dice = LocalStore(folder), random.Random(seed)
    while True:
        run = entry()
        store.begin(run, None)
        os.write(pipe, f"run {run.run_id}\n".encode())
        images = [new(store, dice.randbytes(dice.randrange(1, 20_000)), run_id=run.run_id) for _ in range(2)]
        stored = store.finish(replace(run, state="done", charge="charged"), images)
        os.write(pipe, "".join(f"image {record.id} {record.sha256}\n" for record in stored).encode())


def _listen(pipe: int, heard: list[str]) -> None:
    """Note each line as it comes: what is heard only later was not acknowledged before."""
    with os.fdopen(pipe, encoding="ascii") as lines:
        for line in lines:
            heard.append(line)  # noqa: PERF402 - one by one, for whoever looks meanwhile


def _compare(folder: Path, acknowledged: list[str], found: _Found) -> None:
    if not acknowledged:
        return  # the power went before the store was there
    store = LocalStore(folder)
    report = maintenance.check(store)
    store.close()
    found.problems += report.problems
    found.stuck += [run.run_id for run in report.runs if run.state == "calling"]
    found.interrupted |= {run.run_id for run in report.interrupted}
    entered = {run.run_id for run in report.runs}
    whole = {(record.id, record.sha256) for record in report.records}
    for line in acknowledged:
        kind, name, *digest = line.split()
        if kind == "run":
            found.begun += 1
            found.without_row += [] if name in entered else [name]
        else:
            found.images += 1
            found.lost += [] if (name, *digest) in whole else [name]


def _mounted(stack: ExitStack, place: Path, size: int, kind: str, home: Path) -> Path:
    """A new disk of `size` bytes, in the file `<place>.img` below `home`, mounted at `place`."""
    image = home / f"{place.name}.img"
    with image.open("wb") as file:
        file.truncate(size)
    subprocess.run([f"mkfs.{kind}", "-q", str(image)], check=True, capture_output=True)
    stack.callback(image.unlink)
    _mount(stack, image, place)
    return place


def _mount(stack: ExitStack, image: Path, place: Path) -> None:
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    stack.callback(subprocess.run, ["umount", str(place)], check=True)
