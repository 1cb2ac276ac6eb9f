"""Which recording a call gets, how it is played, and what happens where there is none."""

from __future__ import annotations

import pytest
from support.cassettes import FLASH, LAMP, STEPS, pictures

from imagegen_nb import replay
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import RecordingMissing

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")


def test_a_real_key_is_neither_needed_nor_read_in_replay(lamp, live, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a key that\ncannot be used")
    with replay.use("lamp"):
        assert LAMP.run(workspace=live).status == "done"


def test_identical_calls_in_flight_and_one_after_the_other_map_exactly(workspace, live):
    """The emulator draws every call differently here, so that a mix-up would show."""
    steps = [FLASH, FLASH.replace(prompt="a fox")]
    with replay.use("hero", "all"):
        recorded = [pictures(step.run(workspace=workspace)) for step in steps]
    assert len({picture for run in recorded for picture in run}) == 6
    with replay.use("hero"):
        jobs = [live.submit(step) for step in steps for _ in range(3)]
        played = [pictures(job.wait()) for job in jobs]
    assert played == [recorded[0]] * 3 + [recorded[1]] * 3


def test_the_same_call_again_gets_its_next_recording_and_then_the_first(workspace, emulator, live):
    emulator.script("openai", Fault("ok"), Fault("moderation"), Fault("ok"))
    step = LAMP.replace(on_failure="continue")
    with replay.use("hero", "all"):
        recorded = [step.run(workspace=workspace).status for _ in range(3)]
    assert recorded == ["done", "failed", "done"]
    with replay.use("hero"):
        assert [step.run(workspace=live).status for _ in range(6)] == recorded * 2


def test_errors_are_recorded_and_replayed_without_waiting(workspace, live, emulator):
    # Longer than anybody waits: else the call would be made again.
    emulator.script("openai", Fault("rate_limit", retry_after="100"), Fault("server_error"), Fault("drop"))
    step = LAMP.replace(on_failure="continue")
    with replay.use("hero", "all"):
        recorded = [step.run(workspace=workspace).error for _ in range(3)]
    assert len({type(error) for error in recorded}) == 2
    with replay.use("hero"):
        played = [step.run(workspace=live).error for _ in range(3)]
    assert list(map(str, played)) == list(map(str, recorded))
    assert [vars(error) for error in played] == [vars(error) for error in recorded]


def test_a_call_that_was_refused_to_the_end_fails_at_once_in_replay(workspace, live, emulator, waits):
    emulator.script("openai", *[Fault("rate_limit", retry_after="1")] * 6)
    step = LAMP.replace(on_failure="continue")
    with replay.use("hero", "all"):
        recorded = [step.run(workspace=workspace) for _ in range(2)]
    assert [run.status for run in recorded] == ["failed", "done"]
    waits.clear()
    with replay.use("hero"):
        played = [step.run(workspace=live) for _ in range(2)]
    assert [str(run.error) for run in played] == [str(run.error) for run in recorded]
    assert waits == []


@pytest.mark.parametrize("fault", ["cut", "truncated_json", "html", "empty", "echo_key", "redirect"])
def test_a_broken_answer_breaks_the_same_way_in_replay(fault, workspace, live, emulator):
    emulator.script("openai", Fault(fault))
    step = LAMP.replace(on_failure="continue")
    with replay.use("hero", "all"):
        recorded = step.run(workspace=workspace)
    with replay.use("hero"):
        played = step.run(workspace=live)
    assert played.status == recorded.status == "failed"
    assert str(played.error) == str(recorded.error)


@pytest.mark.parametrize("policy", ["terminate", "continue"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.model)
def test_a_miss_is_always_raised_and_sends_nothing(step, policy, workspace, emulator, live):
    with replay.use("hero", "all"):
        step.run(workspace=workspace)
    emulator.clear()
    with (
        replay.use("hero"),
        pytest.raises(RecordingMissing, match=r"recorded 'a lamp', asked 'a lamq'") as caught,
    ):
        step.replace(prompt="a lamq", on_failure=policy).run(workspace=live)
    assert emulator.count() == 0
    assert "record: replay.use('hero', mode=\"all\")" in str(caught.value)
    assert f"model {step.model}" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_size": "1536x1024"}, "size: recorded '1024x1024', asked '1536x1024'"),
        ({"image_quality": "low"}, "quality: now 'low', left out when recorded"),
        ({"image_count": 2}, "n: recorded 1, asked 2"),
        ({"model": "gpt-image-2.5-flare"}, "model: recorded 'gpt-image-2', asked 'gpt-image-2.5-flare'"),
        ({"model": "grok-imagine-image", "image_size": None}, "host: recorded 'api.openai.com', asked"),
    ],
)
def test_one_changed_setting_is_named(change, words, lamp, live):
    with replay.use("lamp"), pytest.raises(RecordingMissing) as caught:
        LAMP.replace(**change).run(workspace=live)
    assert words in str(caught.value)


def test_a_call_more_than_was_recorded_is_a_miss(workspace, live):
    with replay.use("hero", "all"):
        FLASH.replace(image_count=2).run(workspace=workspace)
    with replay.use("hero"), pytest.raises(RecordingMissing, match=r"call number: recorded '1', asked '2'"):
        FLASH.run(workspace=live)
