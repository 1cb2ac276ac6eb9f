"""Row 9: a step's settings validated, a short prompt filled in."""

from __future__ import annotations

from typing import Any, Literal

from benchmarks.cases import Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.measure import timed

_HERE = "benchmarks.rows.validation"
_SETTINGS: dict[str, Any] = {
    "model": "gpt-image-2",
    "prompt": "A hero image for a blue bottle",
    "image_size": "1536x1024",
    "image_quality": "high",
}
_TEMPLATE = "A hero image for {{product}}, seen from {{place.name}}"
_VALUES: dict[str, Any] = {"product": "a blue bottle", "place": {"name": "above"}}
_CALLS = 1000


def cases(scale: Scale) -> list[Case]:
    """Two calls that forms and notebooks make all the time."""
    return [
        Case(
            row=9,
            name="validation",
            contenders=(
                Contender(name="ours", role="ours", function=f"{_HERE}:ours"),
                Contender(name="TypeAdapter", role="peer", function=f"{_HERE}:of_pydantic"),
                Contender(name="str.replace", role="floor", function=f"{_HERE}:of_text"),
            ),
            figures=(
                Figure(
                    what="validate a step's settings",
                    metric="validate_us",
                    unit="µs",
                    base="TypeAdapter",
                    aims=(Aim(8),),
                ),
                Figure(what="construct a step", metric="construct_us", unit="µs", base="TypeAdapter"),
                Figure(
                    what="render a short prompt",
                    metric="render_us",
                    unit="µs",
                    base="str.replace",
                    aims=(Aim(3),),
                ),
            ),
            repeats=scale.pick(10, _CALLS),
        )
    ]


def ours(setting: Setting) -> Metrics:
    """The step with all its rules; a template with all that can be wrong in it."""
    from imagegen_nb import ImageGenerationStep
    from imagegen_nb.core import variables

    return {
        "validate_us": timed(lambda: ImageGenerationStep.problems(_SETTINGS), setting.repeats),
        "construct_us": timed(lambda: ImageGenerationStep(**_SETTINGS), setting.repeats),
        "render_us": timed(lambda: variables.render(_TEMPLATE, _VALUES), setting.repeats),
    }


def of_pydantic(setting: Setting) -> Metrics:
    """A frozen model with the same fields, and no rules between them."""
    from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

    class Plain(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

        name: str | None = None
        model: Literal["gpt-image-2", "grok-imagine-image"] = "gpt-image-2"
        prompt: str = Field(min_length=1, max_length=32_000)
        image_size: str | None = Field(default=None, pattern=r"^\d+x\d+$")
        image_count: int = Field(default=1, ge=1, le=10)
        image_quality: Literal["auto", "low", "medium", "high"] | None = None
        image_background: Literal["auto", "opaque", "transparent"] | None = None
        image_moderation: Literal["auto", "low"] | None = None
        image_output_format: Literal["png", "jpeg", "webp"] | None = None
        image_output_compression: int | None = Field(default=None, ge=0, le=100)
        charge_type: Literal["hosted", "personal"] = "hosted"
        on_failure: Literal["terminate", "continue"] = "terminate"

    Plain.model_rebuild(_types_namespace={"Literal": Literal})
    adapter = TypeAdapter(Plain)
    return {
        "validate_us": timed(lambda: adapter.validate_python(_SETTINGS), setting.repeats),
        "construct_us": timed(lambda: Plain(**_SETTINGS), setting.repeats),
    }


def of_text(setting: Setting) -> Metrics:
    """Two replacements; nothing is missed that is not there."""

    def render() -> str:
        text = _TEMPLATE.replace("{{product}}", _VALUES["product"])
        return text.replace("{{place.name}}", _VALUES["place"]["name"])

    return {"render_us": timed(render, setting.repeats)}
