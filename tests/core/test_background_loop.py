"""Runs from everywhere a user may start one, and what an interrupt or a cancel leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from support.secrets import workspace_on

from imagegen_nb import ImageGenerationStep, StepFailed, Workspace
from imagegen_nb.core import background_loop
from imagegen_nb.core.background_loop import Job, raise_if_cancelled
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption

STEP = ImageGenerationStep(prompt="a {{what}}")
FLASH = ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="a fox", image_count=3)
FOX = {"what": "fox"}
SLOW = 100.0
"""Seconds an answer takes that nobody is going to wait for."""
ENOUGH = 45.0
"""Seconds within which an interrupted run is over, however busy the machine."""


def wait_until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + ENOUGH
    while not holds():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


# --- where a run may be started


def test_in_another_thread(workspace):
    runs = []
    threads = [
        threading.Thread(target=lambda n=n: runs.append(STEP.run({"what": f"fox {n}"}, workspace=workspace)))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENOUGH)
    assert sorted(run.prompt for run in runs) == [f"a fox {n}" for n in range(4)]
    assert {run.status for run in runs} == {"done"}


async def test_run_inside_a_running_event_loop(workspace):
    assert STEP.run(FOX, workspace=workspace).status == "done"


async def test_aruns_side_by_side(workspace, emulator):
    emulator.latency = 0.3
    runs = await asyncio.gather(*(STEP.arun({"what": f"fox {n}"}, workspace=workspace) for n in range(6)))
    assert [run.prompt for run in runs] == [f"a fox {n}" for n in range(6)]
    assert len({run.id for run in runs}) == 6
    at = [request.at for request in emulator.requests]
    assert max(at) - min(at) < 6 * 0.3, "they were made one after another"


async def test_one_failing_arun_leaves_the_others_alone(workspace, emulator):
    emulator.script("openai", Fault("server_error"))
    results = await asyncio.gather(
        *(STEP.arun(FOX, workspace=workspace) for _ in range(3)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Run", "Run", "StepFailed"]


def test_arun_in_a_loop_of_its_own_again_and_again(workspace):
    for _ in range(3):
        assert asyncio.run(STEP.arun(FOX, workspace=workspace)).status == "done"


def test_one_thread_serves_all_runs(workspace):
    STEP.run(FOX, workspace=workspace)
    before = threading.active_count()
    for _ in range(5):
        STEP.run(FOX, workspace=workspace)
    loops = [thread for thread in threading.enumerate() if thread.name == "imagegen-nb-loop"]
    assert len(loops) == 1
    assert loops[0].daemon
    assert threading.active_count() <= before + 2


def script(code: str, *arguments: object) -> subprocess.Popen[str]:
    """`code` in a process of its own; `sys.argv[1:]` are the arguments."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str], words: str = "") -> tuple[str, str]:
    """Its output and its errors, once it has ended."""
    try:
        return process.communicate(words, timeout=90)
    finally:
        process.kill()
        process.wait()


@pytest.mark.rigs
def test_a_plain_script_needs_nothing_running_and_ends_by_itself(tmp_path):
    process = script(
        """
        import sys
        import imagegen_nb as ig
        workspace = ig.Workspace(sys.argv[1], backend="emulator")
        print(ig.ImageGenerationStep(prompt="a fox").run(workspace=workspace).status)
        """,
        tmp_path,
    )
    assert finished(process) == ("done\n", "")
    assert process.returncode == 0


AFTER_THE_MAIN_THREAD = {
    "thread": "threading.Thread(target=work, args=(3,)).start()",
    "pool": "pool = concurrent.futures.ThreadPoolExecutor(2); [pool.submit(work, 1) for _ in range(3)]",
    "exit": "atexit.register(work, 3)",
    "arun": "threading.Thread(target=lambda: [asyncio.run(await_one()) for _ in range(3)]).start()",
}


