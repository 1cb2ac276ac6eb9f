from __future__ import annotations

import asyncio
import json

import openai
import pytest
from support.emulated import KEY, picture

from imagegen_nb.emulator.tokens import GPT_IMAGE_2, GPT_IMAGE_2_5, gpt_image_tokens

OUTSIDE = [
    ({"surprise": 1}, "unknown_parameter", "surprise"),
    ({"response_format": "b64_json"}, "unknown_parameter", "response_format"),
    ({"style": "vivid"}, "unknown_parameter", "style"),
    ({"complexity": "low"}, "unknown_parameter", "complexity"),
    ({"n": 0}, "integer_below_min_value", "n"),
    ({"n": 11}, "integer_above_max_value", "n"),
    ({"n": True}, "invalid_type", "n"),
    ({"n": 1.0}, "invalid_type", "n"),
    ({"n": "2"}, "invalid_type", "n"),
    ({"quality": "xhigh"}, "invalid_value", "quality"),
    ({"quality": "hd"}, "invalid_value", "quality"),
    ({"background": "red"}, "invalid_value", "background"),
    ({"moderation": "off"}, "invalid_value", "moderation"),
    ({"output_format": "gif"}, "invalid_value", "output_format"),
    ({"background": "transparent", "output_format": "jpeg"}, "invalid_value", "background"),
    ({"output_compression": 50}, "invalid_value", "output_compression"),
    ({"output_compression": 101, "output_format": "webp"}, "integer_above_max_value", "output_compression"),
    ({"partial_images": 1}, "invalid_value", "partial_images"),
    ({"partial_images": 4, "stream": True}, "integer_above_max_value", "partial_images"),
    ({"stream": "yes"}, "invalid_type", "stream"),
    ({"prompt": ""}, "empty_string", "prompt"),
    ({"prompt": "x" * 32_001}, "string_above_max_length", "prompt"),
    ({"prompt": 5}, "invalid_type", "prompt"),
    ({"prompt": None}, "missing_required_parameter", "prompt"),
    ({"model": None}, "missing_required_parameter", "model"),
    *(
        ({"size": size}, "invalid_value", "size")
        for size in (
            "512x512", "1000x1000", "3856x1024", "3840x1024", "1024", "1024X1024", "0x0", "-16x1024",
            "01024x1024", "3840x2176", "800x816", " 1024x1024", "1024x1024x1", "\u0661024x1024",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "param"), OUTSIDE)
def test_strict(post, change, code, param):
    answer = post("openai", **change)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"n": NaN}', b"[" * 100_000, b"\xff"])
def test_not_an_object(http, body):
    answer = http.post("/openai/v1/images/generations", content=body)
    assert answer.status_code == 400
    assert "parse" in answer.json()["error"]["message"]


@pytest.mark.parametrize("size", ["816x816", "3840x2160", "1536x512", "1024x640", "2880x2880"])
def test_legal_sizes(oai, size):
    answer = oai.images.generate(model="gpt-image-2", prompt="a fox", size=size, quality="low")
    assert "x".join(map(str, picture(answer.data[0].b64_json).size)) == size == answer.size


def test_success_has_every_field(oai):
    raw = oai.images.with_raw_response.generate(model="gpt-image-2", prompt="a fox", n=2)
    answer = raw.parse()
    output = 2 * gpt_image_tokens(GPT_IMAGE_2, "high", 1024, 1024)
    assert (answer.background, answer.output_format, answer.quality, answer.size) == (
        "opaque", "png", "high", "1024x1024",
    )  # fmt: skip
    assert isinstance(answer.created, int)
    assert answer.usage.output_tokens == output == answer.usage.output_tokens_details.image_tokens
    assert answer.usage.input_tokens == answer.usage.input_tokens_details.text_tokens == 2
    assert answer.usage.total_tokens == output + 2
    assert [picture(item.b64_json).format for item in answer.data] == ["PNG", "PNG"]
    assert answer.data[0].b64_json != answer.data[1].b64_json
    assert raw.headers["x-request-id"].startswith("req_emulated_")
    assert answer._request_id == raw.headers["x-request-id"]
    for name in ("openai-processing-ms", "x-ratelimit-limit-requests", "x-ratelimit-reset-tokens"):
        assert raw.headers[name]
    assert raw.headers["x-imagegen-emulator"] == "1"
    assert set(json.loads(raw.content)) == {
        "created", "background", "data", "output_format", "quality", "size", "usage",
    }  # fmt: skip


