"""Whole runs through a cassette: what a replay gives, what it refuses, and what it leaves behind."""

from __future__ import annotations

import asyncio
import gzip
import os
import threading
from pathlib import Path

import httpx2
import pytest

from imagegen_nb import Gateway, ImageGenerationStep, Run, StepFailed, VertexAI, Workspace, replay, simulate
from imagegen_nb.core import active_cassette
from imagegen_nb.core.active_cassette import CASSETTE_VARIABLE
from imagegen_nb.core.events import RunEvent
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import RecordingMissing, ReplayError
from imagegen_nb.replay import cassette_file
from imagegen_nb.replay.environment import AGAINST_VARIABLE, MODE_VARIABLE

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")

LAMP = ImageGenerationStep(prompt="a lamp", image_size="1024x1024")
GROK = ImageGenerationStep(model="grok-imagine-image", prompt="a lamp", image_count=2)
FLASH = ImageGenerationStep(model="gemini-3.1-flash-image", prompt="a lamp", image_count=3)
STEPS = [LAMP, GROK, FLASH]
PROVIDERS = {"gpt-image-2": "openai", "grok-imagine-image": "xai", "gemini-3.1-flash-image": "gemini"}


def pictures(run: Run) -> list[str]:
    return [asset.stored.sha256 for asset in run.output.assets if asset.stored]


# What a replay gives


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.model)
def test_a_replay_gives_the_same_and_asks_nothing(step, workspace, live, emulator):
    with replay.use("hero", "all"):
        recorded = step.run(workspace=workspace)
    assert emulator.count() > 0
    emulator.clear()
    with replay.use("hero"):
        for place in (workspace, live):  # without any key
            played = step.run(workspace=place)
            assert pictures(played) == pictures(recorded)
            assert repr(played) == repr(recorded)
            assert played._repr_html_() == recorded._repr_html_()
            assert played.usage == recorded.usage
            assert set(played.request_ids) == set(recorded.request_ids)  # in the order answers came
            assert (played.replayed, recorded.replayed) == (True, False)
            assert (played.cassette, recorded.cassette) == ("hero", "hero")
    assert emulator.count() == 0


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


def test_what_the_emulator_recorded_stays_marked_as_emulated(lamp, live):
    with replay.use("lamp"):
        run = LAMP.run(workspace=live)
        assert live.pays(LAMP) == ("emulator: no key needed, nothing is charged", True)
    assert (run.emulated, run.backend, run.paid_by) == (True, "emulator", "nobody (emulator)")
    assert all(record.emulated for record in live.records())
    assert "EMULATED · recorded" in repr(run)


def test_what_was_recorded_live_says_so_and_that_it_is_replayed(lamp, live, workspace):
    about, recordings = cassette_file.read(lamp)
    cassette_file.write(
        lamp, cassette_file.About(against="live", recorded_on="2026-01-02", versions={}), recordings
    )
    with replay.use("lamp"):
        run = LAMP.run(workspace=live)
        assert live.pays(LAMP) == ("replay: no key needed, nothing is charged", True)
        assert not LAMP.run(workspace=workspace).emulated
        assert "recorded live on 2026-01-02" in repr(replay.status())
    assert about.against == "emulator"
    assert (run.emulated, run.replayed, run.paid_by) == (False, True, "nobody (replayed)")
    assert "done · recorded live" in repr(run)


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


def test_a_simulation_neither_asks_nor_names_the_cassette(lamp):
    with replay.use("lamp"):
        run = simulate(LAMP)
    assert (run.simulated, run.cassette, run.replayed, run.returned) == (True, None, False, 1)


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


def test_accounts_keep_their_own_addresses(emulator, workspace, live, project):
    gateway = Gateway("https://gateway.example/openai/v1", "GATEWAY_KEY")
    hosted = {"openai": gateway, "gemini": VertexAI("my-project", "europe-west4")}
    told = Workspace(project / "hosted", hosted=hosted, timeout=30)
    step = FLASH.replace(image_count=1)
    with replay.use("hero", "all", against=emulator.url):
        for each in (LAMP, step):
            assert each.run(workspace=told).emulated
    hosts = {recording.url.split("/")[2] for recording in cassette_file.read(project / "cassettes/hero")[1]}
    assert hosts == {"gateway.example", "europe-west4-aiplatform.googleapis.com"}
    assert emulator.count() == 2
    with replay.use("hero"):
        for each in (LAMP, step):
            assert each.run(workspace=told).status == "done"
        with pytest.raises(
            RecordingMissing, match=r"host: recorded 'gateway.example', asked 'api.openai.com'"
        ):
            LAMP.run(workspace=live)


