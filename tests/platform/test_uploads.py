"""`push`: what is sent, what the file says after it, and what another push does."""

from __future__ import annotations

import errno
import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.platform_server import KEY, SIGNED, WORKSPACE, PlatformServer
from support.runs import run_of

import imagegen_nb as ig
from imagegen_nb import errors
from imagegen_nb.platform import PushReport, push
from imagegen_nb.platform.client import PlatformClient
from imagegen_nb.step_file import file_in_use
from imagegen_nb.store.local import LocalStore

pytestmark = pytest.mark.loopback
POST = ("POST", f"/v1/public/workspaces/{WORKSPACE}/assets")
GET = ("GET", POST[1])
Push = Callable[..., PushReport]


@pytest.fixture
def pushed(server: PlatformServer, file: Path, store: LocalStore) -> Push:
    def call(**options: Any) -> PushReport:
        chosen = {"workspace_id": WORKSPACE, "store": store, "base_url": server.url, "emulated_too": True}
        return push(file, **{**chosen, **options})

    return call


def outcomes(report: PushReport) -> list[str]:
    return [image.outcome for image in report.images]


def test_the_file_says_what_the_platform_has_and_which_bytes_it_is(
    pushed: Push, server: PlatformServer, file: Path, store: LocalStore
) -> None:
    before = ig.load_step(file)
    assert outcomes(pushed()) == ["uploaded"] * 3
    after = ig.load_step(file)
    assert before.output is not None
    assert after.output is not None
    assert [asset.id for asset in after.output.assets] == [asset["id"] for asset in server.assets]
    assert all(asset.file_url.startswith("https://assets.invalid/") for asset in after.output.assets)
    written = after.as_context()["output"]["assets"][0]
    assert written["workspace_id"] == WORKSPACE
    assert datetime.fromisoformat(written["file_url_expires_at"]) > datetime.now(UTC)
    assert before.provenance.sha256 is not None
    assert after.provenance.sha256 is not None
    assert list(after.provenance.sha256.values()) == list(before.provenance.sha256.values()) == server.hashes
    uploads = after.provenance.uploads or []
    assert [one.local_url for one in uploads] == [asset.file_url for asset in before.output.assets]
    with ig.Workspace(store) as workspace:  # the bytes are still at hand, by the ids they have here
        opened = ig.load_step(file, workspace=workspace).output
        assert opened is not None
        assert opened.assets[0].image().size == (40, 30)


def test_pushed_again_nothing_is_sent(pushed: Push, server: PlatformServer, file: Path) -> None:
    pushed()
    written = file.read_bytes()
    server.requests.clear()
    assert outcomes(pushed()) == ["there already"] * 3
    assert (server.requests, file.read_bytes()) == ([], written)


def test_an_expired_address_is_asked_for_and_not_uploaded_again(pushed: Push, server: PlatformServer) -> None:
    server.lifetime = timedelta(seconds=-1)
    pushed()
    server.lifetime = timedelta(hours=1)
    server.requests.clear()
    assert outcomes(pushed()) == ["refreshed"] * 3
    assert server.requests == [GET]
    assert outcomes(pushed()) == ["there already"] * 3


def test_what_the_platform_has_no_longer_is_uploaded_again(pushed: Push, server: PlatformServer) -> None:
    server.lifetime = timedelta(seconds=-1)
    pushed()
    server.lifetime = timedelta(hours=1)
    del server.assets[0]
    assert outcomes(pushed()) == ["uploaded", "refreshed", "refreshed"]


def test_a_push_that_was_cut_off_goes_on(pushed: Push, server: PlatformServer, file: Path) -> None:
    real = server.route
    server.route = lambda *request: (503, {"error": "busy"}) if server.hashes else real(*request)
    with pytest.raises(errors.ProviderFault, match="busy"):
        pushed()
    server.route = real
    assert outcomes(pushed()) == ["there already", "uploaded", "uploaded"]
    assert len(server.assets) == 3


