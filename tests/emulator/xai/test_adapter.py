from __future__ import annotations

import openai
import pytest
from support.emulated import picture

from imagegen_nb.emulator import Fault

XAI = [
    (Fault("rate_limit"), openai.RateLimitError),
    (Fault("quota"), openai.PermissionDeniedError),
    (Fault("auth"), openai.BadRequestError),
    (Fault("moderation"), openai.BadRequestError),
    (Fault("server_error"), openai.InternalServerError),
    (Fault("not_found"), openai.NotFoundError),
    (Fault("drop"), openai.APIConnectionError),
]


@pytest.mark.parametrize(("fault", "expected"), XAI, ids=lambda value: getattr(value, "kind", ""))
def test_xai(emulator, grok, fault, expected):
    emulator.script("xai", fault)
    with pytest.raises(expected) as caught:
        grok.images.generate(model="grok-imagine-image-quality", prompt="a fox")
    assert emulator.count("xai") == 1
    if fault.kind == "moderation":
        assert caught.value.response.json()["usage"]["cost_in_usd_ticks"] == 400_000_000
        assert caught.value.code is None


def test_urls_are_the_default_and_served_here(emulator, http, grok):
    response = grok.images.generate(model="grok-imagine-image", prompt="a fox", n=2)
    assert response.created is None
    assert response.data[0].b64_json is None
    assert response.data[0].url.startswith(f"{emulator.url}/xai/images/")
    served = http.get(response.data[0].url)
    assert served.headers["content-type"] == "image/jpeg"
    assert picture(served.content).size == (1024, 1024)
    assert http.get("/xai/images/nothing.jpeg").status_code == 404
    assert emulator.count("xai") == 1


def test_through_the_openai_client(grok):
    response = grok.images.generate(
        model="grok-imagine-image-quality", prompt="a fox", response_format="b64_json",
        extra_body={"aspect_ratio": "16:9", "resolution": "1k"},
    )  # fmt: skip
    assert response.model_extra["model"] == "grok-imagine-image-2.0"
    assert response.data[0].model_extra["mime_type"] == "image/jpeg"
    assert response.usage.model_extra["cost_in_usd_ticks"] == 400_000_000
    assert response._request_id.startswith("req_emulated_")
