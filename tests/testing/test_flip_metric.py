"""What the measure tells apart: re-encoding, small shifts and light from another picture."""

from __future__ import annotations

import io
import random
import sys

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageOps
from support.images import illustration, needs_flip

from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.rendering.image import render
from imagegen_nb.errors import InvalidOption
from imagegen_nb.testing.flip_metric import difference, plain
from imagegen_nb.testing.image_assertions import TOLERANCE

SIZE = (512, 512)


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def emulated(prompt):
    return opened(render(Drawing("gpt-image-2", prompt, 512, 512, "png")))


def scene(prompt, take):
    """A made-up scene: `prompt` says what stands where, `take` moves and lights it a little differently."""
    what, how = random.Random(prompt), random.Random(prompt * 1000 + take)
    near = lambda value, by: value + how.uniform(-by, by)  # noqa: E731
    tint = lambda: tuple(round(min(255, max(0, near(what.uniform(20, 235), 15)))) for _ in "rgb")  # noqa: E731
    picture = Image.new("RGB", SIZE, tint())
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, near(what.uniform(0.5, 0.8), 0.03) * 512, 512, 512), fill=tint())
    for _ in range(2):
        x, y = (near(what.uniform(0.25, 0.75), 0.04) * 512 for _ in "xy")
        r = near(what.uniform(0.12, 0.25), 0.02) * 512
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tint())
    return picture


def recoded(picture, quality):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return opened(buffer.getvalue())


PICTURES = {
    "emulated": emulated("a red fox"),
    "illustration": opened(illustration(1, SIZE)),
    "scene": scene(1, 0),
}
each_picture = pytest.mark.parametrize("base", PICTURES.values(), ids=PICTURES)

ALIKE = {
    "recoded": lambda picture: recoded(picture, 20),
    "moved by 2 %": lambda picture: ImageChops.offset(picture, 10, 10),
    "cropped by 2 %": lambda picture: picture.crop((10, 10, 502, 502)).resize(SIZE),
    "lighter by 10 %": lambda picture: ImageEnhance.Brightness(picture).enhance(1.1),
    "half the size": lambda picture: picture.resize((256, 256)),
}
UNLIKE = {
    "upside down": ImageOps.flip,
    "negative": ImageOps.invert,
    "other colours": lambda picture: Image.merge("RGB", [picture.split()[index] for index in (2, 0, 1)]),
    "much darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.5),
    "blank": lambda picture: Image.new("RGB", picture.size, "white"),
}


@needs_flip
@each_picture
def test_the_same_picture_scores_nothing(base):
    assert difference(base, base.copy()).score == 0


@needs_flip
@each_picture
@pytest.mark.parametrize("change", ALIKE.values(), ids=ALIKE)
def test_what_looks_alike_is_within_the_default_tolerance(base, change):
    assert 0 < difference(base, change(base)).score < TOLERANCE


@needs_flip
@each_picture
@pytest.mark.parametrize("change", UNLIKE.values(), ids=UNLIKE)
def test_what_looks_different_is_not(base, change):
    assert difference(base, change(base)).score > TOLERANCE


@needs_flip
def test_another_take_of_a_scene_is_nearer_than_another_scene():
    bases = [scene(prompt, 0) for prompt in range(5)]
    near, far = [], []
    for prompt, base in enumerate(bases):
        takes = [difference(base, scene(prompt, take)).score for take in (1, 2, 3)]
        others = [difference(base, other).score for other in bases if other is not base]
        assert max(takes) < min(others)
        near += takes
        far += others
    assert min(far) > TOLERANCE
    assert sum(score < TOLERANCE for score in near) / len(near) > 0.8, (
        "some takes are farther off: that is chance"
    )


@needs_flip
def test_transparency_counts_although_the_colours_under_it_are_the_same():
    solid = Image.new("RGBA", SIZE, (0, 0, 0, 255))
    clear = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    assert difference(solid, clear).score > TOLERANCE
    assert difference(clear, clear.copy()).score == 0
    assert difference(plain(solid.convert("RGB")), solid).score == 0


@needs_flip
def test_the_map_shows_where():
    base = Image.new("RGB", SIZE, "white")
    changed = base.copy()
    changed.paste("black", (0, 0, 256, 256))
    shown = difference(base, changed).map.convert("L")
    assert shown.size == SIZE
    assert shown.getpixel((80, 80)) > shown.getpixel((430, 430))


@pytest.mark.parametrize(("mode", "expected"), [("L", "RGB"), ("LA", "RGBA"), ("P", "RGB"), ("CMYK", "RGB")])
def test_all_modes_become_one_of_two(mode, expected):
    assert plain(Image.new(mode, (4, 4))).mode == expected


@needs_flip
@pytest.mark.parametrize("size", [(1, 1), (3000, 8), (8, 3000)])
def test_any_size_can_be_measured(size):
    assert difference(Image.new("RGB", size, "white"), Image.new("RGB", size, "black")).score > TOLERANCE


@pytest.mark.parametrize(
    ("python", "says"),
    [
        ((3, 13, 0), r"pip install 'imagegen-nb\[testing\] @ git\+https://git\.example/a\.git'"),
        (
            (3, 14, 0),
            "flip-evaluator, which has no wheel for this Python.*: pip install numpy flip-evaluator",
        ),
    ],
)
def test_without_the_measure_it_is_named(python, says, monkeypatch):
    monkeypatch.setitem(sys.modules, "flip_evaluator", None)
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "git+https://git.example/a.git")
    monkeypatch.setattr(sys, "version_info", python)
    with pytest.raises(InvalidOption, match=says):
        difference(Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8)))
