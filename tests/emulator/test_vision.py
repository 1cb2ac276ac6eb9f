from __future__ import annotations

import base64
import io
import json

import pytest
from PIL import Image
from support.images import picture

from imagegen_nb.emulator import vision

SCHEMA = {
    "type": "object",
    "properties": {
        "seen": {"type": "boolean"},
        "why": {"type": "string"},
        "points": {"type": "integer", "minimum": 1, "maximum": 5},
        "score": {"type": "NUMBER", "minimum": -10, "maximum": 10},
        "tags": {"type": "array"},
    },
    "required": ["seen", "why", "points", "score", "tags"],
    "additionalProperties": False,
}


def answer_to(picture):
    return vision.Question("m", "?", "", "image/png", SCHEMA, None).answer(picture)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def shade(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (40, 20), level).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_looked_at(kind):
    seen = vision.look(encoded(picture(kind)))
    assert seen is not None
    assert (seen.width, seen.height, seen.media_type) == (64, 48, f"image/{kind.lower()}")
    assert 0 <= seen.measure <= 1


@pytest.mark.parametrize("data", ["", "!!", encoded(b"no picture"), encoded(picture("PNG")[:60]), "é"])
def test_what_is_no_picture_is_none(data):
    assert vision.look(data) is None


def test_an_answer_fits_its_schema_and_comes_from_the_pixels():
    answers = [json.loads(answer_to(vision.look(encoded(shade(level))))) for level in (0, 90, 255)]
    for answer in answers:
        assert set(answer) == set(SCHEMA["properties"])
        assert answer["seen"] is True
        assert "EMULATED" in answer["why"]
        assert "40 x 20" in answer["why"]
        assert 1 <= answer["points"] <= 5
        assert -10 <= answer["score"] <= 10
    assert len({answer["score"] for answer in answers}) == 3
    assert answer_to(vision.look(encoded(shade(90)))) == json.dumps(answers[1], separators=(",", ":"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "array"}, 'type: "object"'),
        ({"properties": {}}, "'properties' is required"),
        ({"additionalProperties": True}, "'additionalProperties' is required"),
        ({"required": ["seen"]}, "including every key"),
        ({"required": None}, "including every key"),
    ],
    ids=str,
)
def test_a_schema_that_strict_mode_refuses(change, says):
    assert says in vision.schema_problem({**SCHEMA, **change})
    assert vision.schema_problem(SCHEMA) == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data:image/png;base64,AAAA", ("image/png", "AAAA")),
        ("https://host.example/a.png", None),
        ("data:image/png,AAAA", None),
        ("AAAA", None),
        (None, None),
    ],
)
def test_data_addresses(url, expected):
    assert vision.split_data_url(url) == expected
