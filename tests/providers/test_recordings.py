"""Answers a real provider gave, replayed through the real SDK and transport."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagegen_nb import Gateway, ImageGenerationStep, Workspace
from imagegen_nb.errors import InvalidResponse

WIRE = Path(__file__).parents[2].parent / "shared" / "wire"
pytestmark = [
    pytest.mark.skipif(not WIRE.is_dir(), reason=f"no recordings at {WIRE}"),
    pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning"),
]


@pytest.fixture
def replay(raw_server, tmp_path, monkeypatch):
    """Runs a Gemini step against the recorded answer of that name; gives the run and the body."""
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")

    def run(name: str):
        recorded = json.loads((WIRE / f"{name}.json").read_text())["response"]
        body = recorded["body"]
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        status = recorded["status"]
        code = status if isinstance(status, int) else status["code"]
        head = f"HTTP/1.1 {code} Recorded\r\ncontent-type: application/json\r\n"
        server = raw_server(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        workspace = Workspace(tmp_path, hosted={"gemini": Gateway(server.url, "GATEWAY_KEY")}, timeout=30)
        step = ImageGenerationStep(model="gemini-2.5-flash-image", prompt="a fox", on_failure="continue")
        outcome = step.run(workspace=workspace)
        assert len(server.requests) == 1
        return outcome, json.loads(content)

    return run


def test_a_picture_of_vertex_ai(replay):
    run, body = replay("gemini-2.5-flash-image.vertex")
    assert (run.status, run.returned, run.error) == ("done", 1, None)
    (asset,) = run.output.assets
    assert asset.file_type == "image/png"
    assert asset.image().size == (asset.stored.width, asset.stored.height)
    usage = body["usageMetadata"]
    assert run.usage.total == usage["totalTokenCount"]
    assert sum(run.usage.input.values()) == usage["promptTokenCount"]
    assert sum(run.usage.output.values()) == usage["candidatesTokenCount"]
    assert run.usage.output["image"] == 1290
    assert run.answered_by == body["modelVersion"]
    assert run.request_ids == (body["responseId"],)


def test_words_instead_of_a_picture(replay):
    run, body = replay("gemini-2.5-flash-image.text-only")
    error = run.error
    assert (type(error), error.status, error.code, error.charge) == (InvalidResponse, 200, "STOP", "unknown")
    (part,) = body["candidates"][0]["content"]["parts"]
    assert part["text"].strip()[:60] in str(error)
    assert error.request_id == body["responseId"]
    assert run.output.assets == ()
    assert run.usage.total == body["usageMetadata"]["totalTokenCount"]
