"""What `on_event` gets, and what it may do."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from imagegen_nb import ImageGenerationStep, StepFailed
from imagegen_nb.emulator import Fault

STEP = ImageGenerationStep(prompt="a fox")


def test_each_event_carries_what_it_should(workspace):
    events = []
    run = STEP.run(workspace=workspace, partial_images=1, on_event=events.append)
    queued, started, partial, image, done = events
    assert {(event.run_id, event.requested) for event in events} == {(run.id, 1)}
    assert (queued.kind, queued.run, started.kind, started.run) == ("queued", None, "started", None)
    assert (partial.kind, partial.index) == ("partial", 0)
    assert partial.data.startswith(b"\x89PNG")
    assert (image.kind, image.index, image.image.media_type) == ("image", 0, "image/png")
    assert (done.kind, done.run) == ("done", run)
    assert b"PNG" not in repr(partial).encode(), "pictures do not belong into a log"


def test_an_event_tells_of_the_image_while_others_are_still_made(workspace, emulator):
    emulator.script("gemini", Fault("ok"), Fault("delay", seconds=1.0))
    seen = []
    step = STEP.replace(model="gemini-nano-banana-2.1", image_count=2)
    step.run(workspace=workspace, on_event=lambda event: seen.append((event.kind, emulator.count())))
    assert [kind for kind, _ in seen] == ["queued", "started", "image", "image", "done"]


@pytest.mark.parametrize("kind", ["queued", "started", "partial", "image", "done"])
def test_a_callback_that_fails_does_not_cost_the_run(workspace, kind):
    calls = []

    def broken(event):
        calls.append(event.kind)
        if event.kind == kind:
            raise ZeroDivisionError("of the callback")

    run = STEP.run(workspace=workspace, partial_images=1, on_event=broken)
    assert (run.status, run.returned) == ("done", 1)
    assert calls == ["queued", "started", "partial", "image", "done"]
    # What fails at `done` has a finished run before it: there is nothing left to note it in.
    assert ("on_event raised ZeroDivisionError: of the callback" in run.warnings) == (kind != "done")


def test_a_callback_that_always_fails_is_reported_once(workspace):
    run = STEP.run(workspace=workspace, on_event=lambda event: 1 / 0)
    assert [warning for warning in run.warnings if "on_event" in warning] == [
        "on_event raised ZeroDivisionError: division by zero"
    ]


@pytest.mark.parametrize("policy", ["terminate", "continue"])
def test_a_callback_that_fails_does_not_hide_why_the_run_did(workspace, emulator, policy):
    emulator.script("openai", Fault("quota"))
    step = STEP.replace(on_failure=policy)
    try:
        run = step.run(workspace=workspace, on_event=lambda event: 1 / 0)
    except StepFailed as failed:
        run = failed.run
    assert run.error.kind == "quota"


@pytest.mark.parametrize("error", ["SystemExit(3)", "KeyboardInterrupt()"])
@pytest.mark.rigs
def test_a_callback_that_wants_to_leave_does_not_stop_the_toolkit(emulator, tmp_path, error):
    """`sys.exit()` in a callback ends the run or is noted; later runs work. It may hang: hence a process."""
    code = f"""
import sys
import imagegen_nb as ig
step, workspace = ig.ImageGenerationStep(prompt="a fox"), ig.Workspace(sys.argv[1], backend=sys.argv[2])
def leave(event):
    raise {error}
try:
    step.run(workspace=workspace, on_event=leave)
except ({error.partition("(")[0]}, ig.ImagegenError):
    pass
print(step.run(workspace=workspace).status)
"""
    try:
        arguments = [sys.executable, "-c", code, str(tmp_path), emulator.url]
        said = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False).stdout
    except subprocess.TimeoutExpired:
        said = "it hangs"
    assert said == "done\n"


def test_callbacks_run_on_the_toolkits_own_thread(workspace):
    threads = set()
    STEP.run(workspace=workspace, on_event=lambda event: threads.add(threading.current_thread().name))
    assert threads == {"imagegen-nb-loop"}


async def test_arun_tells_the_same(workspace):
    events = []
    run = await STEP.arun(workspace=workspace, on_event=events.append)
    assert [event.kind for event in events] == ["queued", "started", "image", "done"]
    assert events[-1].run is run
