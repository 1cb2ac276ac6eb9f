"""Where what came is not what was asked for: noted, image by image and for the models that answered."""

from __future__ import annotations

import math
from functools import cache

import pytest
from support.images import picture

from imagegen_nb import ImageGenerationStep
from imagegen_nb.core import images
from imagegen_nb.core.types import ResponseMetadata
from imagegen_nb.runs import differences

STEP = ImageGenerationStep(prompt="a fox", image_size="1024x640", image_output_format="png")


@cache
def checked(form: str, size: tuple[int, int]) -> images.CheckedImage:
    return images.check(picture(form, size))


def noted(step: ImageGenerationStep, form: str = "PNG", size: tuple[int, int] = (1024, 640)) -> list[str]:
    return list(differences.in_image(step, 1, checked(form, size)))


def test_what_was_asked_for_is_no_difference():
    assert noted(STEP) == []


@pytest.mark.parametrize(
    ("changes", "form", "size", "says"),
    [
        ({}, "JPEG", (1024, 640), "image 2: asked for png, got jpeg"),
        ({}, "PNG", (64, 48), "image 2: asked for 1024x640, got 64x48"),
        (
            {"image_size": "1024x1024", "image_background": "transparent"},
            "PNG",
            (1024, 1024),
            "image 2: asked for a transparent background, got an opaque image",
        ),
    ],
)
def test_what_differs_is_said(changes, form, size, says):
    assert noted(STEP.replace(**changes), form, size) == [says]


def test_a_size_that_was_left_open_cannot_differ():
    assert noted(STEP.replace(image_size=None), size=(64, 48)) == []


RATIO = ImageGenerationStep(prompt="a fox", model="gemini-nano-banana-2.1")
DOCUMENTED = {
    "1:1": [(1024, 1024), (512, 512), (2048, 2048), (4096, 4096)],
    "2:3": [(832, 1248), (848, 1264), (424, 632), (1696, 2528)],
    "3:2": [(1248, 832), (1264, 848), (632, 424), (2528, 1696)],
    "3:4": [(864, 1184), (896, 1200), (448, 600), (1792, 2400)],
    "4:3": [(1184, 864), (1200, 896), (600, 448), (2400, 1792)],
    "4:5": [(896, 1152), (928, 1152), (464, 576), (1856, 2304)],
    "5:4": [(1152, 896), (1152, 928), (576, 464), (2304, 1856)],
    "9:16": [(768, 1344), (768, 1376), (384, 688), (1536, 2752)],
    "16:9": [(1344, 768), (1376, 768), (688, 384), (2752, 1536), (1408, 768)],
    "21:9": [(1536, 672), (1584, 672), (792, 336), (3168, 1344)],
    "1:4": [(512, 2048), (256, 1024)],
    "4:1": [(2048, 512), (1024, 256)],
    "1:8": [(384, 3072), (192, 1536)],
    "8:1": [(3072, 384), (1536, 192)],
}
"""Sizes that are documented or recorded for a ratio of Google's models; their edges are rounded."""
RATIOS = RATIO.entry.model.settings["image_size"].values


def shape(step: ImageGenerationStep, size: tuple[int, int]) -> str | None:
    """The shape that is reported; the same as is noted of the image."""
    came = differences.shape_that_came(step, [size])
    if size[0] * size[1] < 400_000:  # larger pictures take long to make
        assert bool(noted(step, size=size)) is (came is not None)
    return came


def test_every_ratio_of_the_catalogue_has_a_documented_size():
    assert set(DOCUMENTED) == set(RATIOS)


@pytest.mark.parametrize("asked", RATIOS)
def test_every_pair_of_ratios_is_told_apart(asked):
    step = RATIO.replace(image_size=asked)
    for came, sizes in DOCUMENTED.items():
        assert {shape(step, size) for size in sizes} == {None if came == asked else came}


def rounded(ratio: str, edge: int, tile: int) -> tuple[int, int]:
    across, down = map(int, ratio.split(":"))
    scale = edge / math.sqrt(across * down)
    return round(across * scale / tile) * tile, round(down * scale / tile) * tile


@pytest.mark.parametrize("tile", [8, 16, 32, 64])
@pytest.mark.parametrize("ratio", RATIOS)
def test_rounded_edges_are_no_other_shape(ratio, tile):
    step = RATIO.replace(image_size=ratio)
    for edge in range(768, 2049, 128):
        size = rounded(ratio, edge, tile)
        other = differences.shape_that_came(step, [size])
        # Only the two pairs that lie closest can be rounded into each other, by the largest tiles.
        assert other is None or (tile == 64 and {ratio, other} in ({"3:4", "4:5"}, {"4:3", "5:4"}))


@pytest.mark.parametrize(
    "size", [(1088, 1024), (1024, 960), (1000, 960), (1536, 1024), (1920, 1080), (640, 480)]
)
def test_what_no_rounding_makes_is_another_shape(size):
    assert shape(RATIO.replace(image_size="1:1"), size) is not None


@pytest.mark.parametrize("ratio", DOCUMENTED)
def test_the_documented_sizes_have_their_ratio(ratio):
    step = RATIO.replace(image_size=ratio)
    for size in DOCUMENTED[ratio][:2]:
        assert noted(step, size=size) == []
        assert differences.shape_that_came(step, [size] * 2) is None


@pytest.mark.parametrize(
    ("asked", "sizes", "says", "came"),
    [
        (None, [(1408, 768)], "image 2: 1:1 is the default, got 1408x768", "16:9"),
        ("1:1", [(1408, 768)], "image 2: asked for 1:1, got 1408x768", "16:9"),
        ("16:9", [(768, 1344)], "image 2: asked for 16:9, got 768x1344", "9:16"),
        ("3:4", [(896, 1152)], "image 2: asked for 3:4, got 896x1152", "4:5"),
        ("4:3", [(1152, 896)], "image 2: asked for 4:3, got 1152x896", "5:4"),
        ("4:3", [(100, 900)], "image 2: asked for 4:3, got 100x900", "100x900"),
        ("4:3", [(900, 900), (1376, 768)], "image 2: asked for 4:3, got 900x900", None),
        ("4:3", [(1376, 768), (1184, 864)], "image 2: asked for 4:3, got 1376x768", None),
    ],
)
def test_another_shape_is_said_and_reported(asked, sizes, says, came):
    step = RATIO.replace(image_size=asked)
    assert noted(step, size=sizes[0]) == [says]
    assert differences.shape_that_came(step, sizes) == came


def test_no_shape_is_reported_where_none_was_asked_for():
    assert differences.shape_that_came(STEP, [(64, 48)]) is None
    assert differences.shape_that_came(RATIO, []) is None


def test_other_models_that_answered_are_named_once():
    receipts = [
        ResponseMetadata(answered_by=name) for name in (STEP.model, None, "other-2", "other-1", "other-2")
    ]
    assert differences.in_models(STEP, receipts) == [
        "gpt-image-2 was answered by other-1",
        "gpt-image-2 was answered by other-2",
    ]
