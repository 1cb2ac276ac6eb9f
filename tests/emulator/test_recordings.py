"""The emulator's bodies against bodies recorded from the real service; skipped where those are absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

WIRE = Path(__file__).parents[2].parent / "shared" / "wire"


def recording(name: str) -> dict[str, Any]:
    path = WIRE / name
    if not path.exists():
        pytest.skip(f"no recording {name} beside the checkout")
    data = json.loads(path.read_text())
    for side in ("request", "response"):
        if isinstance(data[side]["body"], str):
            data[side]["body"] = json.loads(data[side]["body"])
    return data


def shape(value: Any) -> Any:
    """Keys and types only."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def replay(http, recorded) -> Any:
    uri = recorded["request"]["uri"].split(".com", 1)[1]
    return http.post("/gemini" + uri, json=recorded["request"]["body"])


def test_vertex_picture(http):
    recorded = recording("gemini-2.5-flash-image.vertex.json")
    answer = replay(http, recorded)
    theirs, ours = recorded["response"]["body"], answer.json()
    assert answer.headers["content-type"] == recorded["response"]["headers"]["content-type"][0]
    assert shape(ours) == shape(theirs)
    assert ours["usageMetadata"]["candidatesTokensDetails"][1] == {"modality": "IMAGE", "tokenCount": 1290}
    assert ours["candidates"][0]["finishReason"] == theirs["candidates"][0]["finishReason"]


def test_developer_text_only(http, emulator):
    from imagegen_nb.emulator import Fault

    recorded = recording("gemini-2.5-flash-image.text-only.json")
    emulator.script("gemini", Fault("text_only"))
    answer = replay(http, recorded)
    assert shape(answer.json()) == shape(recorded["response"]["body"])
