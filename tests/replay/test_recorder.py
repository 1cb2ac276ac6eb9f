"""What is recorded of a call: its place, its end, and nothing that a replay has no use for."""

from __future__ import annotations

import asyncio
import gzip
import threading

import httpx2
import pytest
from support.cassettes import FLASH, GROK, LAMP, PROVIDERS, STEPS, pictures

from imagegen_nb import Gateway, Workspace, replay
from imagegen_nb.core.events import RunEvent
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import RecordingMissing, ReplayError
from imagegen_nb.replay import cassette_file

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")


def test_the_cassette_shows_the_providers_and_no_machine(workspace, project):
    with replay.use("hero", "all"):
        for step in STEPS:
            step.run(workspace=workspace)
    text = (project / "cassettes/hero/cassette.yaml").read_text()
    assert "127.0.0.1" not in text
    assert str(project) not in text
    for host in ("api.openai.com", "api.x.ai", "generativelanguage.googleapis.com"):
        assert f"https://{host}/" in text
    assert "emulator-needs-no-key" not in text


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.model)
def test_a_call_that_was_made_again_is_recorded_once_as_it_ended(
    step, workspace, live, emulator, project, waits
):
    """A replay has nothing to wait for, however often the cell is run again."""
    calls = 3 if "gemini" in step.model else 1
    emulator.script(PROVIDERS[step.model], *[Fault("rate_limit", retry_after="7")] * 2 * calls)
    with replay.use("hero", "all"):
        recorded = step.run(workspace=workspace)
    assert emulator.count() == 3 * calls
    assert waits != []
    _, recordings = cassette_file.read(project / "cassettes/hero")
    assert [recording.status for recording in recordings] == [200] * calls
    waits.clear()
    with replay.use("hero"):
        for _ in range(3):
            events: list[RunEvent] = []
            played = step.run(workspace=live, on_event=events.append)
            assert pictures(played) == pictures(recorded)
            assert repr(played) == repr(recorded)
            assert "waiting" not in [event.kind for event in events]
    assert waits == []
    assert emulator.count() == 3 * calls


def test_what_came_after_a_refusal_is_saved_too(workspace, emulator, project, waits):
    """The recording of the refusal may have been saved after an earlier cell."""
    emulator.script("openai", Fault("rate_limit"))
    with replay.use("hero", "all") as session:
        saved = []

        def save(event):
            if event.kind == "waiting":
                session.save()
                saved.append(cassette_file.read(project / "cassettes/hero")[1][0].status)

        LAMP.run(workspace=workspace, on_event=save)
    assert saved == [429]
    assert [recording.status for recording in cassette_file.read(project / "cassettes/hero")[1]] == [200]


def test_a_stream_is_not_held_back_while_it_is_recorded_and_is_one_in_replay(workspace, live, emulator):
    emulator.latency = 0.6  # spread over the events
    events: list[str] = []
    running = threading.Event()

    def hear(event):
        events.append(event.kind)
        if event.kind == "partial" and not running.is_set():
            assert "image" not in events
            running.set()

    with replay.use("hero", "all"):
        job = workspace.submit(LAMP, partial_images=2, on_event=hear)
        assert running.wait(20)
        # The first preview is here, and the answer is not over: nothing of it is kept yet.
        assert replay.status().recordings == 0
        recorded = job.wait()
    played = []
    with replay.use("hero"):
        run = LAMP.run(workspace=live, partial_images=2, on_event=lambda event: played.append(event.kind))
    assert played == events == ["queued", "started", "partial", "partial", "image", "done"]
    assert pictures(run) == pictures(recorded)


def test_a_run_stopped_midway_leaves_a_usable_cassette(workspace, live, emulator):
    emulator.latency = 3
    first = threading.Event()
    with replay.use("hero", "all"):
        job = workspace.submit(
            LAMP, partial_images=2, on_event=lambda event: event.kind == "partial" and first.set()
        )
        assert first.wait(20)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            job.wait()
        emulator.latency = 0
        whole = GROK.run(workspace=workspace)
    with replay.use("hero"):
        assert pictures(GROK.run(workspace=live)) == pictures(whole)
        with pytest.raises(
            RecordingMissing, match="the recorded answer ends here, because its run was stopped"
        ):
            LAMP.run(workspace=live, partial_images=2)


async def test_other_requests_are_not_recorded(workspace, raw_server, project):
    server = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
    with replay.use("hero", "all"):
        LAMP.run(workspace=workspace)
        async with httpx2.AsyncClient(trust_env=False) as client:
            assert (await client.get(server.url)).text == "hi"
    assert len(cassette_file.read(project / "cassettes/hero")[1]) == 1


def test_a_live_recording_strips_the_call_number_and_keeps_no_key(emulator, project, monkeypatch):
    """A gateway on this machine stands for a live provider: nothing of the emulator's seam is used."""
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    hosted = {"gemini": Gateway(f"{emulator.url}/gemini", "GATEWAY_KEY")}
    workspace = Workspace(project / "live", hosted=hosted, timeout=30)
    with replay.use("hero", "all"):
        run = FLASH.run(workspace=workspace)
    assert (run.backend, run.emulated, "recorded live" in repr(run)) == ("live", False, True)
    assert emulator.count() == 3
    assert not any("imagegen-nb-call" in name for request in emulator.requests for name in request.headers)
    assert cassette_file.read(project / "cassettes/hero")[0].against == "live"
    assert "gateway-key" not in (project / "cassettes/hero/cassette.yaml").read_text()


def test_recording_again_gives_the_same_file_but_for_the_date(workspace, project):
    texts = []
    for _ in range(2):
        with replay.use("hero", "all"):
            jobs = [workspace.submit(step) for step in STEPS]
            for job in jobs:
                job.wait()
        lines = (project / "cassettes/hero/cassette.yaml").read_text().splitlines()
        texts.append([line for line in lines if "recorded_on" not in line])
        files = sorted(path.name for path in (project / "cassettes/hero/blobs").iterdir())
    assert texts[0] == texts[1]
    assert len(files) == 6


def test_an_answer_in_an_encoding_is_recorded_unpacked_or_named(raw_server, project, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    packed = gzip.compress(b'{"error": "no gateway-key-0123456789"}')
    for encoding, body, left_out in (("gzip", packed, 0), ("br", b"\x8b\x04 packed", 1), ("none", packed, 0)):
        head = f"HTTP/1.1 400 No\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
        server = raw_server(head.encode() + body)
        hosted = {"xai": Gateway(f"{server.url}/v1", "GATEWAY_KEY")}
        workspace = Workspace(project / "live", hosted=hosted, timeout=30)
        session = replay.use(encoding, "all").open()
        run = GROK.replace(on_failure="continue").run(workspace=workspace)
        if left_out:
            with pytest.raises(ReplayError, match=r"the response has the encoding 'br'"):
                session.close()
        else:
            session.close()
            with replay.use(encoding):
                played = GROK.replace(on_failure="continue").run(workspace=workspace)
            assert "[redacted]" in str(run.error)
            assert str(played.error) == str(run.error)
        text = (project / "cassettes" / encoding / "cassette.yaml").read_text()
        assert "gateway-key" not in text
