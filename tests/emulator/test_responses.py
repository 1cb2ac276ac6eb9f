from __future__ import annotations

import base64

from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.responses import (
    CREATED_AT,
    EmulatedResponse,
    EncodedImage,
    HostedImages,
    json_response,
)


def test_json_is_compact_ascii():
    response = json_response({"prompt": "\u05e9 \ud800", "at": CREATED_AT}, 201)
    assert response.content == b'{"prompt":"\\u05e9 \\ud800","at":1767225600}'
    assert (response.status, response.media_type, response.headers) == (201, "application/json", {})


def test_headers_are_added_to_a_copy():
    response = EmulatedResponse((b"a", b"b"), headers={"one": "1"})
    assert response.with_headers({"two": "2"}).headers == {"one": "1", "two": "2"}
    assert response.headers == {"one": "1"}
    assert response.content == b"ab"


def test_an_image_carries_its_base64():
    image = EncodedImage.encode(b"content", Drawing("m", "a fox", 64, 64, "png"))
    assert base64.b64decode(image.base64) == image.content == b"content"


def test_the_oldest_hosted_images_expire():
    images = HostedImages()
    names = [images.add(b"%d" % number) for number in range(1000)]
    assert images.add(b"0") == names[0]  # the same bytes: the same name, and counted as new
    images.add(b"one more")
    assert images.get(names[0]) == b"0"
    assert images.get(names[1]) is None
    assert images.get(names[2]) == b"2"


def test_hosted_images_can_expire_at_once():
    images = HostedImages()
    name = images.add(b"content")
    images.expire()
    assert images.get(name) is None