# Streams


def test_a_stream_is_not_held_back_while_it_is_recorded_and_is_one_in_replay(workspace, live, emulator):
    emulator.latency = 0.6  # spread over the events
    told: list[str] = []
    running = threading.Event()

    def hear(event):
        told.append(event.kind)
        if event.kind == "partial" and not running.is_set():
            assert "image" not in told
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
    assert played == told == ["queued", "started", "partial", "partial", "image", "done"]
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


# What a replay refuses


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


def test_a_changed_pixel_and_a_missing_image_are_named(lamp, live):
    (blob,) = (lamp / "blobs").iterdir()
    data = bytearray(blob.read_bytes())
    data[-20] ^= 1
    blob.write_bytes(data)
    with pytest.raises(ReplayError, match=rf"cassette 'lamp'.*blobs/{blob.name} was changed"):
        replay.use("lamp").open()
    blob.unlink()
    with pytest.raises(ReplayError, match=rf"blobs/{blob.name} is missing"):
        replay.use("lamp").open()
    assert active_cassette.current() is None


def test_a_cassette_that_is_not_there_names_those_that_are(lamp):
    with pytest.raises(ReplayError, match=r"there is no cassette 'lump'.*holds lamp") as caught:
        replay.use("lump").open()
    assert 'mode="all"' in str(caught.value)


async def test_nothing_else_reaches_the_network(lamp, raw_server):
    server = raw_server(b"HTTP/1.1 204 No Content\r\n\r\n")
    with replay.use("lamp"):
        async with httpx2.AsyncClient(trust_env=False) as client:
            with pytest.raises(ReplayError, match=r"a request to example\.com was stopped"):
                await client.get("https://example.com/")
            assert (await client.get(server.url)).status_code == 204
        with (
            httpx2.Client(trust_env=False) as client,
            pytest.raises(ReplayError, match=r"a request to example\.com was stopped"),
        ):
            client.get("https://example.com/")


async def test_other_requests_are_not_recorded(workspace, raw_server, project):
    server = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
    with replay.use("hero", "all"):
        LAMP.run(workspace=workspace)
        async with httpx2.AsyncClient(trust_env=False) as client:
            assert (await client.get(server.url)).text == "hi"
    assert len(cassette_file.read(project / "cassettes/hero")[1]) == 1


def test_a_run_that_outlives_its_cassette_sends_nothing(lamp, live, emulator, monkeypatch):
    session = replay.use("lamp").open()
    check = session.check

    async def close_then_check(provider):
        await check(provider)
        session.close()

    monkeypatch.setattr(session, "check", close_then_check)
    with pytest.raises(ReplayError, match="put in or taken out while the run was under way"):
        LAMP.run(workspace=live)
    assert emulator.count() == 0


# Opening, closing, saving


def test_one_cassette_at_a_time(lamp):
    with replay.use("lamp"):
        with pytest.raises(ReplayError, match="cassette 'lamp' is in use"):
            replay.use("lamp").open()
        assert replay.status().name == "lamp"
    assert replay.status() is None


def test_closing_twice_is_harmless(lamp):
    session = replay.use("lamp").open()
    session.close()
    session.close()


def test_once_records_and_then_replays(workspace, emulator):
    for _ in range(2):
        with replay.use("hero", "once") as session:
            LAMP.run(workspace=workspace)
    assert emulator.count() == 1
    assert session.replaying


def test_a_cassette_holds_one_kind(workspace, emulator, project):
    live = Workspace(project / "live", hosted={"openai": Gateway(f"{emulator.url}/openai/v1", "KEY")})
    os.environ["KEY"] = "gateway-key-0123456789"
    try:
        with replay.use("hero", "all"):
            LAMP.run(workspace=workspace)
            with pytest.raises(
                ReplayError, match="recorded against emulator, and this call would go to live"
            ):
                LAMP.run(workspace=live)
    finally:
        del os.environ["KEY"]
    with (
        replay.use("other", "all", against="live"),
        pytest.raises(ReplayError, match="is recorded live, but this workspace is on the emulator"),
    ):
        LAMP.run(workspace=workspace)


def test_a_live_recording_strips_the_call_number_and_keeps_no_key(emulator, project, monkeypatch):
    """A gateway on this machine stands for a live provider: nothing of the emulator's seam is used."""
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    hosted = {"gemini": Gateway(f"{emulator.url}/gemini", "GATEWAY_KEY")}
    told = Workspace(project / "live", hosted=hosted, timeout=30)
    with replay.use("hero", "all"):
        run = FLASH.run(workspace=told)
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


