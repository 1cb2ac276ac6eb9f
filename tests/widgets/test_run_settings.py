"""A run's settings in the platform's words."""

from __future__ import annotations

import dataclasses

import pytest
from support.runs import run_of

from imagegen_nb.step.output_settings import OutputSettings
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.run_settings import labelled


def rows(workspace, **settings):
    return dict(labelled(run_of(ImageGenerationStep(prompt="a fox", **settings), workspace.store)))


def test_each_setting_that_had_an_effect_has_its_label(workspace):
    told = rows(workspace, name="Hero", image_quality="high", image_output_format="webp", image_count=2)
    assert list(told)[:2] == ["Model", "Image Size"]
    assert (told["Image Count"], told["Image Quality"], told["Output Format"]) == ("2", "High", "WebP")
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
    assert dict(labelled(run))["Image Size"] == "Auto → 1536 × 1024"
    assert dict(labelled(run))["Image Quality"] == "Auto"


def test_values_are_in_the_platforms_words(workspace):
    told = rows(workspace, image_size="1024x1024", on_failure="terminate", charge_type="personal")
    assert (told["Image Size"], told["When the step fails"]) == ("1024 × 1024", "Terminate Workflow")
    assert told["Charge Type"] == "Personal"


def test_what_the_prompt_names_is_told_and_long_texts_are_cut(workspace):
    step = ImageGenerationStep(prompt="{{what}} {{count}} {{brand.colours.0}} {{more}} {{gone}}")
    inputs = {"what": "x" * 500, "count": 3, "brand": {"colours": ["red"]}, "more": {"a": [1]}, "unused": "?"}
    run = dataclasses.replace(
        run_of(ImageGenerationStep(prompt="x"), workspace.store), step=step, inputs=inputs
    )
    told = {label: value for label, value in labelled(run) if label.startswith("{{")}
    assert told == {
        "{{what}}": "x" * 199 + "…",
        "{{count}}": "3",
        "{{brand.colours.0}}": "red",
        "{{more}}": '{"a":[1]}',
    }


def test_of_a_model_that_is_gone_what_was_set_is_told(workspace, monkeypatch):
    run = run_of(ImageGenerationStep(prompt="a fox", image_quality="high"), workspace.store)
    monkeypatch.setattr("imagegen_nb.providers.catalog.find", lambda _: None)
    told = dict(labelled(run))
    assert (told["Model"], told["Image Quality"]) == ("gpt-image-2", "high")
    assert "Image Size" not in told
