from __future__ import annotations

import base64
import binascii

import pytest
from support.emulated import EACH_PROVIDER, picture, pictures

from imagegen_nb.emulator import Fault, provider_names


@EACH_PROVIDER
def test_spoiled_pictures(emulator, post, provider):
    emulator.script(
        provider,
        Fault("wrong_bytes"),
        Fault("wrong_bytes", variant="random"),
        Fault("truncated_image"),
        Fault("bad_base64"),
    )
    page, noise, half, bad = (pictures(provider, post(provider).json())[0] for _ in range(4))
    assert base64.b64decode(page, validate=True).startswith(b"<!doctype html>")
    for text in (noise, half):
        assert base64.b64decode(text, validate=True)
        with pytest.raises(OSError):
            picture(text)
    with pytest.raises(binascii.Error):
        base64.b64decode(bad, validate=True)


def test_wrong_type(emulator, post):
    for provider in provider_names():
        emulator.script(provider, Fault("wrong_type"))
    response = post("openai", background="transparent").json()
    assert (response["output_format"], picture(response["data"][0]["b64_json"]).format) == ("png", "JPEG")
    (item,) = post("xai").json()["data"]
    assert (item["mime_type"], picture(item["b64_json"]).format) == ("image/jpeg", "PNG")
    blob = post("gemini").json()["candidates"][0]["content"]["parts"][0]["inlineData"]
    assert (blob["mimeType"], picture(blob["data"]).format) == ("image/png", "JPEG")


def test_spoiled_pictures_by_url(emulator, post, http):
    emulator.script("xai", Fault("wrong_bytes"))
    url = post("xai", response_format="url").json()["data"][0]["url"]
    assert http.get(url).content.startswith(b"<!doctype html>")
