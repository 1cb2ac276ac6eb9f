"""Callbacks: what is rightly signed and of this run is believed, everything else is counted and told."""

from __future__ import annotations

import http.client
import io
import json
import socket
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from rich.console import Console
from rich.traceback import Traceback
from support.platform_server import KEY, SECRET, Callback, PlatformServer

import imagegen_nb as ig
from imagegen_nb import errors
from imagegen_nb.platform import Callbacks, VerifyReport, callbacks, verify

pytestmark = pytest.mark.loopback
Told = Callable[[dict[str, Any]], list[Callback]]
Verified = Callable[..., VerifyReport]
WRONG = "0" * 64


@pytest.fixture
def verified(server: PlatformServer, file: Path) -> Verified:
    """`verify` of a deployment that runs as the file says, and calls back as `told` says."""
    output = ig.load_step(file).output
    assert output is not None
    server.deploy("hero", output.as_context())

    def call(told: Told | None = None, **options: Any) -> VerifyReport:
        server.callbacks = told
        chosen = {"base_url": server.url, "callbacks": Callbacks(), **options}
        return verify(file, deployment="hero", **chosen)

    return call


def test_a_run_is_called_back_and_compared(verified: Verified, server: PlatformServer) -> None:
    report = verified()
    assert report, report
    (sent,) = server.invocations
    assert sent["async"]["enabled"] is True
    assert sent["async"]["callback_url"].startswith("http://127.0.0.1:")
    assert SECRET not in json.dumps(sent) + repr(report) + repr(Callbacks(secret=SECRET))


@pytest.mark.parametrize(
    "told",
    [
        lambda run: {"run_id": run["run_id"], "status": "completed", "output": json.loads(run["output"])},
        lambda run: {"request_id": run["request_id"], "run_status": "completed", "output": run["output"]},
        lambda run: {"event": "finished", "data": run},
    ],
    ids=["status and object", "run_status and string", "below data"],
)
def test_each_way_to_tell_the_end_is_read(
    verified: Verified, server: PlatformServer, told: Callable[[dict[str, Any]], Any]
) -> None:
    """All of them come before the invoke is answered, as the emulation sends them."""
    assert verified(lambda run: [(told(run), None)])
    assert server.called_back == [200]


def test_a_failure_is_told_in_the_platforms_words(verified: Verified) -> None:
    report = verified(
        lambda run: [
            ({"run_id": run["run_id"], "status": "failed", "error": f"no credit {KEY} {SECRET}"}, None)
        ]
    )
    assert (report.run_status, bool(report)) == ("failed", False)
    assert "no credit" in report.error
    assert KEY not in repr(report)
    assert SECRET not in repr(report)


def test_what_is_not_rightly_signed_is_never_trusted(verified: Verified, server: PlatformServer) -> None:
    failed = {"status": "failed", "error": "forged"}
    report = verified(lambda run: [({**run, **failed}, WRONG), ({**run, **failed}, "sha256="), (run, None)])
    assert report, report
    assert server.called_back == [401, 401, 200]
    assert "2 callbacks not used: not signed with the deployment's secret" in report.notes
    assert any("FETCH_HIVE_WEBHOOK_SECRET" in note for note in report.notes)
    assert "forged" not in repr(report)


def test_order_repetition_and_other_runs_change_nothing(verified: Verified, server: PlatformServer) -> None:
    other = {"run_id": "another", "request_id": "another", "run_status": "failed"}

    def told(run: dict[str, Any]) -> list[Callback]:
        start = {"run_id": run["run_id"], "run_status": "running"}
        late = {**run, "run_status": "failed"}
        bodies = [other, {"run_status": "failed"}, start, run, run, {**start, "n": 1}, late]
        return [(body, None) for body in bodies]

    report = verified(told)
    assert report, report
    assert set(server.called_back) == {200}
    assert set(report.notes) == {
        "2 callbacks not used: of another run, or naming none",
        "1 callback not used: received before",
    }


@pytest.mark.parametrize(
    "when", ["2020-01-01T00:00:00+00:00", "2020-01-01", "9999-01-01T00:00:00Z", 1577836800]
)
def test_an_event_of_another_time_is_refused(
    verified: Verified, server: PlatformServer, when: object
) -> None:
    now = datetime.now(UTC).isoformat()
    report = verified(
        lambda run: [
            ({**run, "run_status": "failed", "timestamp": when}, None),
            ({**run, "timestamp": now}, None),
        ]
    )
    assert report, report
    assert server.called_back == [400, 200]
    assert "1 callback not used: older than this run, or in the future" in report.notes


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_signed_body_that_is_no_object_is_told(
    verified: Verified, server: PlatformServer, body: bytes
) -> None:
    report = verified(lambda run: [(body, None), (run, None)])
    assert report, report
    assert server.called_back == [400, 200]
    assert "1 callback not used: no JSON object" in report.notes


