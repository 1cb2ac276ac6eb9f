"""The paths later steps can refer to: predicted before a run, confirmed or missing after it."""

from __future__ import annotations

import json

import pytest
from support.images import picture

from imagegen_nb import ImageGenerationStep, paths
from imagegen_nb.core import variable_paths, variables
from imagegen_nb.core.types import GeneratedImage
from imagegen_nb.emulator import Fault
from imagegen_nb.providers import catalog
from imagegen_nb.providers.base import Provider
from imagegen_nb.providers.capabilities import Choice, Integer, Model, Text
from imagegen_nb.step.output_references import predicted_output, type_of

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")
STEP = ImageGenerationStep(prompt="a fox", image_count=2)
MODELS = [entry.model.name for entry in catalog.models()]


def states(step, run=None, **options):
    return {path.path: path.state for path in paths(step, run, **options)}


def test_before_a_run_they_are_predicted():
    found = states(STEP)
    assert set(found.values()) == {"predicted"}
    assert list(found)[:3] == ["step_1.output", "step_1.output.settings", "step_1.output.settings.model"]
    assert "step_1.output.settings.image_size" in found
    assert "step_1.output.assets.1.file_url" in found
    assert "step_1.output.assets.2" not in found
    assert not any("error" in path for path in found)


@pytest.mark.parametrize("model", MODELS)
def test_a_whole_run_confirms_exactly_what_was_predicted(workspace, model):
    step = STEP.replace(model=model)
    run = step.run(workspace=workspace)
    before, after = paths(step), paths(step, run)
    assert {path.path for path in after} == {path.path for path in before}
    assert {path.state for path in after} == {"confirmed"}
    types = {path.path: path.type for path in before}
    for path in after:
        assert path.type == types[path.path]
        assert path.value is not None


def test_a_setting_that_does_not_apply_is_not_offered(workspace):
    """PNG is never compressed: the output's compression is null, and null cannot be put into a prompt."""
    name = "step_1.output.settings.image_output_compression"
    for output_format, offered in (("png", False), ("webp", True)):
        step = STEP.replace(image_output_format=output_format)
        assert (name in states(step)) == offered
        assert (name in states(step, step.run(workspace=workspace))) == offered


@pytest.mark.parametrize("model", MODELS)
def test_every_confirmed_path_renders(workspace, model):
    step = STEP.replace(model=model)
    run = step.run(workspace=workspace)
    for path in paths(step, run, identifier="step_7"):
        rendered = variables.render(path.template, {"step_7": run.as_context()})
        assert (
            rendered == str(path.value)
            if path.type in ("text", "number")
            else json.loads(rendered) == path.value
        )


def test_images_that_did_not_come_are_missing(workspace, emulator):
    emulator.script("openai", Fault("fewer", images=1))
    found = states(STEP, STEP.run(workspace=workspace))
    assert found["step_1.output.assets.0.file_url"] == "confirmed"
    assert found["step_1.output.assets.1.file_url"] == "missing"
    assert found["step_1.output.assets.1"] == "missing"


def test_a_failed_run_has_its_error_instead(workspace, emulator):
    emulator.script("openai", Fault("moderation"))
    step = STEP.replace(on_failure="continue")
    run = step.run(workspace=workspace)
    found = states(step, run)
    assert found["step_1.output.error.kind"] == "confirmed"
    assert found["step_1.output.assets"] == "confirmed"
    assert found["step_1.output.assets.0.file_url"] == "missing"
    later = ImageGenerationStep(prompt="because of {{step_1.output.error.kind}}")
    assert later.run({"step_1": run}, workspace=workspace).prompt == "because of moderation"


def test_the_identifier(workspace):
    run = STEP.run(workspace=workspace, identifier="hero_step")
    assert {path.path.partition(".")[0] for path in paths(STEP, run)} == {"hero_step"}
    assert {path.path.partition(".")[0] for path in paths(STEP, run, identifier="other")} == {"other"}
    assert {path.path.partition(".")[0] for path in paths(STEP, identifier="step_9")} == {"step_9"}


def test_a_path_is_ready_to_be_put_into_a_prompt():
    assert paths(STEP)[0].template == "{{step_1.output}}"


def test_types_come_from_the_declaration():
    """A key is a number because its kind says so; one that is no setting is text."""

    class Paint(Provider):
        name, label, base_url, key_variable = "paint", "Paint", "https://paint.example", "PAINT_API_KEY"
        models = (
            Model(
                name="paint-1",
                settings={
                    "image_output_compression": Integer(0, 9, 3),
                    "image_size": Text(1, 9, "small"),
                    "image_moderation": Choice(("strict", "lax")),
                },
                output_settings=(
                    *("provider", "image_count", "charge_type"),
                    *("image_output_compression", "image_size", "image_moderation"),
                ),
            ),
        )

        async def generate(self, request, connection):
            dict(request.settings)
            yield GeneratedImage(0, picture())

    catalog.register(Paint())
    try:
        step = ImageGenerationStep(model="paint-1", prompt="x", image_output_compression=5)
        prefix = "step_1.output.settings."
        types = {
            path.path.removeprefix(prefix): path.type for path in paths(step) if path.path.startswith(prefix)
        }
        with_moderation = {path.path for path in paths(step.replace(image_moderation="lax"))}
    finally:
        catalog.unregister("paint")
    assert types == {
        "model": "text",
        "provider": "text",
        "image_count": "number",
        "charge_type": "text",
        "image_output_compression": "number",
        "image_size": "text",
    }, "image_moderation is unset and has no default: nobody knows a value of it"
    assert f"{prefix}image_moderation" in with_moderation


@pytest.mark.parametrize("model", MODELS)
def test_a_predicted_output_has_exactly_the_predicted_paths_with_their_types(model):
    step = ImageGenerationStep(prompt="a fox", model=model, image_count=2)
    context = {"step_1": {"output": predicted_output(step)}}
    found = {path: type_of(value) for path, value in variable_paths.leaves(context) if path != "step_1"}
    assert found == {path.path: path.type for path in paths(step)}
