"""Stores with any number of runs, made faster than by running as many.

Two cells of a sweep are run in virtual time. What the store then has of the second is written again under
other names: in a folder as rows of its database, by the store's own code and in few transactions, and below a
URL as segments of its log, which are what a process reads that opens such a store. All records name the one
image that is there. What is left out are each run's manifest and image, of which one each is measured.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import imagegen_nb as ig
from benchmarks.scale.provider_model import ProviderModel
from benchmarks.scale.simulation import Scenario, simulate, sweep
from imagegen_nb.store.base import AssetRecord, LedgerEntry
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store.object_documents import Change, Entry, RunEnd, dump
from imagegen_nb.store.object_log import SEGMENT
from imagegen_nb.sweeps.axes import MOST_CELLS

_AT_ONCE = 10_000
"""Rows of a transaction."""


@dataclass(frozen=True, slots=True)
class Template:
    """What a store has of a run of one image."""

    run: LedgerEntry
    asset: AssetRecord

    def again(self, cell: str, call: str, thing: str) -> tuple[LedgerEntry, AssetRecord]:
        """The same for another cell."""
        run_id = str(uuid.uuid4())
        run = replace(
            self.run,
            run_id=run_id,
            cell=cell,
            call=call,
            prompt=self.run.prompt.replace("thing 1", thing),
            inputs_json=self.run.inputs_json.replace("thing 1", thing),
        )
        return run, replace(self.asset, id=str(uuid.uuid4()), run_id=run_id)


def template(folder: Path) -> Template:
    """Make a store in `folder` with two real runs, and return the second."""
    simulate(Scenario(images=2, model=ProviderModel(latency=1.0), concurrency=1), folder)
    store = LocalStore(folder)
    run = list(store.runs())[-1]
    (asset,) = store.records(run.run_id)
    store.close()
    return Template(run, asset)


def runs_like(kept: Template, number: int, first: int = 0) -> Iterator[tuple[LedgerEntry, AssetRecord]]:
    """So many runs, of the cells `first` and so on of as many sweeps as they need, the first of them
    "scale"."""
    cells = sweep(min(first + number, MOST_CELLS))
    ending = kept.run.cell.rsplit(".", 2)[1:]
    for count in range(first, first + number):
        part, place = divmod(count, MOST_CELLS)
        plan = cells._plans[place]
        name = f"scale{'' if part == 0 else f'-{part}'}"
        yield kept.again(".".join((f"{name}/{plan.key}", *ending)), plan.call, f"thing {place}")


def fill_folder(folder: Path, runs: int) -> Template:
    """A store in `folder` with so many runs, at least two."""
    kept = template(folder)
    store = LocalStore(folder)
    for chunk in _batches(runs_like(kept, runs - 2, 2)):
        with store.database.transaction() as tables:
            for run, _ in chunk:
                tables.put_run(run)
            tables.add_assets([asset for _, asset in chunk])
    store.close()
    return kept


def _batches(
    runs: Iterator[tuple[LedgerEntry, AssetRecord]],
) -> Iterator[list[tuple[LedgerEntry, AssetRecord]]]:
    while batch := list(itertools.islice(runs, _AT_ONCE)):
        yield batch


def fill_url(root: Path, kept: Template, runs: int) -> None:
    """A log below `root` with so many runs, each begun and ended: segments, and entries for the rest."""
    entries = (entry for run, asset in runs_like(kept, runs) for entry in _entries(run, asset))
    folder = root / "segments"
    folder.mkdir(parents=True)
    lines: list[bytes] = []
    number = 0
    for entry in entries:
        lines.append(dump(entry))
        if len(lines) == SEGMENT:
            number += 1
            (folder / f"{number:012}.jsonl").write_bytes(b"\n".join(lines))
            lines.clear()
    if lines:
        (root / "log").mkdir()
    for place, line in enumerate(lines, number * SEGMENT + 1):
        (root / "log" / f"{place:012}.json").write_bytes(line)


def _entries(run: LedgerEntry, asset: AssetRecord) -> Iterator[Entry]:
    begun = replace(run, state="calling", charge="unknown", ended_at="", result_json="", cost_ticks=None)
    for change in (Change(begun=begun), Change(ended=RunEnd.of(run), assets=(asset,))):
        yield Entry(key=uuid.uuid4().hex, owner="bulk", changes=(change,))


def workspace(folder: Path | str) -> ig.Workspace:
    """A workspace on a store that was filled, which asks nobody."""
    return ig.Workspace(folder, backend="http://127.0.0.1:9", budget="1000000 USD")
