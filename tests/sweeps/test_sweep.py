"""A sweep from its plan to its picture: nothing is paid for twice, whatever happens in between."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import csv
import json
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from support.ledger import entry, plant

import imagegen_nb as ig
from imagegen_nb.core import money
from imagegen_nb.core.background_loop import Job
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import BudgetWarning, InvalidOption, InvalidSweep, MissingCredential, StoreError
from imagegen_nb.sweeps.cell_results import CellResults

STEP = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640", image_output_format="jpeg")
OVER = {"inputs.product": ["lamp", "vase", "rug"]}


def sweep(**given):
    return ig.Sweep(STEP, **{"over": OVER, **given})


def run(one, workspace, **options):
    return one.run(workspace=workspace, progress=False, **options)


# Planning


def test_what_cannot_be_run_is_told_before_anything_is_asked(emulator):
    over = {"model": ["gpt-image-2", "grok-imagine-image"], "image_background": ["opaque", "green"]}
    with pytest.raises(InvalidSweep) as caught:
        ig.Sweep(ig.ImageGenerationStep(prompt="x"), over=over)
    told = str(caught.value)
    assert told.startswith("3 of 4 combinations cannot be run:")
    assert (
        "image_background = 'opaque' (grok-imagine-image): does not apply to this model. Leave it out" in told
    )
    assert "image_background = 'green' (gpt-image-2)" in told
    assert 'invalid="skip" leaves these combinations out' in told
    assert [dict(one.values) for one in caught.value.skipped][1] == {
        "model": "grok-imagine-image",
        "image_background": "opaque",
    }
    assert emulator.count() == 0


def test_a_setting_of_the_step_itself_is_named_as_its_own():
    with pytest.raises(InvalidSweep, match=r"image_size = '1024x640' .*\(the step's own image_size\)"):
        ig.Sweep(STEP, over={"model": ["grok-imagine-image"], "product": ["lamp"]})


def test_what_cannot_be_run_is_left_out_if_wanted():
    one = ig.Sweep(
        ig.ImageGenerationStep(prompt="x"),
        over={"model": ["gpt-image-2", "grok-imagine-image"], "image_quality": [None, "low"]},
        invalid="skip",
    )
    assert [cell.label for cell in one] == [
        "model: gpt-image-2 · image_quality: (unset)",
        "model: gpt-image-2 · image_quality: low",
        "model: grok-imagine-image · image_quality: (unset)",
    ]
    assert "does not apply" in str(one.skipped[0])
    assert "left out: 1 that cannot be run" in repr(one)


def test_a_sweep_of_which_nothing_can_be_run_is_an_error_also_then():
    with pytest.raises(InvalidSweep, match="2 of 2 combinations"):
        ig.Sweep(STEP, over={"image_size": ["1x1", "2x2"], "product": ["lamp"]}, invalid="skip")


def test_a_prompt_with_a_variable_that_is_not_closed_is_a_reason():
    over = {"prompt": ["A {{product}}", "A {{product on sand"]}
    with pytest.raises(InvalidSweep, match=r"1 of 2 .*\n.*not closed. Write \{\{product\}\}") as refused:
        ig.Sweep(STEP, over=over, inputs={"product": "lamp"})
    (one,) = refused.value.skipped
    assert one.values["prompt"] == over["prompt"][1]
    assert len(ig.Sweep(STEP, over=over, inputs={"product": "lamp"}, invalid="skip")) == 1


def test_a_variable_that_nothing_fills_is_a_reason():
    with pytest.raises(InvalidSweep, match=r"1 of 1 combination .*\n.*product"):
        ig.Sweep(STEP, over={"image_quality": ["low"]})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"repeats": 0}, "repeats = 0"),
        ({"repeats": True}, "repeats = True"),
        ({"repeats": 1001}, "repeats = 1001"),
        ({"invalid": "ignore"}, 'invalid = .ignore.: use "error" or "skip"'),
        ({"inputs": ["a"]}, "inputs is of type list"),
        ({"name": "a/b"}, "name = 'a/b'"),
        ({"name": ""}, "name = ''"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_refused(given, message):
    with pytest.raises(InvalidOption, match=message):
        sweep(**given)
    with pytest.raises(InvalidOption, match="step is of type dict"):
        ig.Sweep({"prompt": "x"}, over=OVER)


def test_a_sweep_is_what_it_asks_whatever_the_order():
    assert sweep().name == sweep(over={"product": ["rug", "lamp", "vase"]}).name
    assert sweep().name != sweep(repeats=2).name
    assert sweep().name != sweep(over={"product": ["lamp", "vase"]}).name
    assert sweep(name="night 1").name == "night 1"


def test_cells_are_found_by_their_values():
    one = sweep(over={**OVER, "image_quality": ["low", "high"]}, repeats=2)
    assert (len(one), len(one.find(product="vase")), len(one.find(product="vase", repeat=1))) == (12, 4, 2)
    assert one[-1] == one.cells[11] != one[0]
    assert one.find(product="none") == []
    with pytest.raises(InvalidOption, match=r"colour is not an axis of this sweep: it has inputs\.product"):
        one.find(colour="red")
    for misspelt in ("produkt", "Product", "inputs.prodcut", "input.product"):
        with pytest.raises(InvalidOption, match=r"it has inputs\.product.*; did you mean product\?"):
            one.find(**{misspelt: "vase"})
        with pytest.raises(InvalidOption, match=r"did you mean product\?"):
            one.grid(rows=misspelt)
    with pytest.raises(InvalidOption, match="3 is not an axis"):
        one.grid(rows=3)


# Under a budget

DEAR = ig.ImageGenerationStep(prompt="A {{product}}")
"""A run costs at most $0.7117, and $0.2107 in fact."""


def under(budget, workspace, **given):
    return ig.Workspace(workspace.store, backend=workspace._emulator_url, budget=budget, **given)


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
@pytest.mark.parametrize(
    ("budget", "counts"),
    [("1.20 USD", {"done": 3}), ("1.00 USD", {"done": 2, "failed": 1}), ("0.50 USD", {"failed": 3})],
)
def test_a_cell_waits_for_what_others_have_reserved(workspace, emulator, budget, counts):
    """At once they would pass it, one after the other they do not."""
    one = ig.Sweep(DEAR, over=OVER)
    run(one, under(budget, workspace))
    assert one.counts() == counts
    assert emulator.count() == counts.get("done", 0)
    for cell in one.failed:
        assert "Nothing was sent" in cell.error
        assert "wait for the runs under way" not in cell.error  # there are none


FAILS = (
    "A cell that a budget does not allow fails, and nothing is sent for it. Raise the budget, or run fewer"
)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"budget": "1.20 USD"}, "budget has $1.20 left, which may not be enough for all. "),
        ({"budget": "0.50 USD"}, "budget has $0.50 left, which allows none of them. "),
        ({"session_budget": "1.20 USD"}, "session_budget has $1.20 left, which may not be enough for all. "),
        ({"run_budget": "0.50 USD"}, "run_budget = $0.50 does not allow 3 of them. "),
    ],
    ids=str,
)
def test_that_a_budget_may_run_out_is_said_before_the_first_call(workspace, emulator, given, told):
    one = ig.Sweep(DEAR, over=OVER)
    with pytest.warns(BudgetWarning) as warned:
        run(one, ig.Workspace(workspace.store, backend=workspace._emulator_url, **given))
    (message,) = [str(each.message) for each in warned]
    assert message.startswith("3 cells to run, estimate: at most $2.13")
    assert f". {told}{FAILS}" in message
    assert warned[0].filename == __file__  # the user's own line


def test_who_makes_an_error_of_that_warning_spends_nothing(workspace, emulator):
    with pytest.raises(BudgetWarning):
        run(ig.Sweep(DEAR, over=OVER), under("1.20 USD", workspace))
    assert emulator.count() == 0


def test_of_cells_that_are_done_no_budget_is_short(workspace):
    """Only what is still to be run counts, and what earlier runs have spent is gone."""
    one = ig.Sweep(DEAR, over=OVER)
    run(one, under("3.00 USD", workspace), only=[0])
    with pytest.warns(BudgetWarning, match=r"^2 cells to run.* budget has \$1\.\d+ left, which may not"):
        run(ig.Sweep(DEAR, over=OVER), under("1.60 USD", workspace))
    run(one, under("1.00 USD", workspace))  # all are done: nothing is run, nothing is said


def test_within_a_budget_nothing_is_said(workspace):
    assert run(ig.Sweep(DEAR, over=OVER), under("5.00 USD", workspace)).counts() == {"done": 3}


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_a_cell_does_not_wait_for_what_is_reserved_elsewhere(workspace, emulator):
    """Nobody knows when the runs of others end, or whether."""
    held = entry(ceiling_ticks=money.to_ticks(Decimal("0.60")))
    workspace.store.begin(held, None)
    one = ig.Sweep(DEAR, over=OVER)
    run(one, under("1.20 USD", workspace))
    assert one.counts() == {"failed": 3}
    assert all("wait for the runs under way, or raise budget" in cell.error for cell in one.failed)
    assert emulator.count() == 0


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_a_cell_that_waits_is_not_run_once_the_others_cannot_be(workspace, emulator):
    emulator.script("openai", Fault("auth"))
    one = ig.Sweep(DEAR, over=OVER)
    run(one, under("1.20 USD", workspace))
    assert one.counts() == {"failed": 1, "waiting": 2}
    assert emulator.count() == 1


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_a_refused_cell_stays_so_however_often_the_store_is_read(workspace, emulator, tmp_path):
    """It has no entry in the ledger: only this sweep knows why it was not run."""
    one = ig.Sweep(DEAR, over=OVER)
    run(one, under("1.00 USD", workspace))
    (reason,) = {cell.error for cell in one.failed}
    page = one.report(tmp_path / "sweep.html")
    one.load(workspace=under("1.00 USD", workspace))
    one.ranking()
    assert one.counts() == {"done": 2, "failed": 1}
    assert one.failed[0].error == reason
    assert "1 failed" in page.read_text()
    assert "Nothing was sent" in page.read_text()
    assert reason in one.to_csv(tmp_path / "sweep.csv").read_text().replace('""', '"')
    assert ig.Sweep(DEAR, over=OVER).load(workspace=workspace).counts() == {"done": 2, "waiting": 1}


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_a_cell_that_could_not_begin_stays_so_too(workspace, emulator, monkeypatch):
    def refuse(*given):
        raise InvalidOption("not like this")

    one = sweep()
    monkeypatch.setattr("imagegen_nb.sweeps.execution.prepare", refuse)
    run(one, workspace)
    assert one.load(workspace=workspace).counts() == {"failed": 3}
    assert one[0].error == "not like this"


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_refused_cells_are_among_the_failed_ones_under_a_higher_budget(workspace, emulator):
    one = ig.Sweep(DEAR, over=OVER)
    run(one, under("1.00 USD", workspace))
    higher = ig.Workspace(workspace.store.folder, backend=emulator.url, budget="5.00 USD")
    assert run(one, higher, only="failed").counts() == {"done": 3}
    assert emulator.count() == 3


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_a_refused_cell_that_another_kernel_ran_has_its_images(workspace, emulator):
    one = ig.Sweep(DEAR, over=OVER)
    run(one, under("0.50 USD", workspace))
    run(ig.Sweep(DEAR, over=OVER), workspace)
    assert run(one, workspace).counts() == {"done": 3}
    assert emulator.count() == 3


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_a_refused_cell_is_of_the_place_where_it_was_refused(workspace, emulator, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x" * 20)
    one = run(ig.Sweep(DEAR, over=OVER), under("0.50 USD", workspace))
    assert one.load(workspace=ig.Workspace(workspace.store.folder)).counts() == {"waiting": 3}


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_a_refused_repeat_does_not_make_a_cell_free(workspace, emulator):
    emulator.script("openai", Fault("drop"))
    one = run(ig.Sweep(DEAR, over={"product": ["lamp"]}), under("0.80 USD", workspace))
    run(one, under("0.80 USD", workspace), repeat="unknown")
    for _ in range(2):
        assert one.counts() == {"unknown": 1}
        assert "Nothing was sent" in one[0].error
        assert "Of the run before: " in one[0].error
        one.load()
    run(one, workspace)
    assert emulator.count() == 1


def test_reused_images_hold_for_the_same_store_however_it_is_opened(workspace, emulator):
    STEP.run({"product": "lamp"}, workspace=workspace)
    one = run(sweep(over={"product": ["lamp"]}), workspace, reuse=True)
    run(one, ig.Workspace(workspace.store.folder, backend=emulator.url))
    assert (one[0].reused, emulator.count()) == (True, 1)


# Running


def test_every_cell_is_run_once_however_often_the_sweep_is_started(emulator, workspace):
    one = run(sweep(repeats=2), workspace)
    assert one.counts() == {"done": 6}
    assert emulator.count() == 6
    run(one, workspace)
    run(sweep(repeats=2), workspace)
    assert emulator.count() == 6
    assert [len(cell.assets) for cell in sweep(repeats=2).load(workspace=workspace)] == [1] * 6
    assert len({cell.result.run_id for cell in one}) == 6


def test_under_a_name_axes_may_grow(emulator, workspace):
    run(sweep(name="night"), workspace)
    grown = run(
        sweep(name="night", over={"product": ["chair", *OVER["inputs.product"]]}, repeats=2), workspace
    )
    assert emulator.count() == 8
    assert grown.counts() == {"done": 8}
    run(sweep(name="day"), workspace)
    assert emulator.count() == 11


def test_it_can_be_awaited(emulator, workspace):
    one = sweep()
    assert asyncio.run(one.arun(workspace=workspace, progress=False)) is one
    assert emulator.count() == 3


def test_a_cell_fails_alone_and_is_run_again(emulator, workspace):
    emulator.script("openai", Fault("moderation"))
    one = run(sweep(), workspace, concurrency=1)
    assert one.counts() == {"done": 2, "failed": 1}
    (failed,) = one.failed
    assert (failed.number, failed.charge) == (0, "none")
    assert failed.error.startswith("openai: ")
    assert failed.run.error.kind == "moderation"
    run(one, workspace, only="failed")
    assert one.counts() == {"done": 3}
    assert emulator.count() == 4


def test_what_may_have_been_charged_is_run_again_only_if_asked(emulator, workspace):
    emulator.script("openai", Fault("drop"))
    one = run(sweep(), workspace, concurrency=1)
    assert one.counts() == {"done": 2, "unknown": 1}
    assert "charge unknown: 1 may have been charged" in repr(one)
    assert "charge unknown" in one.grid().html()
    run(one, workspace)
    run(sweep(), workspace)
    assert emulator.count() == 3
    run(one, workspace, repeat=[one[0]])
    assert (emulator.count(), one.counts()) == (4, {"done": 3})
    with pytest.raises(InvalidOption, match="repeat: cell 0 is done"):
        run(one, workspace, repeat=[0])


def test_all_unknown_ones_by_one_word(emulator, workspace):
    emulator.script("openai", Fault("drop"), Fault("drop"))
    run(sweep(), workspace, concurrency=1)
    assert run(sweep(), workspace, repeat="unknown").counts() == {"done": 3}
    assert emulator.count() == 5


def test_waiting_cells_are_not_run_as_failed_ones_and_that_is_said(emulator, workspace):
    """A new process doesn't know that a budget refused them, and running what never was may be too much."""
    one = run(sweep(), workspace, only=[0])
    run(one, workspace, only="failed")
    assert (one.counts(), emulator.count()) == ({"done": 1, "waiting": 2}, 1)
    assert 'only="failed": 2 waiting were not run. Nothing was sent for them; those that a budget' in repr(
        one
    )
    assert "run() runs them, or run(only=sweep.waiting)" in repr(one)
    run(one, workspace, only=one.waiting)
    assert 'only="failed"' not in repr(one)


