"""What images will take in a store: rough by size and format, unknown where the model chooses."""

from __future__ import annotations

from imagegen_nb.core.stored_size import stored_size, total
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.sweeps.sweep import Sweep


def test_a_range_by_pixels_and_format() -> None:
    png, webp = stored_size(2, 1_000_000, "png"), stored_size(2, 1_000_000, "webp")
    assert (png.low, png.high, png.reserved) == (100_000, 4_000_000, 8_000_000)
    assert str(png) == (
        "bytes to store 2 images: roughly 100.0 kB to 4.0 MB; "
        "a storage limit counts 8.0 MB until they are there"
    )
    assert (webp.high, webp.reserved) == (1_200_000, 4_000_000)
    assert stored_size(2, 1_000_000, "") == png


def test_unknown_stays_unknown_in_a_sum() -> None:
    known, left_open = stored_size(1, 1_000_000, "jpeg"), stored_size(1, None, "png")
    assert left_open.low is None
    assert str(left_open) == (
        "bytes to store 1 image: unknown (the model chooses the size in pixels); "
        "a storage limit counts 6.3 MB until they are there"
    )
    both = total([known, left_open])
    assert (both.count, both.low, both.reserved) == (2, None, known.reserved + left_open.reserved)
    assert total([known, known]).high == 2 * (known.high or 0)


def test_a_step_and_a_sweep_say_it() -> None:
    step = ImageGenerationStep(prompt="x", image_size="1024x1024", image_count=2, image_output_format="jpeg")
    assert step.stored_size == stored_size(2, 1024 * 1024, "jpeg")
    sizes = ["1024x1024", "1536x1024"]
    assert Sweep(step, over={"image_size": sizes}).stored_size.reserved == 2 * 2 * (1024 + 1536) * 1024
