"""Whole runs through a cassette: what a replay gives, what it refuses, and what it leaves behind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import httpx2
import pytest
from support.cassettes import FLASH, LAMP, STEPS, pictures, write_cassette

from imagegen_nb import Gateway, StepFailed, VertexAI, Workspace, replay, simulate
from imagegen_nb.core import active_cassette
from imagegen_nb.core.active_cassette import CASSETTE_VARIABLE
from imagegen_nb.errors import RecordingMissing, ReplayError
from imagegen_nb.replay import cassette_file
from imagegen_nb.replay.environment import AGAINST_VARIABLE, MODE_VARIABLE, NOTEBOOK_VARIABLE
from imagegen_nb.replay.magics import CassetteMagic

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")


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


def test_what_the_emulator_recorded_stays_marked_as_emulated(lamp, live):
    with replay.use("lamp"):
        run = LAMP.run(workspace=live)
        assert live.pays(LAMP) == ("emulator: no key needed, nothing is charged", True)
    assert (run.emulated, run.backend, run.paid_by) == (True, "emulator", "nobody (emulator)")
    assert all(record.emulated for record in live.records())
    assert "EMULATED · recorded" in repr(run)


def test_what_was_recorded_live_says_so_and_that_it_is_replayed(lamp, live, workspace):
    about, recordings = cassette_file.read(lamp)
    write_cassette(
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


def test_accounts_keep_their_own_addresses(emulator, workspace, live, project):
    gateway = Gateway("https://gateway.example/openai/v1", "GATEWAY_KEY")
    hosted = {"openai": gateway, "gemini": VertexAI("my-project", "europe-west4")}
    accounts = Workspace(project / "hosted", hosted=hosted, timeout=30)
    step = FLASH.replace(image_count=1)
    with replay.use("hero", "all", against=emulator.url):
        for each in (LAMP, step):
            assert each.run(workspace=accounts).emulated
    hosts = {recording.url.split("/")[2] for recording in cassette_file.read(project / "cassettes/hero")[1]}
    assert hosts == {"gateway.example", "europe-west4-aiplatform.googleapis.com"}
    assert emulator.count() == 2
    with replay.use("hero"):
        for each in (LAMP, step):
            assert each.run(workspace=accounts).status == "done"
        with pytest.raises(
            RecordingMissing, match=r"host: recorded 'gateway.example', asked 'api.openai.com'"
        ):
            LAMP.run(workspace=live)


# Streams


# What a replay refuses


@pytest.mark.parametrize("policy", ["terminate", "continue"])
def test_a_changed_pixel_is_named_when_it_would_be_played(policy, lamp, live):
    (blob,) = (lamp / "blobs").iterdir()
    data = bytearray(blob.read_bytes())
    data[-20] ^= 1
    blob.write_bytes(data)
    place = rf"cassette 'lamp' \(cassette.yaml\): recording 1: blobs/{blob.name}"
    with replay.use("lamp"), pytest.raises(ReplayError, match=rf"{place} was changed(.|\n)*\n  record: "):
        LAMP.replace(on_failure=policy).run(workspace=live)
    assert list(live.store.records()) == []
    with pytest.raises(ReplayError, match=rf"cassette 'lamp'.*blobs/{blob.name} was changed"):
        cassette_file.read(lamp)


@pytest.mark.parametrize(
    "instead", [None, b"", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"]
)
def test_an_image_that_is_not_there_is_named_at_once(instead, lamp):
    (blob,) = (lamp / "blobs").iterdir()
    blob.unlink()
    if instead is not None:
        blob.write_bytes(instead)
    with pytest.raises(ReplayError, match=rf"cassette 'lamp'.*blobs/{blob.name} (is missing|was changed)"):
        replay.use("lamp").open()
    assert active_cassette.current() is None


def test_an_image_that_goes_while_it_is_replayed_is_named(lamp, live):
    (blob,) = (lamp / "blobs").iterdir()
    data = blob.read_bytes()
    with replay.use("lamp"):
        blob.unlink()
        with pytest.raises(ReplayError, match=rf"blobs/{blob.name} is missing"):
            LAMP.run(workspace=live)
        blob.write_bytes(data)
        assert LAMP.run(workspace=live).status == "done"


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


def test_a_run_that_outlives_its_cassette_sends_nothing(lamp, live, emulator, monkeypatch):
    session = replay.use("lamp").open()
    check = session.check

    async def close_then_check(provider):
        await check(provider)
        session.close()

    monkeypatch.setattr(session, "check", close_then_check)
    with pytest.raises(ReplayError, match="opened or closed while the run was under way"):
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


def test_recording_anew_without_a_call_leaves_the_old_cassette(lamp):
    before = (lamp / "cassette.yaml").read_bytes()
    with replay.use("lamp", "all") as session:
        session._after_cell()
    assert (lamp / "cassette.yaml").read_bytes() == before


OVERWRITING = {
    "use": lambda: replay.use("hero", "all"),
    "the mode of the environment": lambda: replay.use("hero"),
    "%cassette": lambda: CassetteMagic().cassette("hero all"),
    "the environment": active_cassette.current,
}


@pytest.mark.parametrize("how", OVERWRITING)
@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD\n"])
def test_no_program_overwrites_the_cassette_of_a_notebook(how, text, project, monkeypatch, workspace):
    about = cassette_file.About(against="emulator", recorded_on="2026-11-21", notebook="a/my hero.ipynb")
    write_cassette(project / "cassettes/hero", about, [])
    file = project / "cassettes/hero/cassette.yaml"
    file.write_text(file.read_text().replace("  recorded_on:", f"{text}  recorded_on:"))
    before = file.read_bytes()
    (project / "a").mkdir()
    (project / "a/my hero.ipynb").write_text("{}")
    if how != "use":
        monkeypatch.setenv(MODE_VARIABLE, "all")
    if how == "the environment":
        monkeypatch.setenv(CASSETTE_VARIABLE, str(project / "cassettes/hero"))
    for kernel, who in (("", "this program"), ("/home/them/other.ipynb", "other.ipynb")):
        monkeypatch.setenv("JPY_SESSION_NAME", kernel)
        with pytest.raises(ReplayError) as caught, OVERWRITING[how]():
            LAMP.run(workspace=workspace)
        assert f"cassette 'hero' belongs to a/my hero.ipynb, so {who} does not overwrite it" in str(
            caught.value
        )
        assert "record that notebook again: imagegen-nb record 'a/my hero.ipynb' --emulator" in str(
            caught.value
        )
        assert "/home" not in str(caught.value)
    assert file.read_bytes() == before


def test_its_own_notebook_and_one_that_is_gone_are_recorded_anew(project, monkeypatch, workspace):
    about = cassette_file.About(against="emulator", recorded_on="2026-11-21", notebook="hero.ipynb")
    write_cassette(project / "cassettes/hero", about, [])
    with replay.use("hero", "all"):  # moved or deleted
        LAMP.run(workspace=workspace)
    write_cassette(project / "cassettes/hero", about, [])
    (project / "hero.ipynb").write_text("{}")
    monkeypatch.setenv(NOTEBOOK_VARIABLE, "hero.ipynb")
    with replay.use("hero", "all"):
        LAMP.run(workspace=workspace)
    assert cassette_file.notebook_of(project / "cassettes/hero") == "hero.ipynb"
    about = cassette_file.About(against="live", notebook="elsewhere-0123abcd/nb/hero.ipynb")
    write_cassette(project / "cassettes/hero", about, [])
    with pytest.raises(ReplayError, match=r"choose another name$"):
        replay.use("hero", "all").open()


def test_what_a_notebook_recorded_meanwhile_is_not_overwritten_either(project, workspace):
    """The recordings of a kernel that is open all day are kept beside it: they may have cost money."""
    (project / "hero.ipynb").write_text("{}")
    session = replay.use("hero", "all").open()
    LAMP.run(workspace=workspace)
    about = cassette_file.About(against="emulator", recorded_on="2026-11-21", notebook="hero.ipynb")
    write_cassette(project / "cassettes/hero", about, [])
    with pytest.warns(RuntimeWarning, match=r"not saved yet: cassette 'hero' belongs to hero\.ipynb"):
        session._after_cell()
    with pytest.raises(ReplayError, match=r"belongs to hero\.ipynb.* The recordings are kept in") as caught:
        session.close()
    kept = Path(str(caught.value).rpartition(" ")[2])
    assert len(cassette_file.read(kept)[1]) == 1
    assert cassette_file.read(project / "cassettes/hero")[1] == []
    shutil.rmtree(kept.parent)


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
    variables = replay.environment_for(project / "elsewhere/hero", mode="all", against=emulator.url)
    for name, value in variables.items():
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


def test_a_simulation_neither_asks_nor_names_the_cassette(lamp):
    with replay.use("lamp"):
        run = simulate(LAMP)
    assert (run.simulated, run.cassette, run.replayed, run.returned) == (True, None, False, 1)