def raw(url: str, *head: str, path: str | None = None) -> int:
    """The status that a request with these lines in its head, and no body, is answered with."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as sent:
        lines = [f"POST {path or parts.path} HTTP/1.1", "Host: here", *head, "", ""]
        sent.sendall("\r\n".join(lines).encode())
        sent.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(sent)
        answer.begin()
        return answer.status


def test_what_is_too_large_or_has_no_length_is_not_read(verified: Verified, server: PlatformServer) -> None:
    statuses = []

    def told(run: dict[str, Any]) -> list[Callback]:
        url = server.invocations[-1]["async"]["callback_url"]
        statuses.append(raw(url, f"Content-Length: {callbacks.LARGEST_BODY + 1}"))
        statuses.append(raw(url, f"Content-Length: {'9' * 5000}"))
        statuses.append(raw(url, "Transfer-Encoding: chunked"))
        statuses.append(raw(url, "Content-Length: -1"))
        statuses.append(raw(url, "Content-Length: 10"))
        statuses.append(raw(url, "Content-Length: 2", path="/"))
        return [(run, None)]

    report = verified(told)
    assert report, report
    assert statuses == [413, 413, 411, 411, 400, 404]
    assert "2 callbacks not used: larger than 10,000,000 bytes" in report.notes
    assert "1 callback not used: broken off" in report.notes


def test_no_callback_in_time_is_reported_as_what_was_last_told(verified: Verified) -> None:
    began = time.monotonic()
    report = verified(lambda run: [(run, WRONG)], seconds=1.0)
    assert time.monotonic() - began < 30
    assert (report.run_status, report.rows, bool(report)) == ("queued", (), False)
    (told,) = [note for note in report.notes if note.startswith("no callback told its end in time")]
    assert told.endswith("(seconds=, or --seconds, waits longer); it may still go on, and cost")


def test_an_address_that_leads_here_takes_any_path(verified: Verified, server: PlatformServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    report = verified(callbacks=Callbacks(f"http://127.0.0.1:{port}/hive", port=port))
    assert report, report
    assert server.invocations[0]["async"]["callback_url"].endswith("/hive")


def test_the_platform_cannot_be_given_an_address_of_this_machine(file: Path, server: PlatformServer) -> None:
    for url in (None, "http://127.0.0.1:1/x", "http://example.com/x"):
        with pytest.raises(errors.InvalidOption, match="https://"):
            verify(file, deployment="hero", callbacks=Callbacks(url))


def test_a_port_that_is_taken_or_a_secret_that_is_missing_is_said_before_anything_is_sent(
    verified: Verified, server: PlatformServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.InvalidOption, match="no callback can be received") as refused:
        verified(callbacks=Callbacks(port=urlsplit(server.url).port or 0))
    screen = Console(file=io.StringIO(), width=200)
    screen.print(Traceback.from_exception(refused.type, refused.value, refused.tb, show_locals=True))
    package = screen.file.getvalue().partition("imagegen_nb/platform/deployment.py")[2]  # type: ignore[attr-defined]
    assert "options = " in package
    assert KEY not in package
    assert SECRET not in package
    monkeypatch.delenv("FETCH_HIVE_WEBHOOK_SECRET")
    with pytest.raises(
        errors.MissingCredential,
        match=r"^the signing secret of the deployment on Fetch Hive is missing: .*_SECRET",
    ):
        verified()
    assert server.requests == []
    assert verified(callbacks=Callbacks(secret=SECRET))


def test_who_breaks_off_or_floods_does_no_harm(
    verified: Verified, server: PlatformServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bodies that never come hold a bounded number of readers, and a reset prints nothing."""
    held: list[socket.socket] = []

    def told(run: dict[str, Any]) -> list[Callback]:
        parts = urlsplit(server.invocations[-1]["async"]["callback_url"])
        head = f"POST {parts.path} HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n".encode()
        for _ in range(callbacks._MOST_READ_AT_ONCE):
            held.append(socket.create_connection((parts.hostname, parts.port), timeout=10))
            held[-1].sendall(head)
        while raw(parts.geturl(), "Content-Length: 0") != 503:
            time.sleep(0.01)  # until each of them is being read
        for sent in held:
            sent.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )  # a reset, not an end
            sent.close()
        while raw(parts.geturl(), "Content-Length: 0") == 503:
            time.sleep(0.01)
        return [(run, None)]

    report = verified(told)
    assert report, report
    assert "16 callbacks not used: broken off" in report.notes
    assert "Traceback" not in capfd.readouterr().err
