"""What the ledger says of cells: every state of a run, and several attempts."""

from __future__ import annotations

import pytest
from support.ledger import entry

from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.sweeps.results import Result, better, cell_name, known_results, result_of
from imagegen_nb.sweeps.sweep import Sweep


@pytest.mark.parametrize(
    ("changes", "outcome", "is_free"),
    [
        ({"state": "calling", "charge": "unknown"}, "running", False),
        ({"state": "done", "charge": "charged"}, "done", False),
        ({"state": "done", "charge": "none"}, "done", False),
        ({"state": "done", "charge": "charged", "result_json": '{"returned":1}'}, "partial", False),
        ({"state": "failed", "charge": "none"}, "failed", True),
        ({"state": "failed", "charge": "charged"}, "failed", False),
        ({"state": "failed", "charge": "unknown"}, "unknown", False),
        ({"state": "interrupted", "charge": "unknown"}, "unknown", False),
        ({"state": "interrupted", "charge": "charged"}, "failed", False),
        ({"state": "interrupted", "charge": "charged", "result_json": '{"returned":2}'}, "done", False),
        ({"state": "interrupted", "charge": "charged", "result_json": '{"returned":1}'}, "partial", False),
        ({"state": "interrupted", "charge": "none"}, "waiting", True),
        ({"state": "cancelled", "charge": "none"}, "waiting", True),
    ],
    ids=str,
)
def test_only_what_surely_cost_nothing_may_be_run_again(changes, outcome, is_free):
    result = result_of(entry(**changes))
    assert (result.outcome, result.is_free) == (outcome, is_free)
    assert result.charge == changes["charge"]


def test_images_count_more_than_anything_later():
    done = Result(outcome="done", run_id="a", attempt=1)
    assert better(done, Result(outcome="failed", run_id="b", attempt=2)) == Result(
        outcome="done", run_id="a", attempt=2
    )
    assert better(None, done) == done
    assert (
        better(Result(outcome="failed", attempt=1), Result(outcome="unknown", attempt=2)).outcome == "unknown"
    )


def test_names_in_the_ledger_are_read_back(tmp_path):
    from imagegen_nb.store.local import LocalStore

    store = LocalStore(tmp_path)
    names = [cell_name("my. sweep", "abc.1", "live-replayed", 2), "my. sweep/odd", "my. sweep 2/abc.1.live.1"]
    for name in names:
        store.begin(entry(cell=name), None)
    ((key, origin, result),) = known_results(store, "my. sweep")
    assert (key, origin, result.attempt, result.outcome) == ("abc.1", "live-replayed", 2, "running")


def test_an_emulated_run_is_told_as_that(workspace):
    sweep = Sweep(ImageGenerationStep(prompt="x"), over={"image_count": [1]})
    sweep.run(workspace=workspace, progress=False)
    for cell in (sweep[0], Sweep(sweep.template, over={"image_count": [1]}).load(workspace=workspace)[0]):
        assert (cell.charge, cell.row()["charge"]) == ("charged", "emulated")
