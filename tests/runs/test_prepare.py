"""Mistakes of a call: always raised, whatever the step says about failures, and nothing is sent."""

from __future__ import annotations

import enum

import numpy as np
import pytest

import imagegen_nb as ig
from imagegen_nb import Gateway, ImageGenerationStep, Workspace
from imagegen_nb.errors import InvalidOption, MissingCredential, VariableError

STEP = ImageGenerationStep(prompt="a {{what}} in {{place.0.name}}")
PLACES = [{"name": "a wood"}]
each_policy = pytest.mark.parametrize("policy", ["terminate", "continue"])


@each_policy
@pytest.mark.parametrize(
    ("inputs", "missing", "says"),
    [
        (None, ("what", "place.0.name"), "no inputs were given"),
        ({}, ("what", "place.0.name"), "no inputs were given"),
        ({"what": "fox"}, ("place.0.name",), "{{what}}"),
        ({"what": "fox", "place": []}, ("place.0.name",), "{{place.0.name}}"),
        ({"whit": "fox", "place": PLACES}, ("what",), "misspelt: call it what, or write {{whit}}"),
        ({"what": None, "place": PLACES}, (), "null"),
        ({"what": float("nan"), "place": PLACES}, (), "NaN"),
        ({"what": b"bytes", "place": PLACES}, (), "bytes"),
        ({"what": object(), "place": PLACES}, (), "object"),
        ({"what": "x" * 32_001, "place": PLACES}, (), "32,001"),
        ({"what": "x" * 32_000, "place": PLACES}, (), "32,0"),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0][:30],
)
async def test_variables_that_cannot_be_filled(workspace, emulator, inputs, missing, says, policy):
    step = STEP.replace(on_failure=policy)
    events = []
    with pytest.raises(VariableError) as caught:
        step.run(inputs, workspace=workspace, on_event=events.append)
    assert caught.value.missing == missing
    assert says in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(VariableError):
        await step.arun(inputs, workspace=workspace, on_event=events.append)
    assert (events, emulator.count()) == ([], 0)


@each_policy
def test_a_prompt_that_is_empty_once_filled(workspace, emulator, policy):
    step = ImageGenerationStep(prompt="{{what}}", on_failure=policy)
    with pytest.raises(VariableError, match="prompt is empty"):
        step.run({"what": " \n "}, workspace=workspace)
    assert emulator.count() == 0


@each_policy
def test_a_key_in_an_input_is_not_sent_and_not_shown(workspace, emulator, policy):
    key = "sk-" + "canary0123456789canary"
    step = ImageGenerationStep(prompt="a lamp for {{what}}", on_failure=policy)
    with pytest.raises(VariableError, match=r"holds an OpenAI key once .* \(what\)\. Take it out") as caught:
        step.run({"what": key}, workspace=workspace)
    assert (key in str(caught.value), emulator.count(), len(workspace.history())) == (False, 0, 0)


@each_policy
@pytest.mark.parametrize(
    ("model", "charge_type", "variable"),
    [
        ("gpt-image-2", "hosted", "OPENAI_API_KEY"),
        ("gpt-image-2", "personal", "OPENAI_API_KEY"),
        ("grok-imagine-image", "hosted", "XAI_API_KEY"),
        ("grok-imagine-image", "personal", "XAI_API_KEY"),
        ("gemini-nano-banana-2.1", "hosted", "GEMINI_API_KEY"),
    ],
)
async def test_a_missing_key(tmp_path, model, variable, charge_type, policy):
    step = ImageGenerationStep(model=model, prompt="a fox", charge_type=charge_type, on_failure=policy)
    workspace = Workspace(tmp_path)
    with pytest.raises(MissingCredential, match=variable) as caught:
        step.run(workspace=workspace)
    assert caught.value.variable == variable
    assert "emulator" in str(caught.value)
    with pytest.raises(MissingCredential):
        await step.arun(workspace=workspace)


@pytest.mark.parametrize("value", ["", "  ", "two words", "line\nbreak", "schlüssel", "tab\there", "nul\x7f"])
def test_a_key_that_cannot_be_one(tmp_path, emulator, monkeypatch, value):
    monkeypatch.setenv("GATEWAY_KEY", value)
    gateway = Gateway(f"{emulator.url}/openai/v1", "GATEWAY_KEY")
    with pytest.raises(MissingCredential, match="GATEWAY_KEY") as caught:
        ImageGenerationStep(prompt="a fox").run(workspace=Workspace(tmp_path, hosted={"openai": gateway}))
    if value.strip():
        assert value not in str(caught.value)
    assert emulator.count() == 0