def test_only_some_cells(emulator, workspace):
    one = run(sweep(), workspace, only=[1, sweep()[0].number])
    assert [cell.outcome for cell in one] == ["done", "done", "waiting"]
    assert one.waiting == [one[2]]


def test_a_refused_key_stops_its_provider_and_no_other(emulator, workspace):
    emulator.script("openai", Fault("auth"))
    one = ig.Sweep(
        ig.ImageGenerationStep(prompt="A {{n}}"),
        over={"model": ["gpt-image-2", "grok-imagine-image"], "n": range(4)},
    )
    run(one, workspace, concurrency=1)
    assert (emulator.count("openai"), emulator.count("xai")) == (1, 4)
    assert one.counts() == {"done": 4, "failed": 1, "waiting": 3}
    assert "stopped: openai: " in repr(one)
    assert run(one, workspace).counts() == {"done": 8}


def test_a_full_store_stops_all_before_anything_is_sent(emulator, tmp_path):
    workspace = ig.Workspace(tmp_path / "full", backend=emulator.url, storage_limit=50_000)
    STEP.run({"product": "x"}, workspace=workspace)
    one = run(sweep(), workspace, concurrency=1)
    assert emulator.count() == 1
    assert one.counts() == {"failed": 1, "waiting": 2}
    assert "storage is full" in repr(one)


