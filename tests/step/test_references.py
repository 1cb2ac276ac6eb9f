"""The paths later steps can refer to: predicted before a run, confirmed or missing after it."""

from __future__ import annotations

import json

import pytest

from imagegen_nb import ImageGenerationStep, paths
from imagegen_nb.core import variables
from imagegen_nb.emulator import Fault
from imagegen_nb.providers import catalog

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
