"""The settings in a step's output: what was used, under the platform's keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from imagegen_nb.core.types import ImageRequest, SettingValue
from imagegen_nb.step.step import ImageGenerationStep

OPEN = ConfigDict(frozen=True, extra="allow", strict=True, protected_namespaces=())
"""What the platform adds to a record is kept as it comes."""


class OutputSettings(BaseModel):
    """The model and the values used, under exactly the platform's keys for its provider.

    Keys beside `model` depend on the provider: OpenAI's image settings, Gemini's `image_size`,
    xAI's `provider` and `image_count`. They are attributes as well: `settings.image_size`.
    """

    model_config = OPEN

    model: str

    if TYPE_CHECKING:  # which keys there are depends on the provider: no checker can know

        def __getattr__(self, name: str) -> Any: ...


def used_settings(
    step: ImageGenerationStep, request: ImageRequest, echoed: Mapping[str, SettingValue]
) -> OutputSettings:
    """The output's settings for `step`: a value is there only if it is known to have been used.

    Known is what the provider `echoed`; else what was sent; else, where a setting that the provider reads was
    left unset, the default it declares. Anything else is null: a setting that was not read was not sent.
    """
    provider, model = step.entry.provider, step.entry.model
    values: dict[str, object] = {"provider": provider.name}
    for key, common in step.kinds().items():
        if common is not None or request.tracked_settings.was_read(key):
            values[key] = step.effective(key)
    values |= echoed
    values |= dict.fromkeys(model.idle(values))  # compression beside PNG, for example, has no effect
    return OutputSettings(model=step.model, **{key: values.get(key) for key in model.output_settings})
