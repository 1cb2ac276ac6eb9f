from __future__ import annotations

import json

import openai
import pytest
from support.emulated import KEY, picture

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
    response = post("openai", **change)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert set(error) == {"message", "type", "param", "code"}


DEEP = b'{"a":' * 400 + b"1" + b"}" * 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"n": NaN}', b"[" * 100_000, DEEP, b"\xff"])
def test_not_an_object(http, body):
    response = http.post("/openai/v1/images/generations", content=body)
    assert response.status_code == 400
    assert "parse" in response.json()["error"]["message"]


@pytest.mark.parametrize("size", ["816x816", "3840x2160", "1536x512", "1024x640", "2880x2880"])
def test_legal_sizes(oai, size):
    response = oai.images.generate(model="gpt-image-2", prompt="a fox", size=size, quality="low")
    assert "x".join(map(str, picture(response.data[0].b64_json).size)) == size == response.size


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


def test_azures_deployments_take_azures_key(emulator):
    """As the SDK's own client for Azure asks."""
    options = {"azure_endpoint": f"{emulator.url}/openai", "api_version": "2025-04-01-preview"}
    with openai.AzureOpenAI(**options, api_key=KEY, max_retries=0) as client:
        assert client.images.generate(model="gpt-image-2", prompt="a fox").data[0].b64_json
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="an-invalid-key").images.generate(model="gpt-image-2", prompt="a fox")
    bearer = openai.AzureOpenAI(**options, azure_ad_token=KEY, max_retries=0)
    with bearer, pytest.raises(openai.AuthenticationError):  # as a bearer token a key is none
        bearer.images.generate(model="gpt-image-2", prompt="a fox")
    path = "/openai/openai/deployments/gpt-image-2/images/generations"
    assert {request.path for request in emulator.requests} == {path}
    assert KEY not in str([request.to_json() for request in emulator.requests])


def test_unknown_model(oai):
    with pytest.raises(openai.NotFoundError) as caught:
        oai.images.generate(model="dall-e-3", prompt="a fox")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("prompt", ["\u05e9\u05dc\u05d5\u05dd \U0001f98a\n\x00", "x" * 32_000, "\ud800"])
def test_wild_prompts_over_the_wire(http, prompt):
    body = json.dumps({"model": "gpt-image-2", "prompt": prompt})
    response = http.post("/openai/v1/images/generations", content=body)
    assert response.status_code == 200
    assert http.get("/_emulator/requests").json()[-1]["body"]["prompt"] == prompt