def test_a_store_that_takes_no_image_stops_all_before_more_is_paid_for(emulator, workspace, tmp_path):
    plant(workspace.store.paths.blobs, tmp_path)
    one = run(sweep(), workspace, concurrency=1)
    assert emulator.count() == 1
    assert one.counts() == {"unknown": 1, "waiting": 2}
    assert "is a link" in repr(one)
    workspace.store.paths.blobs.unlink()
    assert run(one, workspace, repeat="unknown").counts() == {"done": 3}


def test_a_missing_key_is_told_before_the_first_call(tmp_path):
    with pytest.raises(MissingCredential):
        run(sweep(), ig.Workspace(tmp_path))
    assert sweep().load(workspace=ig.Workspace(tmp_path)).counts() == {"waiting": 3}


def test_an_emulated_cell_is_not_paid_for(emulator, workspace, tmp_path, monkeypatch):
    run(sweep(), workspace)
    monkeypatch.setenv("OPENAI_API_KEY", "x" * 20)
    live = ig.Workspace(workspace.store.folder)
    assert sweep().load(workspace=live).counts() == {"waiting": 3}
    assert "EMULATED" in repr(sweep().load(workspace=workspace))
    assert "EMULATED" not in repr(sweep().load(workspace=live))


def test_an_interrupt_keeps_what_arrived_and_leaves_the_rest(emulator, workspace):
    emulator.latency = 0.2
    one, begun = sweep(over={"product": range(20)}), threading.Event()
    job = asyncio.new_event_loop()

    async def cancelled():
        task = asyncio.create_task(
            one.arun(workspace=workspace, progress=False, concurrency=2, on_cell=lambda cell: begun.set())
        )
        await asyncio.to_thread(begun.wait, 20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    job.run_until_complete(cancelled())
    job.close()
    counts = sweep(over={"product": range(20)}).load(workspace=workspace).counts()
    assert counts == one.counts()
    assert counts["done"] >= 1
    assert counts["waiting"] >= 10
    assert counts.get("unknown", 0) <= 2
    sent = emulator.count()
    emulator.latency = 0.0
    run(one, workspace)
    assert emulator.count() == sent + counts["waiting"]


def test_two_processes_share_the_cells(emulator, workspace):
    emulator.latency = 0.05
    ones = [sweep(over={"product": range(12)}) for _ in range(3)]
    threads = [
        threading.Thread(target=run, args=(one, ig.Workspace(workspace.store.folder, backend=emulator.url)))
        for one in ones
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert emulator.count() == 12
    assert sweep(over={"product": range(12)}).load(workspace=workspace).counts() == {"done": 12}


def test_it_is_said_that_another_process_has_cells(emulator, workspace):
    emulator.latency = 20
    elsewhere = sweep()
    with contextlib.ExitStack() as ending:
        other = Job(elsewhere._start(workspace, 2, False, False, None, (), None, None).run())
        ending.callback(lambda: other.future.exception(20))
        ending.callback(other.cancel)
        while Counter(one.state for one in workspace.runs())["calling"] < 2:
            time.sleep(0.01)
        one = sweep().load(workspace=workspace)
        assert one.counts() == {"running": 2, "waiting": 1}
        assert "under way elsewhere: another process has 2, whose images come" in repr(one)
        assert "under way elsewhere" not in repr(elsewhere)


def test_no_more_than_so_many_at_once(emulator, workspace, monkeypatch):
    under_way, most = set(), [0]
    note = CellResults.note

    def watched(self, number, result):
        (under_way.add if result.outcome == "running" else under_way.discard)(number)
        most[0] = max(most[0], len(under_way))
        note(self, number, result)

    monkeypatch.setattr(CellResults, "note", watched)
    emulator.latency = 0.02
    run(sweep(over={"product": range(12)}), workspace, concurrency=3)
    assert 1 <= most[0] <= 3


def test_a_callback_is_told_of_each_cell_and_may_end_it(emulator, workspace):
    told = []
    run(sweep(), workspace, on_cell=told.append)
    assert sorted(cell.number for cell in told) == [0, 1, 2]

    def stop(cell):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run(sweep(over={"product": range(9)}), workspace, on_cell=stop, concurrency=1)
    assert emulator.count() == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"concurrency": 0}, "concurrency = 0"),
        ({"concurrency": 65}, "concurrency = 65"),
        ({"only": "some"}, 'only = .some.: give "failed", or a list of cells'),
        ({"only": [99]}, "only: 99 is not a cell of this sweep: .*0 to 2"),
        ({"repeat": "all"}, 'repeat = .all.: give "unknown"'),
        ({"on_cell": 3}, "on_cell must be a plain function"),
        pytest.param(
            {"on_cell": lambda: None},
            "on_cell must be a plain function that takes one cell",
            id="on_cell that takes none",
        ),
        ({"workspace": None}, "workspace = None"),
        ({"workspace": "assets"}, "workspace = 'assets'"),
    ],
    ids=str,
)
def test_a_start_that_cannot_be_is_refused(emulator, workspace, options, message):
    with pytest.raises(InvalidOption, match=message):
        sweep().run(**{"workspace": workspace, "progress": False, **options})
    assert emulator.count() == 0