def test_a_push_that_was_interrupted_goes_on_and_sends_nothing_twice(
    pushed: Push, server: PlatformServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C once the second image has arrived, before its answer is read."""
    real = PlatformClient.post

    def interrupted(self: PlatformClient, *arguments: Any, **options: Any) -> Any:
        answer = real(self, *arguments, **options)
        if len(server.assets) == 2:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(PlatformClient, "post", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pushed()
    monkeypatch.setattr(PlatformClient, "post", real)
    assert outcomes(pushed()) == ["there already", "found", "uploaded"]
    assert len(server.assets) == len(set(server.hashes)) == 3


@pytest.mark.parametrize("lost", ["lose", "drop"])
def test_an_upload_whose_answer_was_lost_is_looked_for(
    pushed: Push, server: PlatformServer, file: Path, lost: str
) -> None:
    server.answers = [lost]
    with pytest.raises(errors.InvalidResponse, match="may have been done"):
        pushed()
    uploads = ig.load_step(file).provenance.uploads
    assert uploads is not None
    assert [one.asset_id for one in uploads] == [None]
    server.requests.clear()
    assert outcomes(pushed())[0] == ("found" if lost == "lose" else "uploaded")
    assert server.requests[0] == GET
    assert len(server.assets) == 3


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (401, errors.AuthenticationFailed, "FETCH_HIVE_API_KEY"),
        (404, errors.BadRequest, "workspace"),
        (422, errors.BadRequest, "No file provided"),
        (429, errors.RateLimited, "later"),
        (302, errors.ProviderFault, "redirect"),
    ],
)
def test_a_refusal_says_what_to_do_and_leaves_the_file_as_it_was(
    pushed: Push, server: PlatformServer, file: Path, status: int, error: type[Exception], says: str
) -> None:
    before = json.loads(file.read_text(encoding="utf-8"))
    server.answers = [(status, {"error": "No file provided" if status == 422 else f"no, {KEY}"})]
    with pytest.raises(error, match=says) as refused:
        pushed()
    assert KEY not in str(refused.value)
    assert json.loads(file.read_text(encoding="utf-8")) == before
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"asset": {"id": "../x", "file_name": "a", "file_url": "https://a.invalid/a"}},
        {"asset": {"id": "a1", "file_name": "a", "file_url": "file:///etc/passwd"}},
        {"asset": {"id": "a1", "file_name": "a", "file_url": "https://a.invalid/a", "file_size": 1}},
        {"asset": None},
        [],
        b"<html>",
    ],
)
def test_an_answer_that_is_no_record_is_refused(pushed: Push, server: PlatformServer, answer: Any) -> None:
    server.answers = [(200, answer)]
    with pytest.raises(errors.InvalidResponse):
        pushed()


def test_a_signed_address_stands_in_the_report_only(pushed: Push, server: PlatformServer, file: Path) -> None:
    server.signature = SIGNED
    report = pushed()
    assert report.assets[0].file_url.endswith(SIGNED)
    text = file.read_text(encoding="utf-8")
    assert "Signature" not in text
    assert "without their signatures" in text
    assert "Signature" not in repr(report) + report._repr_html_()


def test_a_dry_run_needs_no_key_and_sends_nothing(
    pushed: Push, server: PlatformServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FETCH_HIVE_API_KEY")
    before = file.read_bytes()
    report = pushed(dry_run=True)
    assert outcomes(report) == ["would be sent"] * 3
    assert "output.assets.2  would be sent  hero-3.png" in repr(report)
    assert (server.requests, file.read_bytes()) == ([], before)
    with pytest.raises(errors.MissingCredential, match="FETCH_HIVE_API_KEY"):
        pushed()


def test_emulated_images_are_refused_unless_asked_for(pushed: Push, server: PlatformServer) -> None:
    with pytest.raises(errors.InvalidOption, match="emulated_too"):
        pushed(emulated_too=False)
    assert server.requests == []


def test_only_the_files_own_images_are_sent(pushed: Push, server: PlatformServer, file: Path) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    hashes = document["provenance"]["sha256"]
    first = next(iter(hashes))
    hashes[first] = "0" * 64
    file.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(errors.StoreError, match="not those that the file names"):
        pushed()
    del hashes[first]
    file.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(errors.DefinitionError, match="does not say which bytes"):
        pushed()
    assert server.requests == []


def test_what_cannot_be_pushed_is_said(pushed: Push, file: Path, step: ig.ImageGenerationStep) -> None:
    with pytest.raises(errors.InvalidOption, match="not a UUID"):
        pushed(workspace_id="../../agents")
    with pytest.raises(errors.InvalidOption, match="base_url"):
        pushed(base_url="http://api.fetchhive.com/v1")
    ig.save_step(file, step)
    with pytest.raises(errors.DefinitionError, match="has no images"):
        pushed()


def test_a_host_that_is_not_reached_is_named(pushed: Push, file: Path) -> None:
    before = ig.load_step(file).as_document()
    with pytest.raises(
        errors.ProviderFault, match=r"127.0.0.1:9 was not .*at 127.0.0.1:9 .*nothing was sent"
    ):
        pushed(base_url="http://127.0.0.1:9/v1")
    assert ig.load_step(file).as_document() == before


def test_a_proxy_that_is_unusable_is_named(pushed: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2hunter2@")
    with pytest.raises(errors.ProviderFault, match="HTTPS_PROXY") as refused:
        pushed(base_url="https://platform.invalid/v1")
    assert "hunter2" not in str(refused.value)


def test_without_an_account_the_emulator_takes_it_and_says_so(
    file: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key is needed, and one that is there is not sent; nothing counts as being on the platform."""
    monkeypatch.delenv("FETCH_HIVE_API_KEY", raising=False)
    planned = push(file, store=store, base_url="emulator", dry_run=True)
    report = push(file, store=store, base_url="emulator")
    assert (outcomes(planned), outcomes(report)) == (["would be sent"] * 3, ["uploaded"] * 3)
    assert "the emulator on this machine" in repr(planned)
    assert "the emulator on this machine" in repr(report)
    assert "lead nowhere" in " ".join(ig.load_step(file).provenance.notes or ())
    assert outcomes(push(file, store=store, base_url="emulator")) == ["there already"] * 3


def test_what_the_emulator_took_is_pushed_to_the_platform_all_the_same(
    pushed: Push, server: PlatformServer, file: Path
) -> None:
    pushed(base_url="emulator", workspace_id=None)
    assert outcomes(pushed()) == ["uploaded"] * 3
    assert len(server.assets) == 3
    assert "emulation" not in " ".join(ig.load_step(file).provenance.notes or ())


def test_a_workspace_is_asked_for_where_there_is_more_than_one(pushed: Push) -> None:
    with pytest.raises(errors.InvalidOption, match="--base-url emulator"):
        pushed(workspace_id=None)
    with pytest.raises(errors.InvalidOption, match="leave workspace_id out"):
        pushed(base_url="emulator")


def test_an_export_over_a_pushed_file_keeps_what_the_platform_has(
    pushed: Push, server: PlatformServer, file: Path, store: LocalStore, step: ig.ImageGenerationStep
) -> None:
    """The images of another run whose bytes are the same; one that is not the same is sent."""
    server.signature = SIGNED
    pushed()
    before = ig.load_step(file)
    server.requests.clear()
    again = run_of(step.replace(image_count=2), store, inputs={"product": "a lamp", "makers": []})
    ig.save_step(file, step.replace(image_count=2), run=again)
    after = ig.load_step(file)
    assert before.output is not None
    assert after.output is not None
    assert after.output.assets == before.output.assets[:2]
    assert [one.local_id for one in after.provenance.uploads or ()] == [a.id for a in again.output.assets]
    assert "without their signatures" in " ".join(after.provenance.notes or ())
    assert (outcomes(pushed()), server.requests) == (["there already"] * 2, [])
    with ig.Workspace(store) as workspace:
        opened = ig.load_step(file, workspace=workspace).output
        assert opened is not None
        assert opened.assets[1].image().size == (41, 30)
    ig.save_step(file, step, run=run_of(step, store, inputs={"product": "a lamp", "makers": []}))
    assert outcomes(pushed()) == ["there already", "there already", "uploaded"]


def test_an_export_keeps_an_upload_whose_outcome_nobody_knows(
    pushed: Push, server: PlatformServer, file: Path, store: LocalStore, step: ig.ImageGenerationStep
) -> None:
    server.answers = ["lose"]
    with pytest.raises(errors.InvalidResponse):
        pushed()
    ig.save_step(file, step, run=run_of(step, store, inputs={"product": "a lamp", "makers": []}))
    assert outcomes(pushed()) == ["found", "uploaded", "uploaded"]


@pytest.mark.parametrize("older", ["", "[]", '{"output": 3}', '{"output": null, "provenance": {}}'])
def test_an_export_over_what_knows_of_no_platform_is_as_ever(
    file: Path, store: LocalStore, step: ig.ImageGenerationStep, older: str
) -> None:
    file.write_text(older)
    run = run_of(step, store, inputs={"product": "a lamp", "makers": []})
    ig.save_step(file, step, run=run, overwrite=True)
    written = ig.load_step(file)
    assert written.output is not None
    assert [asset.id for asset in written.output.assets] == [asset.id for asset in run.output.assets]
    assert written.provenance.uploads is None


def test_a_second_push_at_the_same_time_is_refused(
    pushed: Push, server: PlatformServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins while the first waits for an answer; what a killed one left behind is in nobody's way."""
    monkeypatch.setattr(file_in_use, "_LONGEST_WAIT", 0)
    (file.parent / f".{file.name}.pushing").touch()
    real, told = server.route, list[str]()

    def meanwhile(*request: Any) -> Any:
        server.route = real
        with pytest.raises(errors.DefinitionError, match="is being pushed already") as refused:
            pushed()
        told.extend([str(refused.value), *outcomes(pushed(dry_run=True))])
        return real(*request)

    server.route = meanwhile
    assert outcomes(pushed()) == ["uploaded"] * 3
    assert told[1:] == ["would be sent"] * 3
    assert len(server.hashes) == 3
    assert outcomes(pushed()) == ["there already"] * 3
    assert not list(file.parent.glob(".*.pushing"))


def test_an_export_while_another_process_pushes_is_refused_and_no_record_is_lost(
    pushed: Push,
    server: PlatformServer,
    file: Path,
    store: LocalStore,
    step: ig.ImageGenerationStep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other waits for the platform's answer to its second image, the first being there."""
    monkeypatch.setattr(file_in_use, "_LONGEST_WAIT", 0)
    run = run_of(step, store, inputs={"product": "a lamp", "makers": ["Bo"]})
    real, told, written = server.route, list[str](), list[bool]()

    def meanwhile(*request: Any) -> Any:
        if len(server.hashes) == 1 and not told:
            before = file.read_bytes()
            definition = ig.load_step(file)
            for save in (
                lambda: ig.save_step(file, step, run=run),
                lambda: ig.save_step(file, step, overwrite=True),
                lambda: definition.save(file),
            ):
                with pytest.raises(errors.DefinitionError, match="is being pushed already") as refused:
                    save()
                told.append(str(refused.value))
            written.append(file.read_bytes() != before)
        return real(*request)

    server.route = meanwhile
    given = {"store": str(file.parent / "assets"), "base_url": server.url, "workspace_id": WORKSPACE}
    code = f"from imagegen_nb.platform import push; push({str(file)!r}, emulated_too=True, **{given!r})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
    assert (len(told), written) == (3, [False])
    ids = {asset["id"] for asset in server.assets}
    assert len(ids) == 3
    ig.save_step(file, step, run=run)  # of the same pictures
    assert {one.asset_id for one in ig.load_step(file).provenance.uploads or ()} == ids
    assert outcomes(pushed()) == ["there already"] * 3


def test_a_definition_from_before_the_push_keeps_what_the_push_wrote(
    pushed: Push, server: PlatformServer, file: Path
) -> None:
    before = ig.load_step(file)
    pushed()
    after = ig.load_step(file)
    saved = before.save(file)
    assert ig.load_step(file).output == after.output
    assert ig.load_step(file).provenance == after.provenance
    assert outcomes(pushed()) == ["there already"] * 3
    assert len(server.hashes) == 3
    after.save(file)  # which has the records itself
    assert ig.load_step(file).provenance == after.provenance
    assert saved.path == file
    before.save(file.with_name("elsewhere.step.json"))
    assert ig.load_step(file.with_name("elsewhere.step.json")).provenance.uploads is None


def test_an_upload_that_ended_after_the_import_is_not_taken_for_one_that_goes_on(
    pushed: Push, server: PlatformServer, file: Path
) -> None:
    real, imported = server.route, list[Any]()

    def meanwhile(*request: Any) -> Any:
        if len(server.hashes) == 1 and not imported:
            imported.append(ig.load_step(file))  # one is there, one is on its way, one waits
        return real(*request)

    server.route = meanwhile
    pushed()
    (between,) = imported
    assert [one.asset_id is None for one in between.provenance.uploads or ()] == [False, True]
    between.save(file)
    ids = [one.asset_id for one in ig.load_step(file).provenance.uploads or ()]
    assert sorted(map(str, ids)) == sorted(asset["id"] for asset in server.assets)
    assert outcomes(pushed()) == ["there already"] * 3


def test_a_push_waits_for_an_export_and_sends_what_that_wrote(
    pushed: Push, server: PlatformServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = file_in_use.held(file)
    holder.__enter__()
    monkeypatch.setattr(time, "sleep", lambda _: holder.__exit__(None, None, None))
    assert outcomes(pushed()) == ["uploaded"] * 3


def test_where_no_lock_can_be_made_it_is_pushed_all_the_same(
    pushed: Push, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    assert outcomes(pushed()) == ["uploaded"] * 3
