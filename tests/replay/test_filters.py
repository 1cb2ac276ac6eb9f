"""Keys are planted wherever a call can carry one; then everything a recording leaves is searched."""

from __future__ import annotations

import base64
import json
import warnings
from pathlib import Path
from urllib.parse import quote

import pytest

from imagegen_nb import Gateway, ImageGenerationStep, Workspace, replay
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import cassette_file, filters
from imagegen_nb.replay.recording import Recording
from imagegen_nb.replay.stowed import stow

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")

KEYS = {
    "OPENAI_API_KEY": "sk-proj-CanaryOne0a1b2c3d4e5f6g7h8i9j",
    "XAI_API_KEY": "xai-CanaryTwo9j8i7h6g5f4e3d2c1b0a",
    "GEMINI_API_KEY": "AIza" + "SyCanaryThreeQwErTyUiOpAsDfGhJkLzXc",
    "GATEWAY_KEY": "canary+five/shape=of~key:13579",
}
MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image", "gemini": "gemini-nano-banana-2.1"}
PATHS = {"openai": "/openai/v1", "xai": "/xai/v1", "gemini": "/gemini"}


@pytest.fixture(autouse=True)
def planted(monkeypatch):
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)


@pytest.fixture
def hosted(emulator, project):
    """Accounts on this machine that get a real key in their headers."""
    accounts = {name: Gateway(emulator.url + path, "GATEWAY_KEY") for name, path in PATHS.items()}
    return Workspace(project / "assets", hosted=accounts, timeout=30)


def left_behind(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "".join(path.name + path.read_bytes().decode("latin-1") for path in files)


def forms(key: str) -> set[str]:
    raw = key.encode()
    encoded = {base64.b64encode(b"\0" * shift + raw + b"\0\0").decode()[4:-8] for shift in range(3)}
    return {key, quote(key), quote(key, safe=""), json.dumps(key)[1:-1], raw.hex(), *encoded}


def assert_clean(text: str) -> None:
    assert [name for name, key in KEYS.items() for form in forms(key) if form in text] == []


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("provider", PATHS)
def test_headers_and_echoing_answers(provider, hosted, emulator, project):
    faults = ["ok", "echo_key", "auth", "permission", "server_error", "moderation", "rate_limit"]
    for fault in faults:  # a call that is refused for its rate is made six times
        emulator.script(provider, *[Fault(fault)] * (6 if fault == "rate_limit" else 1))
    step = ImageGenerationStep(model=MODELS[provider], prompt="a lamp", on_failure="continue")
    with replay.use("hero", "all"):
        runs = [step.run(workspace=hosted) for _ in faults]
    text = left_behind(project / "cassettes")
    assert_clean(text)
    assert len(cassette_file.read(project / "cassettes/hero")[1]) == len(faults)
    allowed = {"content-type", "retry-after", "retry-after-ms", "x-request-id"}
    for recording in cassette_file.read(project / "cassettes/hero")[1]:
        assert set(recording.headers) <= allowed
    with replay.use("hero"):
        assert [str(step.run(workspace=hosted).error) for _ in faults] == [str(run.error) for run in runs]


@pytest.mark.parametrize(
    "key", ["canary+five/shape=of~key:13579", "thesixthcanaryisplain", "Quick-7-Canary-in-Use"]
)
@pytest.mark.parametrize("write", [str, quote, lambda key: base64.b64encode(b"ab" + key.encode()).decode()])
def test_a_key_in_a_prompt_keeps_its_recording_out_and_only_that(key, write, workspace, project, monkeypatch):
    """One of no known shape: what is shaped like a key no step takes."""
    monkeypatch.setitem(KEYS, "OTHER_SERVICE_TOKEN", key)
    monkeypatch.setenv("OTHER_SERVICE_TOKEN", key)
    clean = ImageGenerationStep(prompt="a lamp", image_size="1024x1024")
    step = clean.replace(prompt=f"a lamp with {write(key)} on it")
    session = replay.use("hero", "all").open()
    assert [each.run(workspace=workspace).status for each in (step, clean)] == ["done", "done"]
    with pytest.raises(ReplayError) as caught:
        session.close()
    assert "call 0 to gpt-image-2: the request's body, field `prompt`, holds" in str(caught.value)
    assert_clean(str(caught.value) + left_behind(project / "cassettes"))
    with replay.use("hero"):
        assert clean.run(workspace=workspace).replayed
        with pytest.raises(ReplayError, match="left out when it was recorded: call 0") as caught:
            step.run(workspace=workspace)
    assert_clean(str(caught.value))


def recording(**changes) -> Recording:
    plain = {
        "method": "POST",
        "url": "https://api.example/v1",
        "call": "0",
        "request_body": b"{}",
        "status": 200,
    }
    return Recording(**{**plain, **changes})


NOISE = bytes(range(256)) * 10


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        ("the request's address", {"url": "https://api.example/v1/KEY"}),
        ("the answer's header retry-after", {"headers": {"retry-after": "KEY"}}),
        (
            "the answer's body, field `error.message`,",
            {"response_body": b'{"error": {"message": "bad KEY"}}'},
        ),
        ("the answer's body, field `a[1].b`,", {"response_body": b'{"a": [0, {"b": "KEY"}]}'}),
        ("the answer's body, field `a`,", {"response_body": b'{"a": {"KEY": 1}}'}),
        ("the answer's body", {"response_body": b"<p>KEY</p>"}),
        ("the answer's body", {"response_body": b'data: {"b": "KEY"}\n\n'}),
        ("the answer's image", {"response_body": b'{"x": "' + b"IMAGE" + b'"}'}),
    ],
)
def test_the_place_is_named_and_never_the_key(place, changes):
    key = KEYS["GATEWAY_KEY"]
    image = base64.b64encode(NOISE + key.encode() + NOISE)

    def plant(value):
        if isinstance(value, dict):
            return {name: plant(item) for name, item in value.items()}
        if isinstance(value, bytes):
            return value.replace(b"KEY", key.encode()).replace(b"IMAGE", image)
        return value.replace("KEY", key)

    found = filters.find_key(
        stow(recording(**{name: plant(value) for name, value in changes.items()})), [key]
    )
    assert found is not None
    assert found.startswith(place)
    assert found.endswith("holds a key that is in use here")
    assert_clean(found)
    assert filters.find_key(stow(recording(**changes)), [key]) is None


def test_googles_key_in_the_address_is_dropped():
    assert filters.filter_url("https://a.example/v1?key=secret&alt=sse") == "https://a.example/v1?alt=sse"


def test_a_live_recording_of_a_kernel_announces_it_once(workspace):
    session = replay.use("hero", "all").open()
    ImageGenerationStep(prompt=KEYS["GATEWAY_KEY"]).run(workspace=workspace)
    with pytest.warns(RuntimeWarning, match="field `prompt`, holds"):
        session._after_cell()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session._after_cell()
    with pytest.raises(ReplayError, match="not all calls could be recorded"):
        session.close()
