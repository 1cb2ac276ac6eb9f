from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageChops
from support.emulated import picture

from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.rendering.image import render
from imagegen_nb.emulator.rendering.text import LONGEST_SHOWN, fit, printable

FOX = Drawing("gpt-image-2", "a fox", 1024, 1024, "png", "high")


def test_png_size_mode_and_weight():
    content = render(FOX)
    image = picture(content)
    assert (image.format, image.size, image.mode) == ("PNG", (1024, 1024), "RGB")
    assert len(content) < 400_000


@pytest.mark.parametrize("form", ["png", "webp"])
def test_transparent(form):
    image = picture(render(Drawing("m", "a fox", 1024, 1024, form, transparent=True)))
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema() == (0, 255)


def test_compression_is_quality():
    sizes = [len(render(Drawing("m", "a fox", 1024, 1024, "jpeg", compression=q))) for q in (0, 30, 90)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[1] < sizes[2]
    webp = [len(render(Drawing("m", "a fox", 1024, 1024, "webp", compression=q))) for q in (0, 100)]
    assert webp[0] < webp[1]


@pytest.mark.parametrize(
    "size", [(816, 816), (1536, 1024), (1024, 1536), (3840, 2160), (1536, 512), (192, 1536), (1536, 192)]
)
def test_any_size(size):
    assert picture(render(Drawing("m", "a fox in the snow", *size, "png"))).size == size


def test_every_setting_changes_the_bytes():
    variants = [
        FOX,
        Drawing("gpt-image-2", "a fox.", 1024, 1024, "png", "high"),
        Drawing("gpt-image-2.5-flare", "a fox", 1024, 1024, "png", "high"),
        Drawing("gpt-image-2", "a fox", 1040, 1024, "png", "high"),
        Drawing("gpt-image-2", "a fox", 1024, 1024, "png", "low"),
        Drawing("gpt-image-2", "a fox", 1024, 1024, "png", "high", 1, 2),
        Drawing("gpt-image-2", "a fox", 1024, 1024, "png", "high", 0, 2),
        FOX.partial(0),
        FOX.partial(1),
        FOX.in_format("webp"),
    ]
    assert len({render(one) for one in variants}) == len(variants)


def test_indexes_differ_visibly():
    first, second = (
        picture(render(Drawing("m", "a fox", 1024, 1024, "png", index=i, count=2))) for i in (0, 1)
    )
    difference = ImageChops.difference(first, second).convert("L").resize((1, 1), Image.Resampling.BOX)
    assert difference.getpixel((0, 0)) > 4


def test_the_same_bytes_in_other_processes():
    code = (
        "import hashlib; from imagegen_nb.emulator.rendering.drawing import Drawing;"
        "from imagegen_nb.emulator.rendering.image import render;"
        "d = Drawing('m', 'a f\\u00f6x \\U0001f98a', 1024, 1024, 'png', 'low', 1, 3);"
        "print(hashlib.sha256(render(d)).hexdigest())"
    )
    seen = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in "ab"
    }
    assert len(seen) == 1


def test_many_threads_draw_the_same():
    render.cache_clear()
    jobs = [Drawing("m", f"fox {i % 4}", 816, 816, "png") for i in range(16)]
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(render.__wrapped__, jobs))
    assert len(set(contents)) == 4
    assert contents[:4] == [render(job) for job in jobs[:4]]


WILD = [
    "\U0001f98a\U0001f9d1\u200d\U0001f680 \U0001f1eb\U0001f1f7",
    "line\none\r\n\ttwo\u2028three",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202eabc",
    "".join(map(chr, range(32))) + "\x7f\x85",
    "\ud800 \udfff lone",
    "z" + "\u0301" * 500,
    "\uffff\ufffe\U0010ffff",
    "W" * 32_000,
    "word " * 6_400,
    "\U0001f98a" * 32_000,
    " ",
    "\n",
    "\x00",
    "\ufdfa" * 500,  # one character that decomposes into eighteen
]


@pytest.mark.parametrize("prompt", WILD, ids=range(len(WILD)))
@pytest.mark.parametrize("size", [(1024, 1024), (256, 256)])
def test_wild_prompts(prompt, size):
    assert picture(render(Drawing("m", prompt, *size, "png"))).size == size


def test_printable():
    assert printable("caf\u00e9 \u201cd\u00e9j\u00e0\u201d\n\x00vu") == 'cafe "deja" vu'
    assert printable("\u65e5\u672c\u8a9e fox") == "\u25a1 fox"
    long = printable("word " * 10_000)
    assert long.endswith("\u2026")
    assert len(long) <= LONGEST_SHOWN + 1


def test_fit_shrinks_then_cuts():
    short, long = fit("a fox", 900, 300, 1024), fit("a fox " * 120, 900, 300, 1024)
    assert short.size > long.size
    assert long.lines[-1].endswith("\u2026")
    assert len(long.lines) * long.size * 1.28 <= 300