def test_equal_calls_are_taken_from_the_store_if_wanted_and_marked(emulator, workspace):
    first = [STEP.run({"product": "lamp"}, workspace=workspace) for _ in range(2)]
    one = run(sweep(repeats=2), workspace, reuse=True, concurrency=2)
    assert emulator.count() == 6
    lamps = one.find(product="lamp")
    assert [cell.reused for cell in one] == [True, True, False, False, False, False]
    assert {cell.result.run_id for cell in lamps} == {run.id for run in first}
    assert "2 reused" in repr(one)
    run(sweep(name="again"), workspace)
    assert emulator.count() == 9


def test_images_that_are_gone_are_not_reused(emulator, workspace):
    made = STEP.run({"product": "lamp"}, workspace=workspace)
    path = workspace.store.paths.blob(made.output.assets[0].stored.sha256, "image/jpeg")
    path.unlink()
    assert not run(sweep(), workspace, reuse=True)[0].reused


# Deciding


def test_a_pick_shows_itself_in_a_line_and_in_a_notebook_with_its_picture(workspace):
    pick = run(sweep(), workspace).pick(1)
    assert repr(pick) == f"Pick · {pick.run.title}"
    assert (pick[0], pick[1]) == (pick.step, pick.run)
    html = pick._repr_html_()
    assert html.count("<img ") == 2  # the small one and, folded, a larger one
    assert "save_step(path, pick.step, run=pick.run)" in html


