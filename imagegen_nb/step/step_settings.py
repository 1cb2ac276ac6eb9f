"""The types of a step's keywords, with values that editors complete.

Written by `./dev generate` from the models' declarations. A value that is not among them is no error of
types: sizes may be of any pixels, and models are declared by users, with values of their own. Every value is
checked when it runs.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypedDict

from imagegen_nb.core.types import ChargeType, OnFailure
from imagegen_nb.providers.capabilities import Model


class AnyText(Protocol):
    """Any `str`. Beside `str` itself, some checkers forget a `Literal`, and their editors its values."""

    def isidentifier(self) -> bool:
        """What only a text answers."""


class StepSettings(TypedDict, total=False):
    """The settings beside the prompt, by platform key; None leaves one to the provider."""

    name: str | None
    model: (
        Literal[
            "gpt-image-2",
            "grok-imagine-image-quality",
            "grok-imagine-image",
            "gemini-2.5-flash-image",
            "gpt-image-2.5-flare",
            "gpt-image-2.5-sunburst",
            "gpt-image-2.6-flare",
            "gpt-image-2.6-sunburst",
            "grok-imagine-image-2.0",
            "gemini-3.1-flash-image",
            "gemini-nano-banana-2.1",
            "gemini-3.1-flash-lite-image",
            "gemini-3-pro-image",
        ]
        | AnyText
        | Model
    )
    image_size: (
        Literal[
            "auto",
            "1024x1024",
            "1536x1024",
            "1024x1536",
            "1:1",
            "2:3",
            "3:2",
            "3:4",
            "4:3",
            "4:5",
            "5:4",
            "9:16",
            "16:9",
            "21:9",
            "1:4",
            "4:1",
            "1:8",
            "8:1",
        ]
        | AnyText
        | None
    )
    image_count: int
    image_quality: Literal["auto", "low", "medium", "high", "xhigh", "max"] | AnyText | None
    image_background: Literal["auto", "opaque", "transparent"] | AnyText | None
    image_moderation: Literal["auto", "low"] | AnyText | None
    image_output_format: Literal["png", "jpeg", "webp"] | AnyText | None
    image_output_compression: int | None
    charge_type: ChargeType
    on_failure: OnFailure


class StepChanges(StepSettings, total=False):
    """All settings, as `replace` takes them."""

    prompt: str