def test_recording_anew_without_a_call_leaves_the_old_cassette(lamp):
    before = (lamp / "cassette.yaml").read_bytes()
    with replay.use("lamp", "all") as session:
        session._after_cell()
    assert (lamp / "cassette.yaml").read_bytes() == before


def test_an_answer_in_an_encoding_is_recorded_unpacked_or_named(raw_server, project, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    body = gzip.compress(b'{"error": "no gateway-key-0123456789"}')
    for encoding, left_out in (("gzip", 0), ("br", 1)):
        head = f"HTTP/1.1 400 No\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
        server = raw_server(head.encode() + body)
        hosted = {"xai": Gateway(f"{server.url}/v1", "GATEWAY_KEY")}
        workspace = Workspace(project / "live", hosted=hosted, timeout=30)
        session = replay.use(encoding, "all").open()
        run = GROK.replace(on_failure="continue").run(workspace=workspace)
        if left_out:
            with pytest.raises(ReplayError, match=r"the answer came in the encoding 'br'"):
                session.close()
        else:
            session.close()
            with replay.use(encoding):
                played = GROK.replace(on_failure="continue").run(workspace=workspace)
            assert "[redacted]" in str(run.error)
            assert str(played.error) == str(run.error)
        text = (project / "cassettes" / encoding / "cassette.yaml").read_text()
        assert "gateway-key" not in text


def test_recording_anew_leaves_no_old_image(workspace, project):
    for prompt in ("a lamp", "a fox"):
        with replay.use("hero", "all"):
            LAMP.replace(prompt=prompt).run(workspace=workspace)
    assert len(list((project / "cassettes/hero/blobs").iterdir())) == 1


def test_a_failing_save_loses_nothing_and_leaves_no_patch(workspace, live, project, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (project / "cassettes/hero").write_text("in the way")
    with (
        pytest.raises(ReplayError, match="cassette 'hero' could not be saved") as caught,
        replay.use("hero", "all"),
    ):
        recorded = LAMP.run(workspace=workspace)
    kept = Path(str(caught.value).rpartition("kept in ")[2])
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTES", str(kept.parent))
    with replay.use("hero"):
        assert pictures(LAMP.run(workspace=live)) == pictures(recorded)


def fails_after_a_call(workspace):
    LAMP.run(workspace=workspace)
    workspace.timeout = 1e-6
    LAMP.run(workspace=workspace)


def test_a_block_that_fails_is_saved_too(workspace, live):
    session = replay.use("hero", "all")
    with pytest.raises(StepFailed), session:
        fails_after_a_call(workspace)
    with replay.use("hero"):
        assert LAMP.run(workspace=live).status == "done"


# Told from outside


def test_the_environment_puts_a_cassette_in_use_at_the_first_run(project, emulator, live, monkeypatch):
    told = replay.environment_for(project / "elsewhere/hero", mode="all", against=emulator.url)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    recorded = LAMP.run(workspace=live)  # a live workspace, on the emulator
    assert (recorded.emulated, emulator.count()) == (True, 1)
    assert replay.status().name == "hero"
    with replay.use("other", "all") as session:  # what the notebook names does not matter then
        LAMP.replace(prompt="a fox").run(workspace=live)
        assert session.status.name == "hero"
    assert replay.status().recordings == 2
    active_cassette.current().close()
    assert not (project / "cassettes/other").exists()
    monkeypatch.setenv(MODE_VARIABLE, "none")
    monkeypatch.delenv(AGAINST_VARIABLE)
    monkeypatch.setattr(active_cassette, "_environment_read", False)
    assert LAMP.run(workspace=live).replayed
    assert emulator.count() == 2
    active_cassette.current().close()


def test_an_environment_that_names_nothing_usable_is_an_error_at_every_run(live, project, monkeypatch):
    monkeypatch.setenv(CASSETTE_VARIABLE, str(project / "nothing"))
    for _ in range(2):
        with pytest.raises(ReplayError, match="there is no cassette 'nothing'"):
            LAMP.run(workspace=live)
    monkeypatch.setenv(MODE_VARIABLE, "always")
    with pytest.raises(ReplayError, match="mode = 'always': use none"):
        LAMP.run(workspace=live)


@pytest.mark.parametrize("name", ["", "../hero", "a/b", "/hero", ".hidden", "a b", "x" * 101])
def test_a_name_cannot_leave_the_folder(name):
    with pytest.raises(ReplayError, match="a name is letters, digits"):
        replay.use(name)


def test_another_against_than_this_machine_is_refused():
    with pytest.raises(ReplayError, match="use live, emulator, or the http:// address"):
        replay.use("hero", against="http://example.com")
