"""A run's settings in the platform's words."""

from __future__ import annotations

import dataclasses

import pytest
from support.runs import run_of

from imagegen_nb.step.output import OutputSettings
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.run_settings import labelled


def rows(workspace, **settings):
    return dict(labelled(run_of(ImageGenerationStep(prompt="a fox", **settings), workspace.store)))


def test_each_setting_that_had_an_effect_has_its_label(workspace):
    told = rows(workspace, name="Hero", image_quality="high", image_output_format="webp", image_count=2)
    assert list(told)[:2] == ["Model", "Image Size"]
    assert (told["Image Count"], told["Image Quality"], told["Output Format"]) == ("2", "high", "webp")
    assert told["Output Compression"] == "100"
    assert not {"Name", "Prompt"} & set(told)


def test_a_setting_without_effect_is_left_out(workspace):
    assert "Output Compression" not in rows(workspace, image_output_format="png")


@pytest.mark.parametrize(
    ("model", "label"), [("gemini-nano-banana-2.1", "Aspect Ratio"), ("gpt-image-2", "Image Size")]
)
def test_labels_are_the_models_own(workspace, model, label):
    assert label in rows(workspace, model=model)


def test_what_the_model_chose_stands_behind_what_was_asked(workspace):
    run = run_of(ImageGenerationStep(prompt="a fox"), workspace.store)
    used = OutputSettings(model="gpt-image-2", image_size="1536x1024", image_quality="auto")
    run = dataclasses.replace(run, output=run.output.model_copy(update={"settings": used}))
    assert dict(labelled(run))["Image Size"] == "auto → 1536x1024"
    assert dict(labelled(run))["Image Quality"] == "auto"


def test_short_inputs_are_told_and_long_ones_cut(workspace):
    step = ImageGenerationStep(prompt="{{what}} {{count}} {{more}}")
    run = run_of(step, workspace.store, inputs={"what": "x" * 500, "count": 3, "more": {"a": [1]}})
    told = dict(labelled(run))
    assert told["{{what}}"] == "x" * 199 + "…"
    assert told["{{count}}"] == "3"
    assert "{{more}}" not in told


def test_of_a_model_that_is_gone_what_was_set_is_told(workspace, monkeypatch):
    run = run_of(ImageGenerationStep(prompt="a fox", image_quality="high"), workspace.store)
    monkeypatch.setattr("imagegen_nb.providers.catalog.find", lambda _: None)
    told = dict(labelled(run))
    assert (told["Model"], told["Image Quality"]) == ("gpt-image-2", "high")
    assert "Image Size" not in told
