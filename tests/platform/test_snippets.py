"""Wiring: what is told of later steps holds in each way that a step can end."""

from __future__ import annotations

import json

import pytest

import imagegen_nb as ig
from imagegen_nb.core import variables
from imagegen_nb.platform import wiring
from imagegen_nb.platform.snippets import Snippet
from imagegen_nb.runs.simulation import Outcome, simulate
from imagegen_nb.step_file.export import define

STEP = ig.ImageGenerationStep(prompt="A hero", image_count=2, on_failure="continue")
OUTCOMES: tuple[Outcome, ...] = ("success", "partial", "failed")


def snippets(step: ig.ImageGenerationStep = STEP) -> dict[str, Snippet]:
    return {f"{one.step}: {one.purpose}": one for one in wiring(define(step), identifier="step_2").snippets}


def context(outcome: Outcome) -> dict[str, object]:
    return {"step_2": simulate(STEP, outcome).as_context()}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_is_said_of_paths_is_what_rendering_does(outcome: Outcome) -> None:
    for snippet in snippets().values():
        if snippet.step == "Condition":
            continue
        text = " ".join(entry.value for entry in snippet.entries if entry.is_template)
        try:
            variables.render(text, context(outcome))
            resolves = True
        except ig.errors.VariableError:
            resolves = False
        assert snippet.outcomes is not None
        assert resolves == (snippet.outcomes[outcome] == "every path resolves"), snippet


def test_conditions_tell_the_outcomes_apart() -> None:
    told = {name: list((one.outcomes or {}).values()) for name, one in snippets().items()}
    assert told["Condition: go on where an image came"] == ["true", "true", "false"]
    assert told["Condition: go on where all 2 images came"] == ["true", "false", "false"]
    # With images and an error, a partial outcome is no failure: the step was done.
    assert told["Condition: handle a failure"] == ["false", "false", "true"]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_persons_options_have_label_and_value(outcome: Outcome) -> None:
    snippet = snippets()["Human in the Loop: a person picks one of the images"]
    fields = {entry.label: entry.value for entry in snippet.entries}
    options = json.loads(variables.render(fields["Options source"], context(outcome)))
    assert len(options) == {"success": 2, "partial": 1, "failed": 0}[outcome]
    assert all(
        isinstance(option[fields[path]], str) for option in options for path in ("Label path", "Value path")
    )
    assert snippet.gives[0].value == "{{step_3.output.choice.value}}"


@pytest.mark.parametrize("outcome", ["success", "partial"])
def test_the_body_of_a_call_is_json(outcome: Outcome) -> None:
    snippet = snippets()["Call an API: send an image's address elsewhere"]
    fields = {entry.label: entry.value for entry in snippet.entries}
    assert json.loads(fields["Headers"]) == {"Content-Type": "application/json"}
    body = json.loads(variables.render(fields["Body"], context(outcome)))
    assert body["type"] == "image/png"
    assert isinstance(body["bytes"], int)


def test_each_image_is_a_part_of_the_message() -> None:
    parts = snippets()["AI Prompt: have a model look at the images"].entries
    assert [part.value for part in parts] == [f"{{{{step_2.output.assets.{i}.file_url}}}}" for i in range(2)]


def test_a_step_that_terminates_never_reaches_later_steps() -> None:
    for snippet in snippets(STEP.replace(on_failure="terminate")).values():
        assert snippet.outcomes is not None
        assert "not reached" in snippet.outcomes["failed"]


def test_it_shows_itself_as_text() -> None:
    told = wiring(define(STEP), identifier="hero_step")
    assert "{{hero_step.output.assets.0.file_url}}" in repr(told)
    assert json.loads(json.dumps(told.as_dict()))["identifier"] == "hero_step"
    assert "{{step_1.output" in wiring(define(STEP))._repr_html_()


def test_of_many_missing_paths_the_first_is_named() -> None:
    told = snippets()["Call an API: send an image's address elsewhere"].outcomes
    assert told is not None
    assert (
        told["failed"]
        == "there is no {{step_2.output.assets.0.file_url}}, nor 3 more; put a Condition before"
    )