def test_a_pick_is_ready_to_be_exported(workspace, tmp_path):
    one = run(sweep(), workspace)
    step, made = one.pick(1)
    path = ig.save_step(tmp_path / "vase.step.json", step, run=made).path
    loaded = ig.load_step(path, workspace=workspace)
    assert (loaded.step, loaded.inputs) == (STEP, {"product": "vase"})
    assert loaded.output.assets[0].bytes() == one[1].assets[0].bytes()
    with pytest.raises(InvalidOption, match=r"pick: cell 0 has no image \(waiting\): run the sweep first"):
        sweep(name="new").load(workspace=workspace).pick(0)


def test_a_pick_is_known_to_other_kernels_until_it_is_taken_back(workspace, tmp_path):
    one = run(sweep(), workspace)
    one.pick(2)
    one.pick(1)
    other = sweep().load(workspace=ig.Workspace(workspace.store.folder, backend="emulator"))
    assert other.picked == [other[2], other[1]]
    assert [row["picked"] for row in other.rows()] == [False, True, True]
    assert [line[:18] for line in repr(other).splitlines() if "picked" in line] == [
        "  1  product: vase",
        "  2  product: rug ",
    ]
    assert other.grid().html().count("picked") == 2
    other.unpick(2)
    other.unpick(0)
    assert (one.picked, other[2].picked) == ([one[1]], False)
    one.pick(2)
    assert other.picked == [other[1], other[2]]
    assert (sweep(name="new").load(workspace=workspace).picked, sweep().picked) == ([], [])