@pytest.mark.rigs
@pytest.mark.parametrize("how", AFTER_THE_MAIN_THREAD)
def test_runs_go_on_when_the_main_thread_has_ended(emulator, tmp_path, how):
    """The pools of the standard library take no new work from then on."""
    program = f"""
import asyncio, atexit, concurrent.futures, threading, time
from imagegen_nb import ImageGenerationStep, Workspace

workspace = Workspace({str(tmp_path / "assets")!r}, backend={emulator.url!r})
step = ImageGenerationStep(prompt="a fox", image_size="816x816")

def work(number):
    time.sleep(0.5)
    for _ in range(number):
        print(step.run(workspace=workspace).status + "\\n", end="", flush=True)  # at once: threads share it

async def await_one():
    await asyncio.sleep(0.3)
    print((await step.arun(workspace=workspace)).status + "\\n", end="", flush=True)

{AFTER_THE_MAIN_THREAD[how]}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.stdout.split(), done.stderr) == (["done"] * 3, "")
    assert len(list(Workspace(tmp_path / "assets").records())) == 3


async def test_many_awaited_runs_need_one_timer():
    loop = asyncio.get_running_loop()
    jobs = [Job(asyncio.sleep(0.3, number)) for number in range(50)]
    joins = [asyncio.create_task(job.join()) for job in jobs]
    await asyncio.sleep(0)
    assert background_loop._waiting[loop] == 50
    assert sum("_wake" in repr(timer) for timer in loop._scheduled) == 1
    assert await asyncio.gather(*joins) == list(range(50))
    await asyncio.sleep(3 * background_loop._POLL)
    assert loop not in background_loop._waiting


@pytest.mark.rigs
def test_after_a_fork_the_child_has_a_loop_of_its_own(tmp_path):
    process = script(
        """
        import os, sys
        import imagegen_nb as ig
        step = ig.ImageGenerationStep(prompt="a fox")
        workspace = ig.Workspace(sys.argv[1], backend="emulator")
        print("before", step.run(workspace=workspace).status, flush=True)
        child = os.fork()
        print("child" if child == 0 else "parent", step.run(workspace=workspace).status, flush=True)
        if child == 0:
            os._exit(0)
        print("exit", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print("images", len(list(workspace.records())))
        """,
        tmp_path,
    )
    out, errors = finished(process)
    assert sorted(out.split("\n")) == sorted(
        ["before done", "child done", "parent done", "exit 0", "images 3", ""]
    )
    assert errors == ""


# --- interrupts


INTERRUPTED = """
    import asyncio, sys, traceback
    import imagegen_nb as ig

    folder, url, how = sys.argv[1:]
    workspace = ig.Workspace(folder, backend=url, timeout=300)
    step = ig.ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="a fox", image_count=3)

    def tell(event):
        print(event.kind, flush=True)

    try:
        if how == "run":
            step.run(workspace=workspace, on_event=tell)
        else:
            asyncio.run(step.arun(workspace=workspace, on_event=tell))
    except KeyboardInterrupt:
        print("INTERRUPTED", len(list(workspace.records())), flush=True)
        traceback.print_exc(file=sys.stdout)
    print("again", step.run(workspace=workspace).returned)
    """


@pytest.mark.parametrize("how", ["run", "arun"])
@pytest.mark.rigs
def test_ctrl_c_ends_a_run_and_keeps_what_came(emulator, tmp_path, how):
    emulator.script("gemini", Fault("ok"), *[Fault("delay", seconds=SLOW)] * 2)
    process = script(INTERRUPTED, tmp_path, emulator.url, how)
    seen = []
    while "image" not in seen:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        seen.append(line.strip())
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, errors = finished(process)
    assert time.monotonic() - pressed < SLOW / 2
    assert seen == ["queued", "started", "image"]
    assert "cancelled" in out
    assert "INTERRUPTED 1" in out
    assert "run cancelled: 1 of 3 images had arrived and are kept in the store" in out
    assert "charged" not in out  # an emulator charges nothing
    assert out.endswith("again 3\n")
    assert errors == ""
    assert emulator.count() == 6


@pytest.mark.rigs
def test_ctrl_c_before_anything_came(emulator, tmp_path):
    emulator.script("gemini", *[Fault("hang")] * 3)
    process = script(INTERRUPTED, tmp_path, emulator.url, "run")
    wait_until(lambda: emulator.count() == 3)
    process.send_signal(signal.SIGINT)
    out, errors = finished(process)
    assert "run cancelled: 0 of 3 images had arrived\n" in out
    assert "INTERRUPTED 0" in out
    assert out.endswith("again 3\n")
    assert errors == ""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer signal")
def test_any_exception_of_a_signal_handler_ends_the_run(workspace, emulator):
    """Such as a test runner's timeout: the caller goes on, the run must not."""
    emulator.latency = SLOW
    events = []
    interrupt_main(lambda: emulator.count() == 1)
    with pytest.raises(KeyboardInterrupt) as caught:
        STEP.run(FOX, workspace=workspace, on_event=lambda event: events.append(event.kind))
    assert caught.value.__notes__ == ["run cancelled: 0 of 1 image had arrived"]
    assert events == ["queued", "started", "cancelled"]


def interrupt_main(when: Callable[[], object]) -> None:
    """Send this process an interrupt as soon as `when` holds."""

    def watch() -> None:
        wait_until(when)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


