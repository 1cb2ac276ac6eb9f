from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.emulated import EACH_PROVIDER, KEY, picture

import imagegen_nb.emulator
from imagegen_nb.emulator import Fault, provider_names
from imagegen_nb.emulator.adapter import adapter_of, adapters


def test_streams_cannot_be_scripted_where_there_are_none():
    for provider in ("xai", "gemini"):
        with pytest.raises(ValueError, match="does not stream"):
            adapter_of(provider).check_scriptable(Fault("stream_cut"))


def status(provider: str, body: dict) -> str | int | None:
    """The provider's own error code."""
    match provider:
        case "openai":
            return body["error"]["code"]
        case "xai":
            return body["code"]
        case _:
            return body["error"]["status"]


REFUSALS = [
    ("rate_limit", (429, "rate_limit_exceeded"), (429, "resource-exhausted"), (429, "RESOURCE_EXHAUSTED")),
    ("quota", (429, "insufficient_quota"), (403, "permission-denied"), (429, "RESOURCE_EXHAUSTED")),
    ("auth", (401, "invalid_api_key"), (400, "invalid-argument"), (400, "INVALID_ARGUMENT")),
    ("permission", (403, None), (403, "permission-denied"), (403, "PERMISSION_DENIED")),
    ("server_error", (500, None), (500, "internal-error"), (500, "INTERNAL")),
    ("not_found", (404, "model_not_found"), (404, "not-found"), (404, "NOT_FOUND")),
    ("bad_request", (400, "invalid_value"), (400, "invalid-argument"), (400, "INVALID_ARGUMENT")),
    ("echo_key", (401, "invalid_api_key"), (400, "invalid-argument"), (400, "INVALID_ARGUMENT")),
]


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row[0])
def test_refusals(emulator, post, row):
    kind, *expected = row
    for provider, (code, name) in zip(provider_names(), expected, strict=True):
        emulator.script(provider, Fault(kind))
        response = post(provider)
        assert (response.status_code, status(provider, response.json())) == (code, name)
        assert (KEY in response.text) == (kind == "echo_key")
        assert response.headers["x-imagegen-emulator"] == "1"
        assert emulator.count(provider) == 1


@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_moderation(emulator, post, provider):
    emulator.script(provider, Fault("moderation"))
    response = post(provider)
    assert response.status_code == 400
    body = response.json()
    if provider == "openai":
        assert body["error"]["code"] == "moderation_blocked"
        assert body["error"]["type"] == "image_generation_user_error"
        assert body["error"]["moderation_details"]["moderation_stage"] == "input"
    else:
        assert body["code"] == "imagine:content-moderated"
        assert body["usage"] == {"cost_in_usd_ticks": 200_000_000}


def test_fewer(emulator, post):
    emulator.script("openai", Fault("fewer", images=2))
    emulator.script("xai", Fault("fewer", images=1))
    emulator.script("gemini", Fault("fewer"))
    response = post("openai", n=4, quality="low").json()
    assert len(response["data"]) == 2
    assert response["usage"]["output_tokens"] == 392
    response = post("xai", n=3).json()
    assert [bool(item["b64_json"]) for item in response["data"]] == [True, False, False]
    assert response["usage"]["cost_in_usd_ticks"] == 200_000_000
    assert post("gemini").json()["candidates"] == [{"finishReason": "NO_IMAGE", "index": 0}]


@EACH_PROVIDER
def test_empty(emulator, post, provider):
    emulator.script(provider, *(Fault("empty", variant=name) for name in ("null", "list", "object")))
    key = "candidates" if provider == "gemini" else "data"
    assert [post(provider).json().get(key) for _ in range(3)] == [None, [], [{}]]


def test_text_only(emulator, post):
    for provider in provider_names():
        emulator.script(provider, Fault("text_only"))
    assert post("openai").json()["data"] == []
    assert post("xai").json()["data"] == []
    (part,) = post("gemini").json()["candidates"][0]["content"]["parts"]
    assert set(part) == {"text"}


def test_the_providers_are_the_folders_with_an_adapter():
    assert provider_names() == ("openai", "xai", "gemini")
    for name, adapter in adapters().items():
        assert adapter.name == name
        assert type(adapter).__module__ == f"imagegen_nb.emulator.{name}.adapter"
        assert adapter_of(name) is adapter


@pytest.mark.parametrize("name", ["nobody", "rendering", "", None, []])
def test_who_is_not_emulated_is_named(name):
    with pytest.raises(ValueError, match=r"unknown provider .*; known: openai, xai, gemini"):
        adapter_of(name)


ONE_FILE = """
from imagegen_nb.emulator.adapter import Adapter
from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.responses import json_response


class Job:
    def drawings(self):
        return [Drawing("echo-1", "a fox", 64, 64, "png")]

    def partial_drawings(self):
        return []

    def response_without_images(self):
        return None

    def response(self, images, partial_images):
        return json_response({"images": [image.base64 for image in images]})


class EchoAdapter(Adapter):
    name = "echo"
    paths = ("/v1/{model}/draw",)

    def accept(self, request):
        return Job()

    def fault_response(self, request):
        return json_response({"fault": request.fault.kind}, 429)

    def not_found(self, message):
        return json_response({"echo": message}, 404)


ADAPTER = EchoAdapter()
"""
ASK = """
import json, urllib.error, urllib.request
from imagegen_nb.emulator import Emulator, Fault, provider_names


def ask(path):
    try:
        with urllib.request.urlopen(emulator.url + path, b"{}") as response:
            return [response.status, json.load(response)]
    except urllib.error.HTTPError as error:
        return [error.code, json.load(error)]


with Emulator() as emulator:
    emulator.script("echo", Fault("rate_limit"))
    responses = [ask("/echo/v1/echo-1/draw"), ask("/echo/v1/echo-1/draw"), ask("/echo/v2")]
    print(json.dumps([provider_names(), [request.model for request in emulator.requests], *responses]))
"""


@pytest.mark.notebooks
def test_a_provider_is_added_by_one_folder(tmp_path):
    package = tmp_path / "imagegen_nb"
    shutil.copytree(Path(imagegen_nb.emulator.__file__).parent, package / "emulator")
    (package / "__init__.py").touch()
    (package / "emulator" / "echo").mkdir()
    (package / "emulator" / "echo" / "__init__.py").touch()
    (package / "emulator" / "echo" / "adapter.py").write_text(ONE_FILE)
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names, models, limited, drawn, nowhere = json.loads(done.stdout)
    assert names == ["openai", "xai", "gemini", "echo"]
    assert models == ["echo-1", "echo-1"]
    assert limited == [429, {"fault": "rate_limit"}]
    assert drawn[0] == 200
    assert picture(drawn[1]["images"][0]).size == (64, 64)
    assert nowhere == [404, {"echo": "Invalid URL (POST /echo/v2)"}]
