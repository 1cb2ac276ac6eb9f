"""Never run, only type-checked, by two checkers: they know every field of a step and flag what is wrong.

Each `type: ignore` below is an error that mypy must report; one that is not needed is an error too.
"""

from __future__ import annotations

from typing import assert_type

import imagegen_nb as ig
from imagegen_nb.core.events import RunEvent
from imagegen_nb.core.types import ChargeType, OnFailure
from imagegen_nb.step.output import Asset, StepOutput
from imagegen_nb.step.step_settings import StepSettings


def every_field_is_known() -> ig.ImageGenerationStep:
    """All settings, each with its type."""
    return ig.ImageGenerationStep(
        name="Hero",
        model="gpt-image-2",
        prompt="A hero image for {{product}}",
        image_size="1536x1024",
        image_count=2,
        image_quality="high",
        image_background="opaque",
        image_moderation="auto",
        image_output_format="webp",
        image_output_compression=80,
        charge_type="personal",
        on_failure="continue",
    )


def every_field_has_its_type(step: ig.ImageGenerationStep) -> None:
    """What reading a setting gives."""
    assert_type(step.name, str | None)
    assert_type(step.model, str)
    assert_type(step.prompt, str)
    assert_type(step.image_size, str | None)
    assert_type(step.image_count, int)
    assert_type(step.image_quality, str | None)
    assert_type(step.image_background, str | None)
    assert_type(step.image_moderation, str | None)
    assert_type(step.image_output_format, str | None)
    assert_type(step.image_output_compression, int | None)
    assert_type(step.charge_type, ChargeType)
    assert_type(step.on_failure, OnFailure)
    assert_type(step.variables, tuple[str, ...])
    assert_type(step.replace(image_count=3), ig.ImageGenerationStep)


def the_prompt_may_go_first() -> None:
    """Without its name, before the settings."""
    assert_type(ig.ImageGenerationStep("a lamp", image_quality="high"), ig.ImageGenerationStep)
    ig.StepForm("a lamp")


def values_are_completed(settings: StepSettings) -> None:
    """An editor reads them off the types; a value of a declared model, or any size, is none the worse."""
    settings["model"] = "gpt-image-2"
    settings["image_size"] = "1600x1024"
    settings["image_quality"] = str(5)
    settings["image_quality"] = 5  # type: ignore[typeddict-item]
    assert_type(settings["charge_type"], ChargeType)
    settings["charge_type"] = "free"  # type: ignore[typeddict-item]


def a_run_has_its_types(step: ig.ImageGenerationStep, workspace: ig.Workspace) -> None:
    """From the step to the bytes of an image."""
    run = step.run({"product": "a bottle"}, workspace=workspace)
    assert_type(run, ig.Run)
    assert_type(run.output, StepOutput)
    assert_type(run.output.assets, tuple[Asset, ...])
    assert_type(run.output.assets[0].bytes(), bytes)
    assert_type(ig.load_step("hero.step.json").step, ig.ImageGenerationStep)
    assert_type(ig.simulate(step, "partial"), ig.Run)
    assert_type(workspace.submit(step).wait(), ig.Run)


def a_run_takes_its_options(step: ig.ImageGenerationStep, workspace: ig.Workspace) -> None:
    """Each keyword with its type; an event's run is the workspace's kind of run."""

    def show(event: RunEvent[ig.Run]) -> None:
        assert_type(event.run, ig.Run | None)

    step.run(workspace=workspace, on_event=show, partial_images=1, identifier="step_1")
    step.run(workspace=workspace, on_event=lambda event: event.run and event.run.warnings)
    workspace.submit(step, {"product": "a bottle"}, on_event=show, partial_images=1, identifier="step_1")


async def an_awaited_run_has_its_type(step: ig.ImageGenerationStep, workspace: ig.Workspace) -> None:
    """The same, awaited."""
    assert_type(await step.arun(workspace=workspace), ig.Run)


def mistakes_are_flagged(step: ig.ImageGenerationStep) -> None:
    """What a checker refuses before anything runs."""
    ig.ImageGenerationStep()  # type: ignore[call-overload]
    ig.ImageGenerationStep(prompt="x", image_sise="1024x1024")  # type: ignore[call-overload]
    ig.ImageGenerationStep("x", prompt="y")  # type: ignore[call-overload]
    step.replace(image_sise="1024x1024")  # type: ignore[call-arg]
    ig.ImageGenerationStep(prompt=5)  # type: ignore[call-overload]
    ig.ImageGenerationStep(prompt="x", image_count="3")  # type: ignore[call-overload]
    ig.ImageGenerationStep(prompt="x", image_quality=3)  # type: ignore[call-overload]
    ig.ImageGenerationStep(prompt="x", image_size=["auto"])  # type: ignore[call-overload]
    ig.ImageGenerationStep(prompt="x", image_output_compression=0.5)  # type: ignore[call-overload]
    ig.ImageGenerationStep(prompt="x", charge_type="free")  # type: ignore[call-overload]
    ig.ImageGenerationStep(prompt="x", on_failure="stop")  # type: ignore[call-overload]
    step.run({"product": "a bottle"})  # type: ignore[call-arg]
    step.run(workspace="assets")  # type: ignore[arg-type]


def mistakes_in_options_are_flagged(step: ig.ImageGenerationStep, workspace: ig.Workspace) -> None:
    """The same for the keywords of a run."""
    step.run(workspace=workspace, partial_image=1)  # type: ignore[call-arg]
    step.run(workspace=workspace, partial_images="1")  # type: ignore[arg-type]
    step.run(workspace=workspace, identifier=1)  # type: ignore[arg-type]
    step.run(workspace=workspace, on_event=takes_text)  # type: ignore[arg-type]
    workspace.submit(step, identifer="step_1")  # type: ignore[call-arg]


def takes_text(text: str) -> None:
    """No callback for events."""