def test_a_cell_whose_run_was_replaced_is_not_picked_any_more(workspace):
    one = run(sweep(), workspace)
    one.pick(0)
    replaced = replace(one[0].result, run_id=one[1].result.run_id)
    one._results.note(0, replaced)
    assert (one.picked, one[0].picked) == ([], False)
    one.load()
    assert one.picked == [one[0]]


def test_a_reused_pick_is_ready_too(workspace, tmp_path):
    ig.ImageGenerationStep(**{**STEP.settings(), "prompt": "A lamp"}).run(workspace=workspace)
    one = run(sweep(), workspace, reuse=True)
    assert one[0].reused
    step, made = one.pick(one[0])
    ig.save_step(tmp_path / "lamp.step.json", step, run=made)


def test_two_cells_are_compared(workspace):
    one = run(sweep(over={**OVER, "image_size": ["1024x640", "640x1024"]}), workspace, only=[0, 1])
    both = one.compare(0, 1)
    assert (both.diff.as_dict(), both.inputs) == ({"image_size": ("1024x640", "640x1024")}, {})
    assert "image_size: '1024x640' → '640x1024'" in repr(both)
    assert one.compare(0, 2).inputs == {"product": ("lamp", "vase")}
    assert "waiting" in repr(one.compare(0, 2))
    assert "not run yet: cell 2; call sweep.run(workspace=ws)" in repr(one.compare(0, 2))
    assert "not run yet" not in repr(both)
    assert both._repr_html_().count("<img") == 4  # each small, and folded up larger


