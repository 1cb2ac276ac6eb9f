from __future__ import annotations

import pytest

CENTS = [
    ("grok-imagine-image", {}, 2),
    ("grok-imagine-image", {"resolution": "2k"}, 2),
    ("grok-imagine-image-quality", {}, 4),
    ("grok-imagine-image-quality", {"resolution": "2k"}, 6),
    ("grok-imagine-image-2.0", {"quality": "low"}, 4),
    ("grok-imagine-image-2.0", {"quality": "medium"}, 6),
    ("grok-imagine-image-2.0", {"quality": "medium", "resolution": "2k"}, 8),
]


@pytest.mark.parametrize(("model", "settings", "cents"), CENTS)
def test_money(post, model, settings, cents):
    response = post("xai", model=model, n=2, **settings).json()
    assert response["usage"] == {"cost_in_usd_ticks": 2 * cents * 100_000_000}
    assert response.get("model") == ("grok-imagine-image-2.0" if model.endswith("quality") else None)
    assert "created" not in response
