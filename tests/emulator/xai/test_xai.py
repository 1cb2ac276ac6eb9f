from __future__ import annotations

import pytest
from support.emulated import picture

from imagegen_nb.emulator.xai.request import RATIOS, pixel_size

REFUSED = [
    ({"size": "1024x1024"}, 400, "Argument not supported: size"),
    ({"style": "vivid"}, 400, "Argument not supported: style"),
    ({"quality": "low"}, 400, "Argument not supported: quality"),
    ({"stream": True}, 400, "Argument not supported: stream"),
    ({"n": 11}, 400, "n must be"),
    ({"n": 0}, 400, "n must be"),
    ({"prompt": ""}, 400, "Prompt must"),
    ({"prompt": "x" * 32_001}, 400, "Prompt must"),
    ({"model": "grok-imagine-image-quality", "quality": "low"}, 400, "Argument not supported: quality"),
    ({"model": "grok-9"}, 404, "does not exist"),
]
UNDESERIALIZABLE = [
    {"prompt": None},
    {"model": None},
    {"n": "2"},
    {"prompt": 5},
    {"aspect_ratio": "7:3"},
    {"aspect_ratio": "21:9"},
    {"resolution": "8k"},
    {"response_format": "png"},
    {"model": "grok-imagine-image-2.0", "quality": "high"},
]
CENTS = [
    ("grok-imagine-image", {}, 2),
    ("grok-imagine-image", {"resolution": "2k"}, 2),
    ("grok-imagine-image-quality", {}, 4),
    ("grok-imagine-image-quality", {"resolution": "2k"}, 6),
    ("grok-imagine-image-2.0", {"quality": "low"}, 4),
    ("grok-imagine-image-2.0", {"quality": "medium"}, 6),
    ("grok-imagine-image-2.0", {"quality": "medium", "resolution": "2k"}, 8),
]


@pytest.mark.parametrize(("change", "status", "text"), REFUSED)
def test_refusals_in_its_own_shape(post, change, status, text):
    answer = post("xai", **change)
    assert answer.status_code == status
    assert set(answer.json()) == {"code", "error"}
    assert text in answer.json()["error"]


@pytest.mark.parametrize("change", UNDESERIALIZABLE)
def test_what_does_not_fit_the_schema_is_422_and_text(post, change):
    answer = post("xai", **change)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(("model", "settings", "cents"), CENTS)
def test_money(post, model, settings, cents):
    answer = post("xai", model=model, n=2, **settings).json()
    assert answer["usage"] == {"cost_in_usd_ticks": 2 * cents * 100_000_000}
    assert answer.get("model") == ("grok-imagine-image-2.0" if model.endswith("quality") else None)
    assert "created" not in answer


@pytest.mark.parametrize("ratio", RATIOS)
def test_ratios(post, ratio):
    item = post("xai", aspect_ratio=ratio).json()["data"][0]
    image = picture(item["b64_json"])
    assert item["mime_type"] == "image/jpeg"
    assert (image.format, image.size) == ("JPEG", pixel_size(ratio, "1k"))
    assert image.width % 16 == image.height % 16 == 0
    assert abs(image.width * image.height / 1024**2 - 1) < 0.03


def test_two_k(post):
    item = post("xai", model="grok-imagine-image-2.0", resolution="2k", aspect_ratio="21:9").json()["data"][0]
    assert picture(item["b64_json"]).size == pixel_size("21:9", "2k")


def test_urls_are_the_default_and_served_here(emulator, http, grok):
    answer = grok.images.generate(model="grok-imagine-image", prompt="a fox", n=2)
    assert answer.created is None
    assert answer.data[0].b64_json is None
    assert answer.data[0].url.startswith(f"{emulator.url}/xai/images/")
    served = http.get(answer.data[0].url)
    assert served.headers["content-type"] == "image/jpeg"
    assert picture(served.content).size == (1024, 1024)
    assert http.get("/xai/images/nothing.jpeg").status_code == 404
    assert emulator.count("xai") == 1


def test_through_the_openai_client(grok):
    answer = grok.images.generate(
        model="grok-imagine-image-quality", prompt="a fox", response_format="b64_json",
        extra_body={"aspect_ratio": "16:9", "resolution": "1k"},
    )  # fmt: skip
    assert answer.model_extra["model"] == "grok-imagine-image-2.0"
    assert answer.data[0].model_extra["mime_type"] == "image/jpeg"
    assert answer.usage.model_extra["cost_in_usd_ticks"] == 400_000_000
    assert answer._request_id.startswith("req_emulated_")


def test_keys(http):
    body = {"model": "grok-imagine-image", "prompt": "a fox"}
    path = "/xai/v1/images/generations"
    assert http.post(path, json=body, headers={"authorization": ""}).status_code == 401
    wrong = http.post(path, json=body, headers={"authorization": "Bearer xai-invalid-key"})
    assert wrong.status_code == 400
    assert "xai-invalid-key" not in wrong.text
    assert wrong.json()["error"].startswith("Incorrect API key provided: xa***ey")