@each_policy
@pytest.mark.parametrize(
    ("model", "count", "partial_images", "says"),
    [
        ("gpt-image-2", 1, 4, "use 0 to 3"),
        ("gpt-image-2", 1, -1, "use 0 to 3"),
        ("gpt-image-2", 1, 1.5, "use 0 to 3"),
        ("gpt-image-2", 1, "2", "use 0 to 3"),
        ("gpt-image-2", 1, None, "use 0 to 3"),
        ("gpt-image-2", 2, 1, "use image_count=1"),
        ("grok-imagine-image", 1, 1, "no live previews"),
        ("gemini-nano-banana-2.1", 1, 3, "no live previews"),
    ],
)
async def test_previews_that_cannot_be(workspace, emulator, model, count, partial_images, says, policy):
    step = ImageGenerationStep(model=model, prompt="a fox", image_count=count, on_failure=policy)
    with pytest.raises(InvalidOption, match=says):
        step.run(workspace=workspace, partial_images=partial_images)
    with pytest.raises(InvalidOption, match=says):
        await step.arun(workspace=workspace, partial_images=partial_images)
    assert emulator.count() == 0


def test_all_missing_variables_are_named_at_once(workspace):
    with pytest.raises(VariableError) as caught:
        ImageGenerationStep(prompt="{{a}} {{b.0}} {{a}} {{c}}").run({"c": 1}, workspace=workspace)
    assert caught.value.missing == ("a", "b.0")


def test_values_are_not_rendered_again(workspace, emulator):
    run = STEP.run({"what": "{{place}}", "place": PLACES}, workspace=workspace)
    assert run.prompt == emulator.requests[0].body["prompt"] == "a {{place}} in a wood"


def test_inputs_are_copied_before_the_run(workspace):
    inputs = {"what": "fox", "place": [{"name": "a wood"}]}
    run = STEP.run(inputs, workspace=workspace)
    inputs["place"][0]["name"] = "changed"
    assert run.inputs == {"what": "fox", "place": PLACES}


class Place(str, enum.Enum):  # noqa: UP042 - how most people still write it
    WOOD = "a wood"


def test_values_are_sent_as_what_they_mean(workspace, emulator):
    run = STEP.run({"what": np.int64(3), "place": [{"name": Place.WOOD}]}, workspace=workspace)
    assert run.prompt == emulator.requests[0].body["prompt"] == "a 3 in a wood"
    assert run.inputs == {"what": 3, "place": PLACES}


def test_a_step_in_the_place_of_its_run(workspace, emulator):
    with pytest.raises(InvalidOption, match=r"inputs.place is a step: give its run"):
        STEP.run({"what": "fox", "place": STEP}, workspace=workspace)
    assert emulator.count() == 0


WORKFLOW = ig.Workflow({"place": "a wood"}, steps={"step_1": ImageGenerationStep("{{place}}")})


@pytest.mark.parametrize(
    "call",
    [
        lambda inputs: STEP.estimate(inputs),
        lambda inputs: ig.check_references("{{place}}", STEP, inputs=inputs),
        lambda inputs: ig.Sweep(STEP, over={"what": ["fox"]}, inputs=inputs),
        lambda inputs: ig.Workflow(inputs, steps={"step_1": STEP}),
        lambda inputs: WORKFLOW.simulate(inputs=inputs),
        lambda inputs: ig.StepForm(STEP, inputs=inputs),
    ],
)
def test_inputs_are_looked_at_alike_wherever_they_are_given(call):
    with pytest.raises(InvalidOption, match=r"inputs.place is a step: give its run"):
        call({"place": STEP})
    with pytest.raises(InvalidOption, match="inputs is of type list: give values by name"):
        call(["a wood"])


@pytest.mark.parametrize("on_event", [lambda: None, lambda run, event: None, 3])
def test_who_cannot_be_told_of_events_is_refused_before_anything_is_sent(workspace, emulator, on_event):
    step = ImageGenerationStep(prompt="a fox")
    with pytest.raises(InvalidOption, match="on_event must be a plain function that takes one event"):
        step.run(workspace=workspace, on_event=on_event)
    assert emulator.count() == 0
