"""Cells on workers: real processes and a real Dask cluster, killed, refused, within budget and rate."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from decimal import Decimal

import pytest

import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers import catalog
from imagegen_nb.providers.http import rate_limiter
from imagegen_nb.runs import ledger
from imagegen_nb.store import maintenance
from imagegen_nb.sweeps.remote_cells import CellCall, Pace, perform

STEP = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640", image_output_format="jpeg")
pytestmark = pytest.mark.notebooks
SECRET = "sk-proj-" + "a1B2c3D4" * 6


def sweep(cells=6, **given):
    return ig.Sweep(STEP, over={"product": [f"lamp {number}" for number in range(cells)]}, **given)


def pool_of_two():
    """New interpreters, which inherit no workspace, no connection and no lock."""
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


@pytest.fixture(scope="module")
def processes():
    with pool_of_two() as pool:
        yield pool


def test_processes_store_the_images_and_the_sweep_knows_them(emulator, workspace, processes):
    one = sweep()
    told = []
    one.run(workspace=workspace, executor=processes, progress=False, on_cell=told.append)
    assert one.counts() == {"done": 6}
    assert (emulator.count(), len(told)) == (6, 6)
    assert all(cell.assets[0].image().size == (1024, 640) for cell in one)
    assert maintenance.check(workspace.store).problems == []
    one.run(workspace=workspace, executor=processes, progress=False)
    assert emulator.count() == 6


def test_workers_share_a_bucket_with_whoever_hands_out_cells(emulator, object_server):
    """Where a folder is not in reach of all; one reads on another machine what the others have made."""
    url = object_server.new_url()
    with ig.Workspace(url, backend=emulator.url, budget="1 USD") as workspace, pool_of_two() as pool:
        one = sweep(4).run(workspace=workspace, executor=pool, progress=False)
        assert one.counts() == {"done": 4}
        assert all(cell.assets[0].image().size == (1024, 640) for cell in one)
    with ig.Workspace(url, backend=emulator.url) as elsewhere:
        assert sweep(4).load(workspace=elsewhere).counts() == {"done": 4}
    assert emulator.count() == 4


def test_threads_are_an_executor_too(emulator, workspace):
    with ThreadPoolExecutor(3) as pool:
        assert sweep().run(workspace=workspace, executor=pool, progress=False).counts() == {"done": 6}


async def test_it_can_be_awaited(emulator, workspace, processes):
    one = await sweep(2).arun(workspace=workspace, executor=processes, progress=False)
    assert one.counts() == {"done": 2}


def test_a_cell_that_fails_on_a_worker_fails_alone(emulator, workspace, processes):
    emulator.script("openai", Fault("moderation"))
    one = sweep(3)
    one.run(workspace=workspace, executor=processes, progress=False)
    assert one.counts() == {"done": 2, "failed": 1}
    assert "rejected by the safety system" in one.failed[0].error


def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_paid_for_twice(emulator, workspace):
    emulator.latency = 0.4
    one = sweep(8)
    pool = pool_of_two()

    def kill_one():
        while emulator.count() < 3:
            time.sleep(0.01)
        os.kill(next(iter(pool._processes)), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    one.run(workspace=workspace, executor=pool, progress=False, concurrency=2)
    killer.join()
    pool.shutdown()
    assert any(reason.startswith("a worker died") for reason in one.stopped)
    emulator.latency = 0.0
    with pool_of_two() as other:
        one.run(workspace=workspace, executor=other, progress=False)
    counts = one.counts()
    assert counts["done"] + counts.get("unknown", 0) == 8
    assert counts.get("unknown", 0) <= 2  # what was under way, and may have been paid for
    assert emulator.count() <= 8
    prompts = [entry.body["prompt"] for entry in emulator.requests]
    assert len(set(prompts)) == len(prompts)


def test_a_cell_that_a_scheduler_hands_out_again_is_not_asked_for_again(emulator, workspace):
    call = CellCall(STEP, {"product": "lamp"}, workspace, "night", "key", 1, "")
    first = perform(call)
    again = perform(call)
    assert (first.result.outcome, again.result.outcome) == ("done", "done")
    assert again.is_taken
    assert again.result.run_id == first.result.run_id
    assert emulator.count() == 1


def test_no_key_travels(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    workspace = ig.Workspace(
        tmp_path / "assets", hosted={"xai": ig.Gateway("https://gateway.example/v1", "X")}
    )
    workspace.payer(STEP.entry.provider, "personal")  # which has read the key
    sent = pickle.dumps(CellCall(STEP, {"product": "lamp"}, workspace, "night", "key", 1, "session"))
    assert SECRET in catalog.keys_in_use()
    assert SECRET.encode() not in sent
    assert len(sent) < 5_000
    other = pickle.loads(sent).context
    assert (other.store.folder, other.hosted) == (workspace.store.folder, workspace.hosted)


def test_a_missing_key_is_told_by_the_worker_and_ends_the_sweep(tmp_path, processes):
    workspace = ig.Workspace(tmp_path / "assets")
    one = sweep(5).run(workspace=workspace, executor=processes, progress=False, concurrency=1)
    assert one.counts() == {"failed": 1, "waiting": 4}
    assert "OPENAI_API_KEY" in one.stopped[0]


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_a_budget_holds_across_workers(emulator, workspace, processes):
    ceiling = STEP.estimate({"product": "lamp 0"}).ceiling
    assert ceiling is not None
    limited = ig.Workspace(workspace.store.folder, backend=emulator.url, session_budget=ceiling * 3)
    one = sweep(8).run(workspace=limited, executor=processes, progress=False)
    counts = one.counts()
    assert counts["done"] >= 3
    assert counts["failed"] == 8 - counts["done"]
    spent = sum((run.cost.amount for cell in one.done if (run := cell.run)), Decimal(0))
    assert spent <= ceiling * 3
    assert {entry.session for entry in workspace.runs()} == {ledger.session()}


async def test_cells_are_handed_out_at_the_published_pace(workspace, monkeypatch):
    now, waits = [0.0], []

    async def sleep(seconds):
        waits.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(rate_limiter, "clock", lambda: now[0])
    monkeypatch.setattr(rate_limiter, "sleep", sleep)
    workspace.requests_per_minute = {"gemini": 4}
    pace = Pace(workspace)
    step = ig.ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="A lamp", image_count=2)
    for _ in range(3):
        await pace.wait(step)  # two requests each
    assert now[0] >= 60
    before = now[0]
    await pace.wait(STEP)  # of another provider, without a limit
    assert now[0] == before


def _shut_down():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    return pool


def _broken():
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with pytest.raises(BrokenProcessPool):
        pool.submit(os._exit, 1).result()
    return pool


@pytest.mark.parametrize("made", [_shut_down, _broken])
def test_an_executor_that_takes_no_more_ends_the_sweep_in_words(emulator, workspace, made):
    one = sweep(3).run(workspace=workspace, executor=made(), progress=False)
    assert one.counts() == {"waiting": 3}
    assert "the executor takes no more calls" in one.stopped[0]
    assert "Give a new one" in one.stopped[0]
    assert workspace.count_runs() == 0
    assert one.run(workspace=workspace, progress=False).counts() == {"done": 3}


@pytest.mark.parametrize("given", [4, "threads", object(), ThreadPoolExecutor])
def test_what_is_no_executor_is_refused(workspace, given):
    with pytest.raises(InvalidOption, match=r"give a concurrent\.futures\.Executor"):
        sweep().run(workspace=workspace, executor=given, progress=False)
    assert workspace.count_runs() == 0


def test_an_interrupt_leaves_what_workers_do_to_the_ledger(emulator, workspace):
    emulator.latency = 0.3

    def interrupt():
        while emulator.count() < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    one = sweep(8)
    with pool_of_two() as pool, pytest.raises(KeyboardInterrupt):
        one.run(workspace=workspace, executor=pool, progress=False, concurrency=2)
    watcher.join()
    counts = one.load().counts()
    assert counts["done"] == emulator.count()
    assert counts["done"] + counts["waiting"] == 8


@pytest.fixture
def cluster(monkeypatch):
    """Two worker processes and a scheduler, as Dask starts them on one machine."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as made:
        yield made


