"""The step file as a value: its schema, what it shows, and that it holds no more than it says."""

from __future__ import annotations

import copy
import json
import pickle
from functools import cache

import html5lib
import pytest
from jsonschema import Draft202012Validator
from support.runs import run_of

import imagegen_nb as ig
from imagegen_nb import ImageGenerationStep, load_step
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.variables import render
from imagegen_nb.errors import DefinitionError, DefinitionWarning, ProviderFault
from imagegen_nb.step_file.document import definition_schema
from imagegen_nb.step_file.export import define
from imagegen_nb.store.local import LocalStore

STEP = ImageGenerationStep(name="Hero", prompt="A {{product}}", image_count=2)


@pytest.fixture
def run(tmp_path):
    store = LocalStore(tmp_path / "assets")
    yield run_of(STEP, store, inputs={"product": "bottle"}, identifier="step_2")
    store.close()


@cache
def validator() -> Draft202012Validator:
    schema = definition_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_schema_takes_what_is_written(run):
    failed = run_of(STEP, run.output.assets[0]._store, error=ProviderFault("x", provider="openai"))
    for definition in (define(STEP), define(STEP, run=run), define(STEP, run=failed)):
        assert list(validator().iter_errors(json.loads(definition.dump()))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"format": "other"},
        {"version": 1},
        {"version": 3},
        {"step": {"prompt": ""}},
        {"step": {"prompt": "x", "image_count": 11}},
        {"step": {"prompt": "x", "colour": "red"}},
        {"inputs": []},
        {"output": []},
        {"provenance": {"identifier": "a b"}},
        {"provenance": {"backend": "cloud"}},
        {"generator": {"extra": 1}},
    ],
)
def test_the_schema_refuses_what_an_import_refuses(change):
    document = json.loads(define(STEP).dump()) | change
    assert not validator().is_valid(document)
    if change.get("version") != 1:
        with pytest.raises(DefinitionError):
            load_step(json.dumps(document).encode())


def test_the_schema_says_whose_format_it_is():
    assert "no public importer" in definition_schema()["description"]


def test_a_dump_is_the_same_every_time(run):
    definition = define(STEP, run=run)
    assert definition.dump() == definition.dump()


def test_a_dump_is_utf_8_ends_with_a_line_break_and_has_sorted_out_keys(run):
    data = define(STEP, run=run).dump()
    assert data.endswith(b"}\n")
    assert b"null" not in json.dumps(json.loads(data)["provenance"]).encode()


def test_a_definition_fills_a_later_prompt(run):
    context = plain({"step_2": load_step(define(STEP, run=run).dump())})
    url = run.output.assets[1].file_url
    assert render("{{step_2.output.assets.1.file_url}}", context) == url


def test_a_definition_without_output_has_nothing_to_refer_to():
    assert define(STEP).as_context() == {}


def test_a_definition_shows_what_it_holds_and_no_folder(run, tmp_path):
    shown = repr(define(STEP, run=run))
    assert "Hero" in shown
    assert "gpt-image-2" in shown
    assert "2 images" in shown
    assert "EMULATED" in shown
    assert "step_2.output.assets.0.file_url" in shown
    assert str(tmp_path) not in shown


def test_a_definition_shows_its_changes():
    with pytest.warns(DefinitionWarning):
        definition = load_step(b'{"prompt": "A bottle"}')
    assert all(change in repr(definition) for change in definition.changes)


def test_a_definition_with_hostile_text_builds_the_same_elements(run):
    def tree(hostile: str) -> list[str]:
        step = ImageGenerationStep(prompt=hostile, name=hostile)
        document = json.loads(define(STEP, run=run).dump())
        document["step"] = step.settings()
        document["output"]["assets"][0] |= {"file_name": hostile, "file_type": hostile, "file_url": hostile}
        shown = load_step(json.dumps(document).encode())._repr_html_()
        return [element.tag for element in html5lib.parse(shown, namespaceHTMLElements=False).iter()]

    assert tree("</td></table><script>alert(1)</script>\"'><img src=x>") == tree("harmless")


def test_what_a_step_has_is_named_where_a_definition_is_asked_for_it(tmp_path):
    step = ig.ImageGenerationStep(prompt="A lamp")
    ig.save_step(tmp_path / "lamp.step.json", step)
    definition = ig.load_step(tmp_path / "lamp.step.json")
    with pytest.raises(AttributeError, match=r"a loaded step file has no run: write definition\.step\.run"):
        _ = definition.run
    with pytest.raises(AttributeError, match=r"write definition\.step\.image_size"):
        _ = definition.image_size
    with pytest.raises(AttributeError, match=r"has no nonsense$"):
        _ = definition.nonsense
    assert not hasattr(definition, "runs")
    assert copy.deepcopy(pickle.loads(pickle.dumps(definition))) == definition


def test_the_file_is_called_a_step_file():
    assert definition_schema()["title"] == "imagegen-nb step file"
    with pytest.raises(DefinitionError, match="this is a whole step file already: write it with definition"):
        ig.save_step("a", define(STEP))
