"""docs/scale.md says what its figures say, and the stores that it is measured on are as real ones."""

from __future__ import annotations

from pathlib import Path

from benchmarks.scale import bulk, document, plan
from benchmarks.scale.simulation import sweep
from imagegen_nb import Workspace
from imagegen_nb.store.object_log import SEGMENT
from imagegen_nb.sweeps import sweep as sweeps


def test_the_document_is_written_from_the_figures_beside_it() -> None:
    written = document.DOCUMENT.read_text(encoding="utf-8")
    assert document.text(document.figures()) == written, "run ./dev scale --only write"
    assert set(document.PARTS) == {match[2] for match in document._PART.finditer(written)}


def test_the_figures_are_of_what_the_toolkit_allows() -> None:
    figures = document.figures()
    assert plan.MOST_AT_ONCE == sweeps._MOST_AT_ONCE
    assert [one["concurrency"] for one in figures["simulated"]] == [
        one.concurrency for one in plan.scenarios()
    ]
    # Perhaps not of each: the large ones take minutes of an idle machine.
    for measured, planned in ((figures["folders"], plan.FOLDERS), (figures["urls"], plan.URLS)):
        assert list(measured) == [str(runs) for runs in planned if str(runs) in measured]


def test_a_store_that_was_filled_is_as_one_in_which_a_sweep_was_run(tmp_path: Path) -> None:
    kept = bulk.fill_folder(tmp_path / "folder", 12)
    bulk.fill_url(tmp_path / "url", kept, SEGMENT + 3)
    for place, runs in (("folder", 12), ("url", SEGMENT + 3)):
        with bulk.workspace(tmp_path / place if place == "folder" else (tmp_path / place).as_uri()) as ws:
            cells = sweep(runs).load(workspace=ws)
            assert cells.counts() == {"done": runs}
            assert [entry.prompt for entry in ws.runs()] == [cell.run.prompt for cell in cells]
            assert ws.count_records() == runs
            assert ws.store.spending(emulated=True).spent == runs * kept.run.cost_ticks


def test_two_runs_of_a_filled_store_differ_in_nothing_but_their_names(tmp_path: Path) -> None:
    """Of the first two, which were really run, and the others."""
    bulk.fill_folder(tmp_path, 4)
    with Workspace(tmp_path, backend="http://127.0.0.1:9") as ws:
        _, real, filled, _ = ws.runs()
    own = ("run_id", "prompt", "inputs_json", "call", "cell")
    assert {name for name in own if getattr(real, name) == getattr(filled, name)} == set()
    others = [name for name in real.__slots__ if name not in own]
    assert [getattr(real, name) for name in others] == [getattr(filled, name) for name in others]
