"""The provider contract in two lanes: asked over loopback, and replayed from `cassettes/contract/` with
the network refused. A replay hides faults of loops and connection pools; the loopback lane does not.

`./dev record` records the cassettes anew, by running this with IMAGEGEN_NB_RECORD=all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.contract import (
    FOX,
    RECORDED,
    Case,
    check_events,
    check_failed,
    check_marked,
    check_output,
    check_stored,
    check_told,
)
from support.project import CONTRACT, calls, tree

from imagegen_nb import Run, Workspace, replay
from imagegen_nb.core.events import RunEvent
from imagegen_nb.emulator import Emulator
from imagegen_nb.errors import RecordingMissing
from imagegen_nb.replay import environment, network_block, paths

RECORDING = os.environ.get(environment.MODE_VARIABLE, "none") != "none"

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")
each_case = pytest.mark.parametrize("name", RECORDED)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace on the live providers, in a process that may not reach anything, and has no key."""
    monkeypatch.setenv(paths.VARIABLE, str(CONTRACT))
    with ExitStack() as stack:
        if not RECORDING:
            stack.enter_context(network_block.offline())
        yield stack.enter_context(Workspace(tmp_path / "assets", timeout=30))


def ran(case: Case, workspace: Workspace) -> tuple[Run, list[RunEvent]]:
    events: list[RunEvent] = []
    step = case.step()
    return step.run(FOX, workspace=workspace, on_event=events.append, partial_images=case.previews), events


def check(case: Case, workspace: Workspace) -> Run:
    run, events = ran(case, workspace)
    check_marked(run, workspace)
    if case.error:
        check_failed(events, run, case)
    else:
        check_output(run, case)
        check_told(run, case)
        check_stored(run, case, workspace)
        check_events(events, run, case)
    return run


def script(emulator: Emulator, case: Case) -> None:
    """Tell the emulator what is to go wrong."""
    if case.fault:
        emulator.script(case.provider, *[case.fault] * case.calls)


@each_case
def test_over_loopback(name, workspace, emulator):
    script(emulator, RECORDED[name])
    run = check(RECORDED[name], workspace)
    assert emulator.count() == RECORDED[name].calls
    assert run.cassette is None


@each_case
def test_recorded(name, alone, request):
    against = None
    if RECORDING:
        emulator = request.getfixturevalue("emulator")
        script(emulator, RECORDED[name])
        against = emulator.url
    with replay.use(name, against=against) as session:
        run = check(RECORDED[name], alone)
        assert session.status.unplayed == ()
        assert session.status.about.against == ("" if RECORDING else "emulator")
    assert (run.cassette, run.replayed) == (name, not RECORDING)


@each_case
def test_recording_anew_gives_the_same_but_for_the_date(name, workspace, emulator, tmp_path, monkeypatch):
    made = []
    for home in (tmp_path / "first", tmp_path / "second"):
        monkeypatch.setenv(paths.VARIABLE, str(home))
        script(emulator, RECORDED[name])
        with replay.use(name, "all"):
            ran(RECORDED[name], workspace)
        made.append(home / name)
    assert tree(made[0]) == tree(made[1])
    assert calls(made[0]) == calls(CONTRACT / name)


def test_a_call_that_is_not_recorded_is_refused(alone):
    if RECORDING:
        pytest.skip("nothing is refused while it is recorded")
    step = RECORDED["grok"].step(prompt="a {{what}} on a hill")
    with replay.use("grok"), pytest.raises(RecordingMissing, match="nothing was sent"):
        step.run(FOX, workspace=alone)
