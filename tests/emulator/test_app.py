from __future__ import annotations

import httpx2
import pytest
from support.emulated import PATHS, good

from imagegen_nb.emulator import create_app


@pytest.mark.parametrize(
    ("path", "key"), [("/openai/v1/models", "error"), ("/xai/v1/models", "code"), ("/gemini/v1/x", "error")]
)
def test_everything_else_is_404_in_the_providers_shape(http, emulator, path, key):
    for response in (http.get(path), http.post(path, json={})):
        assert response.status_code == 404
        assert key in response.json()
        assert response.headers["x-imagegen-emulator"] == "1"
    assert emulator.count() == 0


def test_get_on_a_generation_path_and_the_root(http):
    assert http.get(PATHS["openai"]).status_code == 404
    assert http.get("/").json()["error"].startswith("Invalid URL")
    assert (
        http.post(PATHS["gemini"].replace("generateContent", "predict"), json=good("gemini")).status_code
        == 404
    )


async def test_the_bare_application():
    transport = httpx2.ASGITransport(app=create_app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        response = await client.post(
            PATHS["openai"], json=good("openai"), headers={"authorization": "Bearer k"}
        )
    assert response.status_code == 200
