"""A run that is not over when the platform answers: asked for until it is, or left where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.platform_server import PlatformServer

import imagegen_nb as ig
from imagegen_nb.platform import Callbacks, VerifyReport, run_wait, verify

pytestmark = pytest.mark.loopback
Verified = Callable[..., VerifyReport]
QUEUED = {"run_id": "7a6b", "run_status": "queued"}


@pytest.fixture
def output(file: Path) -> dict[str, Any]:
    loaded = ig.load_step(file).output
    assert loaded is not None
    return dict(loaded.as_context())


@pytest.fixture
def verified(server: PlatformServer, file: Path, monkeypatch: pytest.MonkeyPatch) -> Verified:
    monkeypatch.setattr(run_wait, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(run_wait, "_LONGEST_PAUSE", 0.01)

    def call(started: dict[str, Any], **options: Any) -> VerifyReport:
        server.workflow = lambda _: (202, started)
        return verify(file, deployment="hero", base_url=server.url, **options)

    return call


@pytest.mark.parametrize(
    ("started", "path"),
    [
        ({"run_id": "00000000-0000-0000-0000-00000000000a", "status": "queued"}, "/v1/workflow_runs/"),
        (
            {"request_id": "00000000-0000-0000-0000-00000000000a", "run_status": "running"},
            "/v1/public/requests/",
        ),
    ],
)
@pytest.mark.parametrize("key", ["output", "data"])
def test_a_queued_run_is_asked_for_until_it_is_over(
    verified: Verified,
    server: PlatformServer,
    output: dict[str, Any],
    started: dict[str, Any],
    path: str,
    key: str,
) -> None:
    """A refusal that passes, and a state in between, are waited out."""
    server.told = [
        (200, {"status": "queued"}),
        (503, {"error": "busy"}),
        (200, {"status": "processing"}),
        (200, {"status": "completed", key: output}),
    ]
    report = verified(started)
    assert report, report
    asked = [request for request in server.requests if request[0] == "GET"]
    assert len(asked) == 4
    assert set(asked) == {("GET", f"{path}00000000-0000-0000-0000-00000000000a")}


def test_a_run_that_cannot_be_asked_for_is_reported_with_the_reason(
    verified: Verified, server: PlatformServer
) -> None:
    report = verified(QUEUED)
    assert report.run_status == "queued"
    assert "does not tell of the run" in report.notes[0]
    assert "names no run" in verified({"run_status": "queued"}).notes[0]
    assert [method for method, _ in server.requests].count("GET") == 1


def test_a_run_that_does_not_end_is_left_in_time(verified: Verified, server: PlatformServer) -> None:
    server.told = [(200, {"status": "running"})]
    report = verified({"run_id": "00000000-0000-0000-0000-00000000000a", "status": "queued"}, seconds=0.5)
    assert report.run_status == "queued"
    assert (
        "it was not over in time (seconds=, or --seconds, waits longer); it may still go on, and cost"
        in report.notes
    )


@pytest.mark.parametrize("callbacks", [None, Callbacks()])
def test_an_interrupt_says_that_the_run_goes_on_and_ends_the_listener(
    verified: Verified, monkeypatch: pytest.MonkeyPatch, callbacks: Callbacks | None
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imagegen_nb.platform.run_wait.time.sleep", interrupted)
    monkeypatch.setattr("imagegen_nb.platform.run_wait.queue.Queue.get", interrupted)
    with pytest.raises(KeyboardInterrupt) as stopped:
        verified(QUEUED, callbacks=callbacks)
    (note,) = stopped.value.__notes__
    assert re.fullmatch(
        r"The run \(7a6b\) goes on at 127\.0\.0\.1:\d+, and may cost: look for it there\.", note
    )


def test_a_run_without_a_name_is_not_waited_for_by_callback(verified: Verified) -> None:
    report = verified({"status": "queued"}, callbacks=Callbacks())
    assert report.run_status == "queued"
    assert "names no run" in report.notes[0]
