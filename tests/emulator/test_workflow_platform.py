"""The platform's emulation: says that it is one, and calls back to nobody but this machine."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from imagegen_nb.emulator import PlatformEmulator

pytestmark = pytest.mark.loopback


@pytest.fixture
def platform() -> Iterator[PlatformEmulator]:
    with PlatformEmulator() as served:
        yield served


def ask(platform: PlatformEmulator, path: str, document: Any = None, key: str | None = None) -> Any:
    """The status, the document and whether the answer says that it is emulated."""
    request = urllib.request.Request(
        platform.url + path,
        data=None if document is None else json.dumps(document).encode(),
        headers={"Authorization": f"Bearer {platform.KEY if key is None else key}"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, json.load(answer), "not the platform" in answer.headers["X-Emulation"]
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal), "not the platform" in refusal.headers["X-Emulation"]


def test_every_answer_says_that_it_is_emulated(platform: PlatformEmulator) -> None:
    assets = f"/public/workspaces/{platform.WORKSPACE}/assets"
    assert ask(platform, assets) == (200, {"assets": []}, True)
    assert ask(platform, assets, key="hello")[::2] == (401, True)
    assert ask(platform, "/public/workspaces/x/assets") == (404, {"error": "Workspace not found"}, True)
    assert ask(platform, assets, {"file": "x"}) == (422, {"error": "No file provided"}, True)
    assert ask(platform, "/workflow/invoke", [])[::2] == (400, True)


def test_a_run_is_told_of_by_both_of_its_names(platform: PlatformEmulator) -> None:
    platform.deploy("hero", {"assets": []})
    status, run, _ = ask(platform, "/workflow/invoke", {"deployment": "hero", "inputs": {}})
    assert (status, run["output"]) == (200, '{"assets": []}')
    assert ask(platform, f"/workflow_runs/{run['run_id']}")[1] == run
    assert ask(platform, f"/public/requests/{run['request_id']}")[1] == run
    assert ask(platform, f"/workflow_runs/{platform.WORKSPACE}")[0] == 404
    refused = {"error": "Deployment swan not found; this emulation has: hero"}
    assert ask(platform, "/workflow/invoke", {"deployment": "swan"})[:2] == (404, refused)


@pytest.mark.parametrize(
    "url", ["https://example.com/x", "http://10.0.0.1/x", "http://localhost.evil/x", 3, ""]
)
def test_only_this_machine_is_called_back(platform: PlatformEmulator, url: object) -> None:
    platform.deploy("hero", {})
    delivery = {"enabled": True, "callback_url": url}
    assert ask(platform, "/workflow/invoke", {"deployment": "hero", "async": delivery})[0] == 422


def test_it_is_not_running_before_it_is_started() -> None:
    platform = PlatformEmulator()
    with pytest.raises(RuntimeError, match="not running"):
        _ = platform.url
    platform.stop()
    with platform, platform:
        assert platform.url.startswith("http://127.0.0.1:")
