from __future__ import annotations

from support.emulated import PATHS


def test_snake_case_and_a_reference_picture(http):
    blob = {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}
    body = {
        "contents": [{"role": "user", "parts": [{"text": "a fox"}, blob]}],
        "generation_config": {"response_modalities": ["IMAGE"], "image_config": {"aspect_ratio": "16:9"}},
    }
    response = http.post(PATHS["gemini"], json=body).json()
    assert response["usageMetadata"]["promptTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 2},
        {"modality": "IMAGE", "tokenCount": 258},
    ]
