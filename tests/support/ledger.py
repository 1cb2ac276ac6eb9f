"""Ledger entries and records for tests of stores, without a run behind them, and looks into a store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagegen_nb.core.images import CheckedImage, check
from imagegen_nb.core.opinions import Judgement, PickedCell, Score, ScoreValue
from imagegen_nb.step.output import Asset
from imagegen_nb.store.base import AssetRecord, LedgerEntry, Store
from imagegen_nb.store.local import LocalStore

_TESTS = str(Path(__file__).parents[1])


def entry(run_id: str = "", **changes: Any) -> LedgerEntry:
    """A run under way that was not begun yet."""
    facts: dict[str, Any] = {
        "run_id": run_id or str(uuid.uuid4()),
        "provider": "openai",
        "model": "gpt-image-2",
        "count": 2,
        "estimate": 1_000,
        "emulated": True,
        "state": "calling",
        "charge": "unknown",
        "started_at": "2026-11-21T09:00:00+00:00",
    }
    return LedgerEntry(**{**facts, **changes})


def new(store: Store, data: bytes, media_type: str = "image/png", **changes: Any) -> AssetRecord:
    """A record whose bytes are staged; nothing has recorded it yet."""
    image = CheckedImage(data, media_type, 64, 48, has_alpha=False)
    staged = store.stage(image, run_id="run-1", emulated=True)
    return replace(staged, **{"file_name": "hero-1.png", **changes})


def put(store: Store, data: bytes, **changes: Any) -> AssetRecord:
    """One record outside of any run."""
    (stored,) = store.put([new(store, data, **changes)])
    return stored


def made(store: Store, data: bytes, **asked: Any) -> Asset:
    """An image of a run that the ledger knows all of; `asked` are fields of its entry."""
    image = check(data)
    facts = {
        "count": 1,
        "emulated": False,
        "prompt": "A lamp é 🦊",
        "settings_json": json.dumps({"model": "gpt-image-2", "prompt": "A {{product}} é 🦊"}),
        "inputs_json": json.dumps({"product": "lamp"}),
        "result_json": json.dumps({"backend": "live", "identifier": "step_7"}),
    }
    run = entry(**{**facts, **asked})
    store.begin(run, None)
    staged = store.stage(image, run_id=run.run_id, emulated=run.emulated)
    (record,) = store.finish(replace(run, state="done", charge="charged"), [staged])
    return Asset.of(record, store)


def judgement(number: int, topic: str = "night", **changes: str) -> Judgement:
    """A comparison, the `number`th on its topic."""
    facts = {"left": "a", "right": "b", "left_image": "1", "right_image": "2", "rater": "Ann"}
    moment = f"2026-11-27T10:00:00.{number:06}+00:00"
    return Judgement(id=f"j{number}", topic=topic, verdict="left", judged_at=moment, **{**facts, **changes})


def score(image: str, judge: str = "sharp", **values: ScoreValue) -> Score:
    """What a judge found in an image."""
    name = f"{judge}-{image}"
    return Score(id=name, image=image, judge=judge, values=values, scored_at="2026-11-27T10:00:00+00:00")


def pick(number: int, topic: str = "night") -> PickedCell:
    """The `number`th pick on a topic."""
    moment = f"2026-11-28T10:00:00.{number:06}+00:00"
    return PickedCell(id=f"p{number}", topic=topic, cell=f"c{number}", run_id="r", picked_at=moment)


def content(store: Store, asset_id: str) -> bytes:
    """The bytes of a record."""
    with store.open(asset_id) as file:
        return file.read()


def everything(store: Store) -> tuple[list[AssetRecord], list[LedgerEntry], int]:
    """All that the database holds."""
    return list(store.records()), list(store.runs()), store.used


def states(store: Store) -> list[tuple[str, str]]:
    """State and charge of each run."""
    return [(run.state, run.charge) for run in store.runs()]


def fill(store: Store, runs: int = 4) -> None:
    """Runs of all kinds, ended in another order than begun, and images put in outside of any."""
    begun = [entry() for _ in range(runs)]
    for run in begun:
        store.begin(run, None)
    store.put([new(store, b"outside")])
    for number, run in enumerate(reversed(begun)):
        images = [new(store, f"{number} {n}".encode(), run_id=run.run_id) for n in range(number)]
        state = "done" if images else "failed"
        store.finish(replace(run, state=state, charge="charged" if images else "none"), images)
    store.put([new(store, b"outside again"), new(store, b"outside")])


def blob_files(store: LocalStore) -> list[Path]:
    """The files of the images, also unfinished ones."""
    return sorted(path for path in store.paths.blobs.rglob("*") if path.is_file())


def lock_files(store: LocalStore) -> list[str]:
    """The names of the lock files, and of the markers of runs."""
    return sorted(path.name for path in store.paths.locks.iterdir())


def marked_runs(store: LocalStore) -> list[str]:
    """The runs that have a marker; there is one lock for all of them."""
    markers = [name for name in lock_files(store) if name.endswith(".run")]
    assert len(lock_files(store)) == len(markers) + bool(markers)
    return [name.partition(".")[0] for name in markers]


def plant(link: Path, target: Path) -> None:
    """A link as somebody else may have laid it."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


def run_program(program: str, *arguments: object) -> str:
    """The output of a program in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def other_process(code: str, *arguments: object) -> subprocess.Popen[str]:
    """`code` in a process of its own, with what most of them need at hand."""
    prelude = """
        import os, sys, time
        from support.ledger import entry, new
        from imagegen_nb.store.open_store import open_store
        from imagegen_nb.errors import StorageLimitReached
        store = open_store(sys.argv[1])
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(code), *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [_TESTS, os.environ.get("PYTHONPATH")])),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
