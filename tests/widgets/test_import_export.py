"""Export, import and code of a form's step, without the form around it."""

from __future__ import annotations

import re
from base64 import b64decode

import pytest

from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.step_file.load import load_step
from imagegen_nb.widgets.factory import WidgetFactory
from imagegen_nb.widgets.import_export import ImportExport

STEP = ImageGenerationStep(name="Lamp", prompt="a lamp")


@pytest.fixture
def imported():
    return []


def part(step, imported):
    return ImportExport(WidgetFactory(), lambda: (step, None, "step_2"), imported.append)


def test_the_download_is_the_file_that_was_saved_and_made_once(imported, tmp_path, monkeypatch):
    dumps = []
    dump = StepDefinition.dump
    monkeypatch.setattr(
        StepDefinition, "dump", lambda definition: dumps.append(dump(definition)) or dumps[-1]
    )
    made = part(STEP, imported)
    made.path.value = str(tmp_path / "lamp.step.json")
    made.export_button.click()
    assert "saved lamp.step.json" in made.message.value
    (data,) = re.findall(r"base64,([^\"]+)", made.message.value)
    assert dumps == [b64decode(data)] == [(tmp_path / "lamp.step.json").read_bytes()]
    assert load_step(tmp_path / "lamp.step.json").identifier == "step_2"


def test_without_a_name_the_file_is_named_after_the_step(imported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    part(STEP, imported).export_button.click()
    assert [path.name for path in tmp_path.iterdir()] == ["lamp.step.json"]


def test_a_file_that_cannot_be_written_is_named(imported, tmp_path):
    (tmp_path / "file").write_text("")
    made = part(STEP, imported)
    made.path.value = str(tmp_path / "file" / "lamp.step.json")
    made.export_button.click()
    assert "cannot write" in made.message.value
    assert 'role="alert"' in made.message.value


def test_a_step_with_problems_is_neither_exported_nor_copied(imported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = part(None, imported)
    made.export_button.click()
    assert "The step has problems" in made.message.value
    made.message.value = ""
    assert made._code() is None
    assert "The step has problems" in made.message.value
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")
def test_what_is_read_is_handed_on(imported):
    made = part(STEP, imported)
    made.import_button._handle_custom_msg({"type": "file", "name": "<a>.json"}, [b'{"prompt": "a fox"}'])
    assert [definition.step.prompt for definition in imported] == ["a fox"]
    assert "imported &lt;a&gt;.json" in made.message.value


def test_the_code_is_shown_and_escaped(imported):
    made = part(STEP.replace(prompt="a <lamp>"), imported)
    assert "a <lamp>" in made._code()
    assert "a &lt;lamp&gt;" in made.message.value