# Tables


def test_the_tables_hold_every_cell(emulator, workspace, tmp_path):
    emulator.script("openai", Fault("moderation"))
    one = run(sweep(over={"product": ["=SUM(1)", "a\nb", "é"]}), workspace, concurrency=1)
    with one.to_csv(tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["inputs.product"] for row in rows] == ["=SUM(1)", "a\nb", "é"]
    assert [row["outcome"] for row in rows] == ["failed", "done", "done"]
    assert json.loads(rows[1]["images"]) == [str(path) for path in one[1].paths]
    assert [row["cost_usd"] for row in rows] == ["0.0", *[str(float(one[n].cost.amount)) for n in (1, 2)]]
    told = json.loads(one.to_json(tmp_path / "a.json").read_text(encoding="utf-8"))
    assert (told["counts"], told["axes"]) == ({"done": 2, "failed": 1}, ["inputs.product"])
    with pytest.raises(StoreError, match="cannot write"):
        one.to_csv(tmp_path / "nowhere" / "a.csv")
    assert one.to_csv(tmp_path / "b").name == "b.csv"
    assert one.to_json(tmp_path / "b").name == "b.json"
    assert one.report(tmp_path / "b").name == "b.html"
    for write, name, own in (
        (one.to_csv, "c.xlsx", "c.csv"),
        (one.to_json, "c.csv", "c.json"),
        (one.report, "c.pdf", "c.html"),
    ):
        with pytest.raises(StoreError, match=f"save it as {own}$"):
            write(tmp_path / name)
        assert not (tmp_path / name).exists()


def test_a_table_replaces_an_older_one_and_nothing_else(tmp_path):
    one = sweep(name="a name")
    for write, name, mine in (
        (one.to_csv, "a.csv", "a,b\n1,2\n"),
        (one.to_json, "a.json", '{"name": "mine"}'),
    ):
        target = tmp_path / name
        for _ in range(2):
            assert write(target) == target
        whole = target.read_text(encoding="utf-8")
        target.write_text(mine)
        with pytest.raises(StoreError, match="something else is there; pass overwrite=True or another name"):
            write(target)
        assert target.read_text() == mine
        assert write(target, overwrite=True).read_text(encoding="utf-8") == whole


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame(workspace, library):
    pytest.importorskip(library)
    table = run(sweep(), workspace).to_frame(library)
    assert list(table["inputs.product"]) == ["lamp", "vase", "rug"]
    assert list(table["outcome"]) == ["done"] * 3


def test_a_run_of_the_ledger_without_its_images_is_told_as_it_is(workspace):
    one = run(sweep(), workspace)
    entry = workspace.store.find_run(one[0].result.run_id)
    assert entry.cell.startswith(f"{one.name}/")
    assert replace(entry, cell="") != entry


