"""Notes for a run's warnings where what came differs from what was asked for; images are kept as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imagegen_nb.core.images import CheckedImage
from imagegen_nb.core.types import ImageRequest, ResponseMetadata
from imagegen_nb.step.step import ImageGenerationStep


def in_image(step: ImageGenerationStep, index: int, image: CheckedImage) -> Iterator[str]:
    """The differences between what `step` asks for and its image number `index`, for people."""
    name = f"image {index + 1}"
    if image.note and not step.entry.model.stored_as:
        yield f"{name}: {image.note}"
    if image.lost:
        kept_as = image.media_type.removeprefix("image/")
        yield f"{name}: stored as {kept_as}, which did not keep {', '.join(image.lost)}"
    asked = step.effective("image_output_format")
    if asked and image.media_type != f"image/{asked}":
        yield f"{name}: asked for {asked}, got {image.media_type.removeprefix('image/')}"
    size = step.image_size or ""
    if "x" in size and size != f"{image.width}x{image.height}":
        yield f"{name}: asked for {size}, got {image.width}x{image.height}"
    if step.image_background == "transparent" and not image.has_alpha:
        yield f"{name}: asked for a transparent background, got an opaque image"


def in_models(step: ImageGenerationStep, receipts: Iterable[ResponseMetadata]) -> list[str]:
    """The models other than the one asked for that have answered, for people."""
    others = {receipt.answered_by for receipt in receipts} - {step.model, None}
    return [f"{step.model} was answered by {other}" for other in sorted(filter(None, others))]


def in_settings(request: ImageRequest, provider: str) -> list[str]:
    """The settings that were set and that the provider's code never read, for people."""
    unread = request.tracked_settings.unread
    return [f"{key} = {value!r} was not sent: {provider} does not read it" for key, value in unread.items()]
