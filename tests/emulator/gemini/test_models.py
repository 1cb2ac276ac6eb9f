from __future__ import annotations

import pytest
from google.genai import types
from support.emulated import PATHS, generation_config, good, picture

from imagegen_nb.emulator.gemini.models import MODELS

DRAW = types.GenerateContentConfig(response_modalities=["IMAGE"])


FLASH = "gemini-2.5-flash-image"


@pytest.mark.parametrize("ratio", MODELS[FLASH].pixels)
def test_every_ratio(google, ratio):
    image_config = types.ImageConfig(aspect_ratio=ratio)
    response = google.models.generate_content(
        model=FLASH, contents="a fox", config=DRAW.model_copy(update={"image_config": image_config})
    )
    blob = response.candidates[0].content.parts[0].inline_data
    image = picture(blob.data)
    assert (blob.mime_type, image.format, image.size) == ("image/png", "PNG", MODELS[FLASH].pixels[ratio])
    assert response.usage_metadata.candidates_token_count == 1290
    assert response.usage_metadata.total_token_count == 1292
    assert response.candidates[0].finish_reason == types.FinishReason.STOP
    assert response.model_version == FLASH
    assert response.response_id


@pytest.mark.parametrize(
    ("size", "tokens", "edge"), [("512", 747, 512), ("1K", 1120, 1024), ("2K", 1680, 2048)]
)
def test_3_1_sizes(post, http, size, tokens, edge):
    path = PATHS["gemini"].replace(FLASH, "gemini-3.1-flash-image")
    body = {**good("gemini"), "generationConfig": generation_config(imageSize=size)}
    response = http.post(path, json=body).json()
    assert response["usageMetadata"]["candidatesTokenCount"] == tokens
    (part,) = response["candidates"][0]["content"]["parts"]
    assert picture(part["inlineData"]["data"]).size == (edge, edge)
