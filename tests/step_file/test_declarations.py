"""Step files of models that the catalog does not know."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from imagegen_nb import ImageGenerationStep, Model, catalog, load_step, save_step
from imagegen_nb.errors import DefinitionError, DefinitionWarning
from imagegen_nb.providers import Choice
from imagegen_nb.step_file.export import define

NEW = "gpt-image-9"
pytestmark = pytest.mark.filterwarnings("ignore:.*is not offered by the platform:UserWarning")


@pytest.fixture(autouse=True)
def _own_declarations() -> Iterator[None]:
    yield
    for name in (NEW, "gpt-image-10", "gpt-image-odd"):
        catalog.unregister(name)


def elsewhere(document: dict[str, object]) -> bytes:
    """The file, in a process that has declared nothing."""
    for name in (NEW, "gpt-image-10"):
        catalog.unregister(name)
    return json.dumps(document).encode()


@pytest.fixture
def exported() -> dict[str, object]:
    step = ImageGenerationStep(model=Model(NEW, like="gpt-image-2"), prompt="a lamp", image_quality="high")
    return json.loads(define(step).dump())


def test_a_file_brings_its_declaration_along(exported):
    assert exported["declaration"] == {"like": "gpt-image-2"}
    definition = load_step(elsewhere(exported))
    assert (definition.step.model, definition.step.entry.model.like) == (NEW, "gpt-image-2")
    assert "declared by the user, like gpt-image-2" in definition.step.declaration_note
    assert definition.changes == ()
    assert json.loads(definition.dump()) == exported
    assert json.loads(define(definition.step).dump())["declaration"] == {"like": "gpt-image-2"}


def test_a_file_of_a_model_of_the_catalog_says_nothing_of_it(tmp_path):
    saved = save_step(tmp_path / "step.json", ImageGenerationStep(prompt="a lamp"))
    assert list(json.loads(saved.path.read_bytes())) == [
        "format", "version", "exported_at", "generator", "step", "inputs", "output", "provenance",
    ]  # fmt: skip


def test_a_declaration_like_a_declared_model_names_the_catalogs():
    ImageGenerationStep(model=Model(NEW, like="gpt-image-2.5-flare"), prompt="a lamp")
    step = ImageGenerationStep(model=Model("gpt-image-10", like=NEW), prompt="a lamp", image_quality="max")
    document = json.loads(define(step).dump())
    assert document["declaration"] == {"like": "gpt-image-2.5-flare"}
    assert load_step(elsewhere(document)).step.image_quality == "max"


def test_settings_of_its_own_are_told():
    model = Model(
        "gpt-image-odd", like="gpt-image-2", settings={"image_moderation": Choice(("none",), "none")}
    )
    notes = define(ImageGenerationStep(model=model, prompt="a lamp")).provenance.notes
    assert any("settings of its own, which no file carries" in note for note in notes)


def test_the_catalog_goes_first(exported):
    exported["step"]["model"] = "gpt-image-2.5-flare"
    with pytest.warns(DefinitionWarning, match="declaration was dropped: gpt-image-2.5-flare is in"):
        definition = load_step(elsewhere(exported))
    assert definition.step.entry.model.like == ""
    assert "declaration" not in json.loads(definition.dump())


def test_what_the_process_declares_goes_before_the_file(exported):
    catalog.register(Model(NEW, like="gpt-image-2.5-flare"))
    with pytest.warns(DefinitionWarning, match=f"this process declares {NEW} like gpt-image-2.5-flare"):
        definition = load_step(json.dumps(exported).encode())
    assert definition.step.entry.model.like == "gpt-image-2.5-flare"
    assert json.loads(definition.dump())["declaration"] == {"like": "gpt-image-2.5-flare"}


@pytest.mark.parametrize(
    ("said", "place", "words"),
    [
        (
            {"like": "gpt-image-99"},
            "declaration.like",
            "like is not a known model; the nearest known model is gpt-image-2",
        ),
        ({"like": NEW}, "declaration.like", "not a known model"),
        ({"like": 7}, "declaration.like", "is not text"),
        ({}, "declaration.like", "is missing"),
        ({"like": "gpt-image-2", "settings": {}}, "declaration.settings", "unknown key"),
        ("gpt-image-2", "declaration", "is not an object"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(exported, said, place, words):
    with pytest.raises(DefinitionError) as caught:
        load_step(elsewhere(exported | {"declaration": said}))
    assert caught.value.place == place
    assert words in str(caught.value)
    assert catalog.find(NEW) is None


@pytest.mark.parametrize("model", [None, 7, "../x", "a b", ""])
def test_a_declaration_needs_a_model_that_can_be_one(exported, model):
    exported["step"]["model"] = model
    with pytest.raises(DefinitionError):
        load_step(elsewhere(exported))


def test_a_refused_file_declares_nothing(exported):
    exported["step"]["image_count"] = 99
    with pytest.raises(DefinitionError, match="image_count"):
        load_step(elsewhere(exported))
    assert catalog.find(NEW) is None


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")
def test_older_and_bare_files_can_declare_as_well():
    bare = {"declaration": {"like": "gpt-image-2"}, "model": NEW, "prompt": "a lamp"}
    assert load_step(elsewhere(bare)).step.model == NEW
    old = {"format": "imagegen-nb/step", "version": 1, "declaration": bare["declaration"]}
    old |= {"step": {"model": NEW, "prompt": "a lamp"}, "output": []}
    assert load_step(elsewhere(old)).step.entry.model.like == "gpt-image-2"


def test_without_a_declaration_the_refusal_says_how_to_write_one(exported):
    del exported["declaration"]
    with pytest.raises(DefinitionError) as caught:
        load_step(elsewhere(exported))
    assert 'in a step file, beside "step": "declaration": {"like": "gpt-image-2"}' in str(caught.value)
    assert "ig.Model" not in str(caught.value)
    exported["step"]["model"] = "dall-e-3"
    with pytest.raises(DefinitionError, match=r"not a known model\. `imagegen-nb models` lists them all$"):
        load_step(elsewhere(exported))