# --- cancelling


async def started(workspace, emulator, step=FLASH, **options):
    """A task that has one image and waits for two more; its events are in the list."""
    emulator.script("gemini", Fault("ok"), *[Fault("delay", seconds=SLOW)] * 2)
    events = []
    task = asyncio.create_task(step.arun(workspace=workspace, on_event=events.append, **options))
    while "image" not in [event.kind for event in events]:
        await asyncio.sleep(0.02)
        assert not task.done()
    return task, events


async def test_cancelling_arun_keeps_what_came(workspace, emulator):
    task, events = await started(workspace, emulator)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await asyncio.wait_for(task, ENOUGH)
    (note,) = caught.value.__notes__
    assert note.startswith("run cancelled: 1 of 3 images had arrived and are kept in the store")
    assert [event.kind for event in events] == ["queued", "started", "image", "cancelled"]
    run = events[-1].run
    assert (run.status, run.returned, run.requested) == ("cancelled", 1, 3)
    assert run.output.assets[0].image().size == (1024, 1024)
    assert [record.id for record in workspace.records(run.id)] == [run.output.assets[0].id]
    assert "1 of 3 images · cancelled" in repr(run)
    assert [(entry.run_id, entry.state) for entry in workspace.runs()] == [(run.id, "interrupted")]
    assert (await STEP.arun(FOX, workspace=workspace)).status == "done"


async def test_continue_does_not_swallow_a_cancel(workspace, emulator):
    task, _ = await started(workspace, emulator, FLASH.replace(on_failure="continue"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, ENOUGH)


async def test_a_timeout_around_arun_works(workspace, emulator):
    emulator.latency = SLOW
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await STEP.arun(FOX, workspace=workspace)
    emulator.latency = 0
    assert (await STEP.arun(FOX, workspace=workspace)).status == "done"


async def test_cancelling_twice_is_cancelling_once(workspace, emulator):
    task, events = await started(workspace, emulator)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, ENOUGH)
    await asyncio.to_thread(wait_until, lambda: events[-1].kind == "cancelled")
    assert [event.kind for event in events].count("cancelled") == 1


def test_a_submitted_job_can_be_cancelled(workspace, emulator):
    emulator.latency = SLOW
    job = workspace.submit(STEP, FOX)
    wait_until(lambda: emulator.count() == 1)
    job.cancel()
    with pytest.raises(asyncio.CancelledError, match=r"0 of 1 image had arrived$"):
        job.future.result(ENOUGH)
    assert [(entry.state, entry.charge) for entry in workspace.runs()] == [("interrupted", "unknown")]
    job.cancel()  # once more does nothing