@pytest.mark.rigs
@pytest.mark.filterwarnings("ignore")
def test_a_dask_client_that_was_closed_ends_the_sweep_in_words(emulator, workspace, cluster):
    with pytest.importorskip("distributed").Client(cluster) as client:
        pass
    one = sweep(3).run(workspace=workspace, executor=client, progress=False)
    assert one.counts() == {"waiting": 3}
    assert "the executor takes no more calls: Client is closed" in one.stopped[0]


@pytest.mark.rigs
@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_runs_the_cells_and_survives_the_death_of_a_worker(emulator, workspace, cluster):
    distributed = pytest.importorskip("distributed")
    emulator.latency = 0.3
    one = sweep(8)
    with distributed.Client(cluster) as client:
        pids = list(client.run(os.getpid).values())

        def kill_one():
            while emulator.count() < 3:
                time.sleep(0.01)
            os.kill(pids[0], signal.SIGKILL)

        killer = threading.Thread(target=kill_one)
        killer.start()
        one.run(workspace=workspace, executor=client, progress=False, concurrency=2)
        killer.join()
    counts = one.counts()
    assert counts["done"] + counts.get("unknown", 0) == 8
    assert counts.get("unknown", 0) <= 1
    assert emulator.count() == 8  # none twice, though the scheduler hands the lost one out again