@pytest.mark.parametrize("quality", ["xhigh", "max"])
@pytest.mark.parametrize("model", ["gpt-image-2.5-flare", "gpt-image-2.5-sunburst"])
def test_2_5_has_more_qualities(oai, model, quality):
    answer = oai.images.generate(model=model, prompt="a fox", quality=quality)
    assert answer.usage.output_tokens == gpt_image_tokens(GPT_IMAGE_2_5, quality, 1024, 1024)


@pytest.mark.parametrize(("form", "name"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_formats(oai, form, name):
    answer = oai.images.generate(model="gpt-image-2", prompt="a fox", output_format=form)
    assert picture(answer.data[0].b64_json).format == name
    assert answer.output_format == form


def test_transparency_and_compression(oai):
    answer = oai.images.generate(
        model="gpt-image-2", prompt="a fox", output_format="webp", output_compression=40,
        background="transparent", moderation="low", user="u", extra_body={"safety_identifier": "s"},
    )  # fmt: skip
    assert picture(answer.data[0].b64_json).mode == "RGBA"
    assert answer.background == "transparent"


def test_keys(emulator, http):
    body = {"model": "gpt-image-2", "prompt": "a fox"}
    missing = http.post("/openai/v1/images/generations", json=body, headers={"authorization": ""})
    assert (missing.status_code, missing.json()["error"]["code"]) == (401, None)
    key = "sk-an-invalid-key-9876"
    client = openai.OpenAI(base_url=f"{emulator.url}/openai/v1", api_key=key, max_retries=0)
    with client, pytest.raises(openai.AuthenticationError) as caught:
        client.images.generate(model="gpt-image-2", prompt="a fox")
    assert caught.value.code == "invalid_api_key"
    assert key not in str(caught.value)


def test_unknown_model(oai):
    with pytest.raises(openai.NotFoundError) as caught:
        oai.images.generate(model="dall-e-3", prompt="a fox")
    assert caught.value.code == "model_not_found"


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
    answer = http.post("/openai/v1/images/generations", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    data = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [event["type"].rpartition(".")[2] for event in data] == ["partial_image", "completed"] * 2
    assert sum(event["usage"]["total_tokens"] for event in data if "usage" in event) == 2 * 296 + 2
    assert not any("index" in name for event in data[1::2] for name in event)


async def test_the_async_client_and_twenty_at_once(emulator):
    async with openai.AsyncOpenAI(base_url=f"{emulator.url}/openai/v1", api_key=KEY, max_retries=0) as client:
        answers = await asyncio.gather(
            *(
                client.images.generate(model="gpt-image-2", prompt=f"fox {i % 5}", size="816x816")
                for i in range(20)
            )
        )
        assert len({answer.data[0].b64_json for answer in answers}) == 5
        events = [event async for event in await client.images.generate(
            model="gpt-image-2", prompt="a fox", stream=True, partial_images=1)]  # fmt: skip
    assert len(events) == 2
    assert emulator.count("openai") == 21 == len({request.at for request in emulator.requests})


@pytest.mark.parametrize("prompt", ["\u05e9\u05dc\u05d5\u05dd \U0001f98a\n\x00", "x" * 32_000, "\ud800"])
def test_wild_prompts_over_the_wire(http, prompt):
    body = json.dumps({"model": "gpt-image-2", "prompt": prompt})
    answer = http.post("/openai/v1/images/generations", content=body)
    assert answer.status_code == 200
    assert http.get("/_emulator/requests").json()[-1]["body"]["prompt"] == prompt
