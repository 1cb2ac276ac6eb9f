from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.emulated import picture

from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.rendering.image import render

FOX = Drawing("gpt-image-2", "a fox", 1024, 1024, "png", "high")


def test_png_size_mode_and_weight():
    content = render(FOX)
    image = picture(content)
    assert (image.format, image.size, image.mode) == ("PNG", (1024, 1024), "RGB")
    assert len(content) < 400_000


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


@pytest.mark.notebooks
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
