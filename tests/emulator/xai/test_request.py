from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(("change", "status", "text"), REFUSED)
def test_refusals_in_its_own_shape(post, change, status, text):
    response = post("xai", **change)
    assert response.status_code == status
    assert set(response.json()) == {"code", "error"}
    assert text in response.json()["error"]


def test_keys(http):
    body = {"model": "grok-imagine-image", "prompt": "a fox"}
    path = "/xai/v1/images/generations"
    assert http.post(path, json=body, headers={"authorization": ""}).status_code == 401
    wrong = http.post(path, json=body, headers={"authorization": "Bearer xai-invalid-key"})
    assert wrong.status_code == 400
    assert "xai-invalid-key" not in wrong.text
    assert wrong.json()["error"].startswith("Incorrect API key provided: xa***ey")
