from __future__ import annotations

import json

import pytest
from support.emulated import picture

from imagegen_nb.emulator.openai.models import GPT_IMAGE_2, GPT_IMAGE_2_5, image_tokens


def test_success_has_every_field(oai):
    raw = oai.images.with_raw_response.generate(model="gpt-image-2", prompt="a fox", n=2)
    response = raw.parse()
    output = 2 * image_tokens(GPT_IMAGE_2, "high", 1024, 1024)
    assert (response.background, response.output_format, response.quality, response.size) == (
        "opaque", "png", "high", "1024x1024",
    )  # fmt: skip
    assert isinstance(response.created, int)
    assert response.usage.output_tokens == output == response.usage.output_tokens_details.image_tokens
    assert response.usage.input_tokens == response.usage.input_tokens_details.text_tokens == 2
    assert response.usage.total_tokens == output + 2
    assert [picture(item.b64_json).format for item in response.data] == ["PNG", "PNG"]
    assert response.data[0].b64_json != response.data[1].b64_json
    assert raw.headers["x-request-id"].startswith("req_emulated_")
    assert response._request_id == raw.headers["x-request-id"]
    for name in ("openai-processing-ms", "x-ratelimit-limit-requests", "x-ratelimit-reset-tokens"):
        assert raw.headers[name]
    assert raw.headers["x-imagegen-emulator"] == "1"
    assert set(json.loads(raw.content)) == {
        "created", "background", "data", "output_format", "quality", "size", "usage",
    }  # fmt: skip


@pytest.mark.parametrize("quality", ["xhigh", "max"])
@pytest.mark.parametrize("model", ["gpt-image-2.5-flare", "gpt-image-2.5-sunburst"])
def test_2_5_has_more_qualities(oai, model, quality):
    response = oai.images.generate(model=model, prompt="a fox", quality=quality)
    assert response.usage.output_tokens == image_tokens(GPT_IMAGE_2_5, quality, 1024, 1024)


@pytest.mark.parametrize(("form", "name"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_formats(oai, form, name):
    response = oai.images.generate(model="gpt-image-2", prompt="a fox", output_format=form)
    assert picture(response.data[0].b64_json).format == name
    assert response.output_format == form


def test_transparency_and_compression(oai):
    response = oai.images.generate(
        model="gpt-image-2", prompt="a fox", output_format="webp", output_compression=40,
        background="transparent", moderation="low", user="u", extra_body={"safety_identifier": "s"},
    )  # fmt: skip
    assert picture(response.data[0].b64_json).mode == "RGBA"
    assert response.background == "transparent"


@pytest.mark.parametrize("partials", [0, 1, 3])
def test_stream(oai, partials):
    events = list(
        oai.images.generate(
            model="gpt-image-2", prompt="a fox", stream=True, partial_images=partials, quality="low"
        )
    )
    assert [event.type.removeprefix("image_generation.") for event in events] == [
        *["partial_image"] * partials, "completed",
    ]  # fmt: skip
    assert [event.partial_image_index for event in events[:-1]] == list(range(partials))
    assert len({event.b64_json for event in events}) == partials + 1
    last = events[-1]
    assert picture(last.b64_json).size == (1024, 1024)
    assert last.usage.output_tokens == 196 + 100 * partials
    assert "output_tokens_details" not in (last.usage.model_extra or {})


def test_stream_of_several_carries_no_index(http):
    body = {
        "model": "gpt-image-2",
        "prompt": "a fox",
        "stream": True,
        "partial_images": 1,
        "n": 2,
        "quality": "low",
    }
    response = http.post("/openai/v1/images/generations", json=body)
    assert response.headers["content-type"].startswith("text/event-stream")
    data = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    assert [event["type"].rpartition(".")[2] for event in data] == ["partial_image", "completed"] * 2
    assert sum(event["usage"]["total_tokens"] for event in data if "usage" in event) == 2 * 296 + 2
    assert not any("index" in name for event in data[1::2] for name in event)
