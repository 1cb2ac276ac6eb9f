"""The names a provider is written with, and the document that shows how."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Any

import pytest
from support.images import picture
from support.loaded_modules import loaded_after
from support.project import ROOT

import imagegen_nb as ig
from imagegen_nb import providers
from imagegen_nb.core.images import CheckedImage
from imagegen_nb.judges import VisionJudge
from imagegen_nb.providers import GeneratedImage, catalog, open_client
from imagegen_nb.step.output import Asset

HEAVY = ("pydantic", "httpx2", "openai", "google.genai", "PIL", "starlette")


def test_the_names_are_sorted_and_listed():
    assert providers.__all__ == sorted(providers.__all__)
    assert dir(providers) == providers.__all__
    assert set(providers.__all__) == set(providers._HOMES)


@pytest.mark.parametrize("name", providers.__all__)
def test_every_name_is_there_and_explained(name):
    value = getattr(providers, name)
    assert value is not None
    if isinstance(value, type) or callable(value):
        assert value.__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Provder'"):
        _ = providers.Provder


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_after("import imagegen_nb.providers", HEAVY) == set()


@pytest.mark.notebooks
def test_writing_a_provider_loads_no_sdk():
    names = ", ".join(set(providers.__all__) - {"open_client"})
    assert loaded_after(f"from imagegen_nb.providers import {names}", HEAVY) <= {"pydantic"}


# docs/providers.md


def blocks() -> list[str]:
    text = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def paint(request, raw_server, monkeypatch) -> Any:
    """A server that answers as the document's provider does, and the names its examples define."""
    size = getattr(request, "param", (64, 48))

    def answer(write, over):
        asked = json.loads(server.requests[-1].body)
        images = [base64.b64encode(picture(asked.get("format", "png"), size)).decode()] * asked["n"]
        body = json.dumps({"images": images}).encode()
        write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        write(b"content-length: %d\r\n\r\n" % len(body) + body)

    server = raw_server(answer)
    monkeypatch.setenv("PAINT_API_KEY", "a-key-of-the-test")
    names: dict[str, Any] = {}
    provider, contract = (
        block for block in blocks() if "class Paint(" in block or "class TestPaint(" in block
    )
    exec(provider, names)  # our own text
    exec(contract, names)
    names["server"] = server
    return names


def test_the_documents_declaration_of_a_model_runs():
    (declaration,) = (block for block in blocks() if "ig.Model" in block)
    names: dict[str, Any] = {}
    exec(declaration, names)  # our own text
    assert names["step"].entry.model.like == "gpt-image-2"


@pytest.mark.parametrize("paint", [(64, 48), (2_000, 1_500)], ids=["small", "large"], indirect=True)
def test_the_documents_provider_runs(paint, tmp_path):
    catalog.register(paint["Paint"]())
    try:
        step = ig.ImageGenerationStep(
            model="paint-1",
            prompt="a fox",
            image_count=2,
            image_output_format="webp",
            image_output_compression=0,
        )
        hosted = {"paint": ig.Gateway(f"{paint['server'].url}/v1", "PAINT_API_KEY")}
        run = step.run(workspace=ig.Workspace(tmp_path, hosted=hosted))
    finally:
        catalog.unregister("paint")
    assert (run.status, run.returned, run.warnings) == ("done", 2, ())
    assert run.output.settings.model_dump() == {
        "model": "paint-1",
        "image_quality": "wet",
        "image_output_format": "webp",
    }
    (request,) = paint["server"].requests
    assert json.loads(request.body) == {
        "model": "paint-1",
        "prompt": "a fox",
        "n": 2,
        "format": "webp",
        "level": 0,
    }


@pytest.mark.parametrize("paint", [(2_000, 1_500)], indirect=True)
def test_a_provider_that_knows_nothing_of_files_reads_large_images_itself(paint, tmp_path):
    """As a plug-in may: only one that says so is given anything but the answer as it came."""

    class Own(paint["Paint"]):
        async def generate(self, request, connection):
            async with open_client(self.name, connection) as client:
                url = f"{connection.base_url}/images"
                body = {"n": request.count, "format": "webp"}
                response = await client.send(lambda: client.http.post(url, json=body))
            for index, text in enumerate(response.json()["images"]):
                yield GeneratedImage(index, base64.b64decode(text))

    catalog.register(Own())
    try:
        hosted = {"paint": ig.Gateway(f"{paint['server'].url}/v1", "PAINT_API_KEY")}
        step = ig.ImageGenerationStep(model="paint-1", prompt="a fox", image_count=2)
        run = step.run(workspace=ig.Workspace(tmp_path, hosted=hosted))
    finally:
        catalog.unregister("paint")
    assert (run.status, run.returned) == ("done", 2)


CHECKS = [name for name in dir(ig.testing.ProviderContract) if name.startswith("test_")]


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("name", CHECKS)
def test_the_documents_provider_keeps_the_contract(paint, name):
    contract = paint["TestPaint"]()
    contract.base_url = f"{paint['server'].url}/v1"
    getattr(contract, name)()


def test_the_document_names_the_whole_api():
    text = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
    assert [name for name in providers.__all__ if name not in text] == []


def test_the_documents_provider_can_be_asked_about_a_picture(raw_server, tmp_path, monkeypatch):
    def answer(write, over):
        asked = json.loads(server.requests[-1].body)
        assert asked["form"]["type"] == "object"
        text = json.dumps({"image_seen": True, "reason": "bold", "score": 8})
        told = {"text": text, "tokens_in": {"text": 90, "image": 400}, "tokens_out": 20}
        body = json.dumps(told).encode()
        write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        write(b"content-length: %d\r\n\r\n" % len(body) + body)

    server = raw_server(answer)
    monkeypatch.setenv("PAINT_API_KEY", "a-key-of-the-test")
    names: dict[str, Any] = {}
    for block in blocks():
        if "class Paint(" in block or "VisionModel" in block:
            exec(block, names)  # our own text
    critic = names["Critic"]()
    monkeypatch.setattr(type(critic), "base_url", f"{server.url}/v1")
    catalog.register(critic)
    try:
        workspace = ig.Workspace(tmp_path / "assets")
        checked = CheckedImage(picture("PNG"), "image/png", 64, 48, has_alpha=False)
        record = workspace.store.stage(checked, run_id="r1", emulated=False)
        image = Asset.of(*workspace.store.put([record]), workspace.store)
        judge = VisionJudge("critic-1", rubric="Is it bold?", workspace=workspace)
        verdict = asyncio.run(judge.judge(image))
    finally:
        catalog.unregister("paint")
    assert (verdict.score, verdict.reason) == (8.0, "bold")
    assert verdict.cost.amount is None
    assert "no price of critic-1" in verdict.cost.reasons[0]