def test_cancelling_a_call_that_somebody_charges_for_says_so(emulator, tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", "sk-not-a-key")
    workspace = workspace_on(f"{emulator.url}/openai/v1", "openai", "GATEWAY_KEY", tmp_path)
    emulator.latency = SLOW
    job = workspace.submit(STEP, FOX)
    wait_until(lambda: emulator.count() == 1)
    job.cancel()
    with pytest.raises(asyncio.CancelledError, match=r"arrived; a request under way may still be charged$"):
        job.future.result(ENOUGH)


def test_a_second_cancel_does_not_break_into_the_unwinding():
    begun, unwinding, go_on = threading.Event(), threading.Event(), threading.Event()

    async def work():
        begun.set()
        try:
            await asyncio.sleep(SLOW)
        except asyncio.CancelledError:
            unwinding.set()
            await asyncio.to_thread(go_on.wait, ENOUGH)
            return "put away"

    job = Job(work())
    assert begun.wait(ENOUGH)  # cancelled before, it would not even begin
    job.cancel()
    assert unwinding.wait(ENOUGH)
    job.cancel()
    go_on.set()
    assert job.future.result(ENOUGH) == "put away"


def test_a_job_cancelled_before_it_began_sends_nothing(workspace, emulator):
    for _ in range(5):
        cancelled = threading.Event()
        background_loop._running_loop().call_soon_threadsafe(
            cancelled.wait, ENOUGH
        )  # nothing begins meanwhile
        job = workspace.submit(STEP, FOX)
        job.cancel()
        cancelled.set()
        with pytest.raises(asyncio.CancelledError):
            job.future.result(ENOUGH)
    assert emulator.count() == 0
    assert list(workspace.records()) == []
    assert {(entry.state, entry.charge) for entry in workspace.runs()} <= {("cancelled", "none")}


def test_a_run_cancelled_while_it_is_entered_does_not_stay_under_way(workspace, emulator, monkeypatch):
    entering, go_on = threading.Event(), threading.Event()
    begin = workspace.store.begin

    def slow(*arguments):
        entering.set()
        go_on.wait(ENOUGH)
        begin(*arguments)

    monkeypatch.setattr(workspace.store, "begin", slow)
    job = workspace.submit(STEP, FOX)
    assert entering.wait(ENOUGH)
    job.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        job.future.result(ENOUGH)
    assert [(entry.state, entry.charge) for entry in workspace.runs()] == [("cancelled", "none")]
    assert emulator.count() == 0


def test_what_waits_for_its_turn_is_never_sent_once_it_is_cancelled(workspace, emulator):
    workspace.timeout = 600  # nobody gives up by himself
    emulator.script("openai", *[Fault("rate_limit", retry_after="5")] * 20)
    jobs = [workspace.submit(STEP, FOX) for _ in range(20)]
    wait_until(lambda: emulator.count() >= 1)
    for job in jobs:
        job.cancel()
    for job in jobs:
        with pytest.raises(asyncio.CancelledError):
            job.future.result(ENOUGH)
    asked = emulator.count()
    time.sleep(0.5)
    assert emulator.count() == asked < 20
    assert "calling" not in {entry.state for entry in workspace.runs()}


@pytest.mark.rigs
def test_a_process_that_is_killed_leaves_a_run_that_is_told_as_interrupted(workspace, emulator, tmp_path):
    emulator.latency = SLOW
    process = script(
        """
        import sys
        import imagegen_nb as ig
        workspace = ig.Workspace(sys.argv[1], backend=sys.argv[2])
        ig.ImageGenerationStep(prompt="a fox").run(workspace=workspace)
        """,
        workspace.store.folder,
        emulator.url,
    )
    wait_until(lambda: emulator.count() == 1)
    assert [entry.state for entry in workspace.runs()] == ["calling"]
    process.kill()
    process.communicate()
    assert [(entry.state, entry.charge) for entry in workspace.runs()] == [("interrupted", "unknown")]


def test_a_cancel_that_comes_as_a_library_ends_its_own_wait():
    """Libraries end a wait by cancelling the task and taking that back; both cancels arrive as one."""
    began, may_go_on = threading.Event(), threading.Event()

    async def work() -> None:
        task = asyncio.current_task()
        began.set()
        may_go_on.wait(ENOUGH)  # the job's cancel is on its way by then
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(ENOUGH)
        task.uncancel()
        raise_if_cancelled()
        raise AssertionError("it went on")

    job = Job(work())
    assert began.wait(ENOUGH)
    job.cancel()
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        job.future.result(ENOUGH)


async def test_who_is_not_cancelled_goes_on():
    raise_if_cancelled()


def test_a_cancel_after_the_end_changes_nothing(workspace):
    job = workspace.submit(STEP, FOX)
    run = job.wait()
    job.cancel()
    assert job.wait() is run


async def test_a_job_can_be_joined_from_any_loop(workspace):
    job = workspace.submit(STEP, FOX)
    assert (await job.join()).status == "done"
    assert (await job.join()) is job.wait()


# --- mistakes


def test_run_inside_a_callback_is_refused_not_stuck(workspace):
    refusals = []

    def again(event):
        if event.kind == "started":
            try:
                STEP.run(FOX, workspace=workspace)
            except InvalidOption as error:
                refusals.append(str(error))

    assert STEP.run(FOX, workspace=workspace, on_event=again).status == "done"
    (refusal,) = refusals
    assert "on_event" in refusal
    assert "Start the run elsewhere" in refusal


def test_a_run_refused_inside_a_callback_sends_nothing(workspace, emulator):
    def again(event):
        if event.kind == "done":
            with pytest.raises(InvalidOption):
                STEP.run(FOX, workspace=workspace)

    STEP.run(FOX, workspace=workspace, on_event=again)
    STEP.run(FOX, workspace=workspace)  # whatever the refused run left behind had its turn before this one
    assert emulator.count() == 2


def test_errors_of_any_work_come_out_as_they_are():
    async def broken():
        raise ZeroDivisionError("as it is")

    with pytest.raises(ZeroDivisionError, match="as it is"):
        Job(broken()).wait()


def test_step_failed_comes_out_of_wait_and_join(workspace, emulator):
    emulator.script("openai", Fault("auth"), Fault("auth"))
    job = workspace.submit(STEP, FOX)
    with pytest.raises(StepFailed) as caught:
        job.wait()
    with pytest.raises(StepFailed) as joined:
        asyncio.run(job.join())
    assert joined.value is caught.value