def test_no_key_is_shown_or_written(workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-no-known-shape")
    one = run(sweep(over={"product": ["a lamp", "a-key-of-no-known-shape"]}), workspace)
    one.to_csv(tmp_path / "a.csv")
    one.to_json(tmp_path / "a.json")
    told = [path.read_text(encoding="utf-8") for path in tmp_path.glob("a.*")]
    assert [text for text in told if "no-known-shape" in text] == []
    key = "sk-proj-abcdefghij0123456789XYZ"
    for values in ([key], [key, key], [f"a {key} lamp", "vase"]):
        with pytest.raises((InvalidOption, InvalidSweep)) as caught:
            sweep(over={"product": values}).run(workspace=workspace)
        assert key not in str(caught.value)


def test_once_cells_were_run_their_cost_is_told(workspace, emulator, tmp_path):
    one = sweep(name="costs")
    assert one.notes()[-1].startswith("estimate: ")
    emulator.script("openai", Fault("moderation"))
    run(one, workspace, concurrency=1)
    spent, estimate = one.notes()[-2:]
    assert spent.startswith(f"cost of {len(one) - 1} runs, if they were real: $")
    assert estimate.startswith("estimate: "), "some are left to be run"
    run(one, workspace, only="failed")
    amount = sum(cell.run.cost.amount for cell in one)
    line = f"cost of {len(one)} runs, if they were real: {money.show(amount)}"
    assert one.notes()[-1] == line, "all is done, and nothing is to be estimated"
    again = sweep(name="costs").load(workspace=workspace)
    assert again.notes() == one.notes(), "also out of the ledger"
    assert line in repr(again.grid())


def test_a_sweep_is_recorded_and_replayed_as_it_was(emulator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ig.replay.use("night", "all", against=emulator.url):
        recorded = run(sweep(repeats=2), ig.Workspace(tmp_path / "a"))
    assert emulator.count() == 6
    with ig.replay.use("night"):
        replayed = run(sweep(repeats=2), ig.Workspace(tmp_path / "b"))
        assert repr(replayed) == repr(recorded)
        assert replayed[0].run.replayed
        run(sweep(repeats=2), ig.Workspace(tmp_path / "b"))
    assert emulator.count() == 6
    with ig.replay.use("night"), pytest.raises(ig.errors.RecordingMissing):
        run(sweep(over={"product": ["cup"]}), ig.Workspace(tmp_path / "b"))


def test_ctrl_c_ends_it_and_leaves_nothing_under_way(emulator, workspace):
    emulator.latency = 0.1
    one, pressed = sweep(over={"product": range(12)}), []

    def press_once(cell):
        if not pressed:
            pressed.append(cell)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as pressed_once:
        run(one, workspace, concurrency=2, on_cell=press_once)
    counts = one.counts()
    perhaps = f", {counts['unknown']} without an image may have been charged" if "unknown" in counts else ""
    told = f"{counts['done']} of 12 cells done{perhaps}. The same call goes on from here"
    assert told in pressed_once.value.__notes__
    assert counts.get("running", 0) == 0, counts
    assert counts["done"] >= 1, counts
    assert counts.get("waiting", 0) >= 6, counts
    sent = emulator.count()
    emulator.latency = 0.0
    run(one, workspace)
    assert emulator.count() == sent + counts["waiting"]


def test_runs_of_an_earlier_step_may_vary(emulator, workspace):
    runs = [STEP.run({"product": name}, workspace=workspace) for name in ("lamp", "vase")]
    later = STEP.replace(prompt="Like {{step_1.output.settings.image_size}} at {{step_1.output.assets.0.id}}")
    one = run(ig.Sweep(later, over={"inputs.step_1": runs}), workspace)
    assert [cell.run.prompt.split()[-1] for cell in one] == [made.output.assets[0].id for made in runs]


# In a notebook

SETUP = """
import imagegen_nb as ig
workspace = ig.Workspace({folder!r}, backend={url!r})
step = ig.ImageGenerationStep(prompt="A {{{{n}}}}", image_size="1024x640", image_output_format="jpeg")
sweep = ig.Sweep(step, over={{"n": range(8)}})
def tell(cell):
    print(cell.outcome, flush=True)
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter packages
@pytest.mark.parametrize("call", ["sweep.run", "await sweep.arun"])
def test_the_interrupt_button_ends_it_and_the_cell_goes_on_when_run_again(kernel, emulator, tmp_path, call):
    assert kernel.execute(SETUP.format(folder=str(tmp_path), url=emulator.url)) == ""
    emulator.script("openai", Fault("ok"), *[Fault("delay", seconds=60.0)] * 2)
    code = f"_ = {call}(workspace=workspace, progress=False, concurrency=2, on_cell=tell)"
    cell = kernel.start(code)
    kernel.messages(cell, until=lambda kind, content: kind == "stream" and "done" in content["text"])
    kernel.interrupt()
    said = kernel.output(cell)
    assert "KeyboardInterrupt" in said or "CancelledError" in said
    counts = ast.literal_eval(kernel.execute("sweep.counts()"))
    assert (counts["done"], counts.get("running", 0)) == (1, 0)
    emulator.clear()
    assert kernel.execute(code).split() == ["done"] * counts["waiting"]
    assert emulator.count() == counts["waiting"]
    assert "EMULATED" in kernel.execute("print(sweep)")


def test_the_title_multiplies_only_what_was_combined():
    step = ig.ImageGenerationStep(prompt="a {{thing}}")
    grid = ig.Sweep(step, over={"thing": ["lamp", "vase"], "image_quality": ["low", "high"]})
    assert grid.title.startswith("Sweep · 4 cells: thing (2) × image_quality (2)")
    rows = ig.Sweep(
        step, rows=[{"thing": "lamp", "image_quality": "low"}, {"thing": "vase", "image_quality": "high"}]
    )
    assert rows.title.startswith("Sweep · 2 cells: thing (2), image_quality (2)")
