from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("change", UNDESERIALIZABLE)
def test_what_does_not_fit_the_schema_is_422_and_text(post, change):
    response = post("xai", **change)
    assert response.status_code == 422
    assert response.headers["content-type"].startswith("text/plain")
