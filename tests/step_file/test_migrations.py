"""Older step files: what is brought up to date, what is left alone, and that it is said."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from support.properties import plain_values, text
from support.runs import output_of

from imagegen_nb import ImageGenerationStep, load_step
from imagegen_nb.core import variables
from imagegen_nb.errors import DefinitionError, DefinitionWarning
from imagegen_nb.step.provenance import VERSION
from imagegen_nb.step_file.migrations import migrate

ASSET = {
    "id": "7d2f9f6e-6a39-4d53-9d35-0d9e3f6d7a10",
    "file_url": "https://files.example/a.png",
    "file_name": "a.png",
    "file_size": 1234,
    "file_type": "image/png",
}
OLD: dict[str, Any] = {
    "format": "imagegen-nb/step",
    "version": 1,
    "exported_at": "2026-01-01T00:00:00+00:00",
    "step": {"prompt": "A bottle like {{step_2.output.0.file_url}}", "image_size": "1024x1024"},
    "output": [ASSET],
}


def old(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(OLD), **changes}


def prompt_after(prompt: str, **document: Any) -> str:
    return migrate(old(step={"prompt": prompt}, **document))[0]["step"]["prompt"]


def test_todays_documents_are_left_alone():
    document = {**OLD, "version": VERSION}
    assert migrate(document) == (document, [])


def test_the_document_given_is_not_changed():
    document = old()
    migrate(document)
    assert document == OLD


def test_an_old_step_gets_the_model_of_its_time_and_says_so():
    migrated, changes = migrate(old())
    assert migrated["version"] == VERSION
    assert migrated["step"]["model"] == "gpt-image-2"
    assert any("step.model" in change for change in changes)


@pytest.mark.parametrize("output", [[ASSET], []])
def test_an_array_output_becomes_settings_and_assets(output):
    migrated, changes = migrate(old(output=output))
    assert migrated["output"]["assets"] == output
    assert migrated["output"]["settings"] == {
        "model": "gpt-image-2",
        "image_size": "1024x1024",
        "image_quality": None,
        "image_background": None,
        "image_output_format": None,
        "image_output_compression": None,
    }
    assert any("output" in change for change in changes)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{{step_2.output.0.file_url}}", "{{step_2.output.assets.0.file_url}}"),
        ("{{ step_2.output.11.id }}", "{{ step_2.output.assets.11.id }}"),
        ("{{hero.output.0.file_name}}", "{{hero.output.assets.0.file_name}}"),
        (
            "{{step_2.output.0.file_url}} {{step_3.output.1.file_type}}",
            "{{step_2.output.assets.0.file_url}} {{step_3.output.assets.1.file_type}}",
        ),
    ],
)
def test_old_references_to_assets_are_rewritten(before, after):
    assert prompt_after(before) == after


@pytest.mark.parametrize(
    "prompt",
    [
        "{{rss.output.0.title}}",
        "{{rss.output.0}}",
        "{{step_2.output.assets.0.file_url}}",
        "{{step_2.output.file_url}}",
        "{{output.0.file_url}}",
        "{{product}}",
        "step_2.output.0.file_url",
        "{step_2.output.0.file_url}",
        "{{step_2.output.0.file_url",
        "{{step_2.outputs.0.file_url}}",
        "{{rss.output.0.items.0.file_url}}",
    ],
)
def test_everything_else_in_a_prompt_is_left_alone(prompt):
    assert prompt_after(prompt) == prompt


def test_every_rewritten_reference_is_named():
    _, changes = migrate(old())
    (change,) = [change for change in changes if "prompt" in change]
    assert "{{step_2.output.0.file_url}}" in change
    assert "{{step_2.output.assets.0.file_url}}" in change


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("{{step_2.output}}", "step_2"),
        ("all of {{ step_2.output }}", "step_2"),
        ("{{hero.output}} {{hero.output}}", "hero"),
        ("{{step_2}}", "step_2"),
    ],
)
def test_a_reference_to_a_whole_output_is_left_and_named_once(prompt, name):
    document = old(step={"prompt": prompt, "model": "gpt-image-2"}, output=None)
    migrated, changes = migrate(document)
    assert migrated["step"]["prompt"] == prompt
    (change,) = changes
    assert change.startswith("step.prompt: {{")
    assert f"Write {{{{{name}.output.assets}}}} where the array is meant" in change
    with pytest.warns(DefinitionWarning, match="was left as it is"):
        assert load_step(json.dumps(document).encode()).changes == (change,)


def test_other_references_are_not_said_to_be_old():
    prompt = "{{product}} {{step_2.output.assets}} {{step_2.output.settings}} {{rss.title}}"
    assert migrate(old(step={"prompt": prompt, "model": "gpt-image-2"}, output=None))[1] == []


def test_a_rewritten_reference_finds_its_value_in_todays_output():
    step = ImageGenerationStep(prompt=prompt_after("{{step_2.output.0.file_url}}"))
    assert step.variables == ("step_2.output.assets.0.file_url",)
    assert "assets" in output_of(step).as_context()


@pytest.mark.parametrize(
    "step",
    [
        {"prompt": "A bottle"},
        {"prompt": "A bottle", "image_size": "1024x1024", "model": "gpt-image-2"},
    ],
)
def test_a_bare_step_is_put_into_an_envelope(step):
    with pytest.warns(DefinitionWarning):
        definition = load_step(json.dumps(step).encode())
    assert definition.step == ImageGenerationStep(**step)
    assert any("envelope" in change for change in definition.changes)


def test_a_bare_step_may_bring_inputs_output_and_identifier():
    bare = {"prompt": "x", "inputs": {"a": 1}, "output": [ASSET], "identifier": "step_2"}
    with pytest.warns(DefinitionWarning):
        definition = load_step(json.dumps(bare).encode())
    assert (definition.inputs, definition.identifier) == ({"a": 1}, "step_2")
    assert definition.output is not None
    assert definition.output.assets[0].id == ASSET["id"]


def test_an_old_file_is_read_with_a_warning_for_each_change():
    with pytest.warns(DefinitionWarning) as told:
        definition = load_step(json.dumps(OLD).encode())
    assert tuple(str(warning.message) for warning in told) == definition.changes
    assert len(definition.changes) == 3
    assert definition.step.prompt == "A bottle like {{step_2.output.assets.0.file_url}}"


def test_a_migrated_file_is_written_in_todays_layout_and_needs_no_migration_again():
    with pytest.warns(DefinitionWarning):
        data = load_step(json.dumps(OLD).encode()).dump()
    assert json.loads(data)["version"] == VERSION
    assert load_step(data).dump() == data


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({}, ""),
        ({"steps": []}, ""),
        ({"format": "other"}, "format"),
        ({"format": "imagegen-nb/step"}, "version"),
        (old(version=3), "version"),
        (old(version="1"), "version"),
        (old(version=True), "version"),
        (old(version=1.5), "version"),
        (old(step=None), "step"),
        (old(step=[{"prompt": "x"}]), "step"),
        (old(step={"model": "dall-e-3", "prompt": "x"}), "step.model"),
        (old(step={"model": ["gpt-image-2"], "prompt": "x"}), "step.model"),
    ],
)
def test_documents_nobody_knows_are_refused_at_their_place(document, place):
    with pytest.raises(DefinitionError) as caught:
        migrate(document)
    assert caught.value.place == place


@given(text, plain_values)
def test_any_old_document_is_migrated_or_refused(prompt, anything):
    for document in (
        {"prompt": prompt, "output": anything, "inputs": anything, "identifier": anything},
        old(step={"prompt": prompt, "model": anything}, output=anything, provenance=anything),
        old(step=anything),
    ):
        try:
            migrated, changes = migrate(document)
        except DefinitionError:
            continue
        assert migrated["version"] == VERSION
        assert all(changes)


def test_inputs_follow_the_references_that_were_rewritten():
    asset = {"id": "1", "file_url": "u", "file_name": "n", "file_size": 1, "file_type": "image/png"}
    old = {
        "prompt": "Like {{step_2.output.0.file_url}} and {{rss.output.0.title}}",
        "inputs": {"step_2": {"output": [asset]}, "rss": {"output": [{"title": "t"}]}},
    }
    migrated, changes = migrate(old)
    assert migrated["inputs"]["step_2"]["output"]["assets"] == [asset]
    assert migrated["inputs"]["rss"] == old["inputs"]["rss"]
    rendered = variables.render(migrated["step"]["prompt"], migrated["inputs"])
    assert rendered == "Like u and t"
    assert any("{{rss.output.0.title}} was left as it is" in change for change in changes)
