"""Kill -9 at random moments: three processes run steps with the real SDK against an emulator in a fourth."""

from __future__ import annotations

import importlib
import itertools
import os
import random
import time
import uuid
from collections import Counter
from pathlib import Path

from imagegen_nb import ImageGenerationStep, Workspace
from imagegen_nb.store import maintenance
from imagegen_nb.store.local import LocalStore
from rigs import serving, spawning
from rigs.figures import Figure, count, none_of

CYCLES, QUICK = 1_000, 12
_PROCESSES = 3
_IMAGES = 2
_LONGEST_LIFE = 0.9
"""Seconds until a process is killed at the latest: a few runs; longer where the machine is slow."""


def run(cycles: int, folder: Path) -> list[Figure]:
    """Each cycle starts three processes and kills each at a moment of its own."""
    importlib.import_module("openai")
    importlib.import_module("imagegen_nb.providers.http.client")
    dice = random.Random(5)
    journal = folder / "journal"
    with serving.emulator() as url:
        began = time.monotonic()
        assert spawning.ended_well(spawning.fork(lambda: _work(folder / "store", url, journal, runs=1)))
        longest_life = max(_LONGEST_LIFE, 2 * (time.monotonic() - began))
        for _ in range(cycles):
            children = [
                spawning.fork(lambda: _work(folder / "store", url, journal)) for _ in range(_PROCESSES)
            ]
            for child in children:
                time.sleep(dice.uniform(0, longest_life / _PROCESSES))
                spawning.kill(child)
        asked = serving.asked(url)
    return _figures(cycles, LocalStore(folder / "store"), _journal(journal), asked)


def _work(store: Path, url: str, journal: Path, runs: int | None = None) -> None:
    """Run steps until killed, or so many. What a line of the journal says was true before it was written."""
    workspace = Workspace(store, backend=url)
    handle = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in itertools.count() if runs is None else range(runs):
        token = uuid.uuid4().hex
        step = ImageGenerationStep(
            prompt=token, image_count=_IMAGES, image_size="1024x640", image_output_format="jpeg"
        )

        def tell(event, token=token):
            if event.kind == "queued":
                os.write(handle, f"queued {token} {event.run_id}\n".encode())

        run = step.run(workspace=workspace, on_event=tell)
        assert run.status == "done"
        os.write(handle, f"acknowledged {token} {run.id}\n".encode())


def _journal(path: Path) -> dict[str, dict[str, str]]:
    """Run ids by token, of what was queued and of what was acknowledged."""
    found: dict[str, dict[str, str]] = {"queued": {}, "acknowledged": {}}
    for line in path.read_text().splitlines():
        kind, token, run_id = line.split()
        found[kind][token] = run_id
    return found


def _figures(
    cycles: int, store: LocalStore, journal: dict[str, dict[str, str]], asked: Counter[str]
) -> list[Figure]:
    report = maintenance.check(store)
    ledger = {run.run_id: run for run in report.runs}
    images = Counter(record.run_id for record in report.records)
    queued, acknowledged = journal["queued"], journal["acknowledged"]
    states = Counter(run.state for run in report.runs)
    done = {run.run_id for run in report.runs if run.state == "done"}
    return [
        count("processes killed", cycles * _PROCESSES),
        count("requests at the emulator", sum(asked.values())),
        count("images acknowledged", len(acknowledged) * _IMAGES),
        count("runs recovered as interrupted", states["interrupted"]),
        none_of("requests without a ledger row", [t for t in asked if queued.get(t) not in ledger]),
        none_of("requests sent twice", [t for t, times in asked.items() if times > 1]),
        none_of("acknowledged images lost", [r for r in acknowledged.values() if images[r] != _IMAGES]),
        none_of("finished runs with fewer images", [r for r in done if images[r] != _IMAGES]),
        none_of("images of unfinished runs", [r for r in images if r not in done]),
        none_of("half images, or index and manifests that differ", report.problems),
        none_of("reservations stuck", states["calling"]),
        none_of("lock files left", sorted(path.name for path in store.paths.locks.glob("*"))),
    ]
