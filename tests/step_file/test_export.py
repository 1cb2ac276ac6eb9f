"""Export: what a step file holds, that it reads back the same, and the gate that keeps keys out."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import KEYS, legal_settings, plain_values, text
from support.runs import run_of

from imagegen_nb import ImageGenerationStep, Workflow, load_step, save_step
from imagegen_nb.errors import DefinitionError, DefinitionWarning, ProviderFault, SecretFound
from imagegen_nb.step_file.export import define
from imagegen_nb.store.local import LocalStore

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")

KEY = "sk-" + "canary0123456789canary"
STEP = ImageGenerationStep(
    name="Hero", prompt="A hero image for {{product}}", image_size="1536x1024", image_count=2
)


@pytest.fixture
def store(tmp_path):
    store = LocalStore(tmp_path / "assets")
    yield store
    store.close()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "hero.step.json"


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


# What is written


def test_a_step_alone_is_one_versioned_envelope(path):
    save_step(path, STEP, identifier="step_2")
    document = read(path)
    assert list(document) == [
        "format",
        "version",
        "exported_at",
        "generator",
        "step",
        "inputs",
        "output",
        "provenance",
    ]
    assert (document["format"], document["version"]) == ("imagegen-nb/step", 2)
    assert document["step"] == STEP.settings()
    assert list(document["step"]) == [key for key in KEYS if key in document["step"]]
    assert (document["inputs"], document["output"]) == ({}, None)
    assert document["provenance"] == {"identifier": "step_2"}
    assert document["generator"]["name"] == "imagegen-nb"
    written = datetime.fromisoformat(document["exported_at"])
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=1)


def test_a_run_brings_its_inputs_output_and_provenance(path, store):
    run = run_of(STEP, store, inputs={"product": "bottle"}, identifier="step_2")
    save_step(path, STEP, run=run)
    document = read(path)
    assert document["inputs"] == {"product": "bottle"}
    assert document["output"] == json.loads(run.output.model_dump_json())
    provenance = document["provenance"]
    assert (provenance["identifier"], provenance["run_id"], provenance["status"]) == (
        "step_2",
        run.id,
        "done",
    )
    assert (provenance["backend"], provenance["requested"], provenance["returned"]) == ("emulator", 2, 2)
    assert provenance["sha256"] == {
        asset.id: asset.stored.sha256 for asset in run.output.assets if asset.stored
    }
    assert any("emulator" in note for note in provenance["notes"])
    assert any("file_url" in note for note in provenance["notes"])


def test_a_failed_run_is_exported_with_its_error(path, store):
    run = run_of(STEP, store, error=ProviderFault("broke", provider="openai", status=500, charge="unknown"))
    save_step(path, STEP, run=run)
    assert read(path)["output"]["error"]["message"] == "broke"
    assert read(path)["output"]["assets"] == []


def test_inputs_can_be_given_without_a_run(path):
    save_step(path, STEP, inputs={"product": ("a", "b")})
    assert read(path)["inputs"] == {"product": ["a", "b"]}


def test_text_is_written_as_it_reads(path):
    save_step(path, ImageGenerationStep(prompt="Größe „x“ 東京 😀"))
    assert "Größe „x“ 東京 😀" in path.read_text(encoding="utf-8")


def test_the_saved_file_says_its_name_and_notes_and_knows_its_size(path, store):
    saved = save_step(path, STEP, run=run_of(STEP, store))
    assert os.fspath(saved) == str(path)
    assert saved.size == path.stat().st_size
    first, *notes = repr(saved).splitlines()
    assert first == "saved hero.step.json"
    assert all(note.startswith("  note: ") for note in notes)
    assert str(path.parent) not in repr(saved)


def test_an_older_file_is_replaced_whole_and_nothing_else_is_left(path):
    path.write_text("x" * 100_000, encoding="utf-8")
    save_step(path, STEP, overwrite=True)
    assert load_step(path).step == STEP
    assert list(path.parent.iterdir()) == [path]


def test_replacing_a_file_keeps_its_permissions(path):
    save_step(path, STEP)
    path.chmod(0o600)
    save_step(path, STEP)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_cell_may_be_run_again_and_its_step_edited(path, store):
    nameless = STEP.replace(name=None)
    save_step(path, nameless)
    save_step(path, nameless, run=run_of(nameless, store))
    assert load_step(path).output is not None
    save_step(path, STEP, overwrite=True)
    save_step(path, STEP.replace(prompt="A poster for {{product}}"))
    assert load_step(path).step.prompt == "A poster for {{product}}"


def test_another_steps_file_is_not_replaced_unasked(path):
    save_step(path, STEP.replace(name=None))
    before = path.read_bytes()
    for other, differing in (
        (STEP, "name"),
        (STEP.replace(name=None, prompt="A lamp", image_count=3), "prompt, image_count"),
    ):
        with pytest.raises(DefinitionError) as refused:
            save_step(path, other)
        assert f"another step (of another {differing}); pass overwrite=True to replace" in str(refused.value)
        with pytest.raises(DefinitionError):
            load_step(save_step(path.with_name("other.json"), other).path).save(path)
    assert path.read_bytes() == before
    save_step(path, STEP, overwrite=True)
    assert load_step(path).step == STEP


@pytest.mark.parametrize("text", ["", "mine", "[]", "{}", '{"step": 1}', " " * 1_000_001])
def test_a_file_that_is_no_step_file_is_not_replaced_unasked(path, text):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match="something else is there; pass overwrite=True"):
        save_step(path, STEP)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("target", ["absent/hero.step.json", "."])
def test_where_nothing_can_be_written_the_error_says_so(tmp_path, target):
    with pytest.raises(DefinitionError, match="cannot write"):
        save_step(tmp_path / target, STEP)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_named_with_the_command_that_makes_it(tmp_path):
    folder = tmp_path / "no dir" / "a"
    with pytest.raises(DefinitionError) as caught:
        save_step(folder / "hero.step.json", STEP)
    assert str(caught.value) == (
        f"cannot write {folder}/hero.step.json: there is no folder {folder}; make it (mkdir -p '{folder}'), "
        "or choose another"
    )


@pytest.mark.parametrize("target", ["~nobody-by-this-name/hero.step.json", "~nobody-by-this-name", "a\0b"])
def test_a_path_that_cannot_be_is_refused_and_not_taken_literally(tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DefinitionError):
        save_step(target, STEP)
    assert list(tmp_path.iterdir()) == []


# What is refused


@pytest.mark.parametrize(
    "changes",
    [{"image_count": 3}, {"prompt": "another"}, {"image_size": None}, {"model": "gpt-image-2.5-flare"}],
)
def test_a_run_of_other_settings_is_refused(path, store, changes):
    run = run_of(STEP.replace(**changes), store)
    with pytest.raises(DefinitionError, match="other settings"):
        save_step(path, STEP, run=run)
    assert not path.exists()


@pytest.mark.parametrize(
    "changes", [{"name": "Other"}, {"charge_type": "personal"}, {"on_failure": "continue"}]
)
def test_settings_that_do_not_shape_the_images_may_differ(path, store, changes):
    save_step(path, STEP, run=run_of(STEP.replace(**changes), store))
    assert read(path)["step"] == STEP.settings()


@pytest.mark.parametrize(
    "identifier", ["", "2step", "step 2", "step-2", "step.2", "{{x}}", "é", "step_2\n", "x" * 101]
)
def test_an_identifier_that_no_path_can_start_with_is_refused(path, identifier):
    with pytest.raises(DefinitionError, match="identifier"):
        save_step(path, STEP, identifier=identifier)


@pytest.mark.parametrize(
    "value", [object(), b"bytes", {("a",): 2}, float("nan"), [float("inf")], "a\0b", "a\ud800b", {"k\0": 1}]
)
def test_inputs_a_file_cannot_hold_are_refused(path, value):
    with pytest.raises(DefinitionError):
        save_step(path, STEP, inputs={"product": value})
    assert not path.exists()


def test_inputs_too_large_to_be_read_back_are_refused(path):
    with pytest.raises(DefinitionError, match="1,000,000"):
        save_step(path, STEP, inputs={"product": "x" * 1_000_001})
    assert not path.exists()


NOT_OFFERED = ["gpt-image-2.5-flare", "gpt-image-2.5-sunburst", "grok-imagine-image-2.0"]


@pytest.mark.parametrize("model", [*NOT_OFFERED, "gemini-nano-banana-2.1"])
def test_a_model_the_platform_does_not_offer_is_exported_with_a_warning(path, model):
    with pytest.warns(DefinitionWarning, match=f"{model} is not offered") as warned:
        save_step(path, ImageGenerationStep(model=model, prompt="x"))
    assert warned[0].filename == __file__
    assert read(path)["step"]["model"] == model


# Keys

SHAPED = {
    "an OpenAI key": KEY,
    "an xAI key": "xai-" + "canary" * 8,
    "a Google API key": "AIza" + "canary-".ljust(35, "0"),
    "a Gemini API key": "AQ." + "canary" * 5,
    "a bearer token": "Bearer canary0123456789canary",
}
AROUND = ["{}", "use {} please", "first line\n{}\nlast", "a\ttab\t{}", '"{}"', "\\{}", "…{}", "a/{}", "ü{}"]


def carriers(secret: str) -> dict[str, dict]:
    """Inputs with `secret` in each place a text can stand; a step refuses it in its own texts."""
    return {
        "an input": {"product": secret},
        "a nested input": {"product": {"deep": [1, secret]}},
        "an input's key": {"product": {secret: 1}},
    }


@pytest.mark.parametrize("around", AROUND)
def test_anything_shaped_like_a_key_is_refused_and_nothing_is_written(path, around):
    path.write_text("the old file", encoding="utf-8")
    for kind, key in SHAPED.items():
        for inputs in carriers(around.format(key)).values():
            with pytest.raises(SecretFound, match=kind) as caught:
                save_step(path, ImageGenerationStep(prompt="x"), inputs=inputs)
            assert "canary" not in str(caught.value)
    assert path.read_text(encoding="utf-8") == "the old file"
    assert list(path.parent.iterdir()) == [path]


IN_USE = [
    "plain-canary-0123456789",
    'quo"ted-canary-0123456',
    "back\\slash-canary-0123",
    "user:canary-0123456789",
]


@pytest.mark.parametrize("secret", IN_USE)
@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "GEMINI_API_KEY", "OTHER_SERVICE_TOKEN"])
def test_a_key_in_use_is_refused_whatever_its_shape(path, monkeypatch, variable, secret):
    monkeypatch.setenv(variable, secret)
    held = f"before {secret} after"
    harmless = ImageGenerationStep(prompt="x")
    steps = [ImageGenerationStep(prompt=held), ImageGenerationStep(prompt="x", name=held)]
    for step, inputs in [
        *((step, {}) for step in steps),
        *((harmless, each) for each in carriers(held).values()),
    ]:
        with pytest.raises(SecretFound, match="in use") as caught:
            save_step(path, step, inputs=inputs)
        assert "canary" not in str(caught.value)
    assert not path.exists()


def test_a_list_item_with_a_colon_is_not_repeated_in_the_message(path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "first-half-of-canary:second-half")
    with pytest.raises(SecretFound) as caught:
        save_step(path, STEP, inputs={"product": ["first-half-of-canary:second-half"]})
    assert "canary" not in str(caught.value)


def test_the_refusal_names_the_place(path):
    with pytest.raises(SecretFound, match=r"inputs\.product"):
        save_step(path, ImageGenerationStep(prompt="x"), inputs={"product": f"use {KEY}"})


@given(st.text(st.sampled_from("ABCxyz0189-_+/=.:\"\\'"), min_size=16, max_size=40), text, text)
def test_no_exported_file_ever_holds_a_key_in_use(secret, before, after):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", secret)
        with pytest.raises(SecretFound):
            define(STEP, inputs={"product": f"{before}{secret}{after}"}).dump()


# Reading back


@given(
    settings=legal_settings,
    inputs=st.dictionaries(text, plain_values, max_size=3),
    identifier=st.none() | st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True),
)
@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")
def test_a_dump_read_back_dumps_the_same_bytes(settings, inputs, identifier):
    step = ImageGenerationStep(**settings)
    data = define(step, inputs=inputs, identifier=identifier).dump()
    definition = load_step(data)
    assert definition.dump() == data
    assert (definition.step, definition.inputs, definition.identifier) == (step, inputs, identifier)
    assert definition.changes == ()


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("model", ["gpt-image-2", "grok-imagine-image", "gemini-2.5-flash-image"])
def test_a_run_read_back_dumps_the_same_bytes(store, model, failed):
    step = ImageGenerationStep(model=model, prompt="{{a}}", image_count=2)
    error = ProviderFault("broke", provider="x", charge="unknown") if failed else None
    run = run_of(step, store, inputs={"a": [1, {"b": None}]}, error=error)
    data = define(step, run=run, identifier="step_2").dump()
    definition = load_step(data)
    assert definition.dump() == data
    assert definition.as_context() == run.as_context()


@pytest.mark.parametrize(
    ("name", "promised", "own"),
    [
        ("lamp.txt", "text/plain", "lamp.step.json"),
        ("lamp.step.png", "image/png", "lamp.step.json"),
        ("lamp.html", "text/html", "lamp.step.json"),
    ],
)
def test_a_name_that_promises_another_kind_of_file_is_refused(tmp_path, name, promised, own):
    target = tmp_path / name
    for save in (
        lambda: save_step(target, STEP),
        lambda: save_step(target, STEP, overwrite=True),
        lambda: define(STEP).save(target),
    ):
        with pytest.raises(DefinitionError, match=f"promises {promised}; save it as {own}$"):
            save()
    workflow = own.replace("step", "workflow")
    with pytest.raises(DefinitionError, match=f"a workflow file is JSON, .* save it as {workflow}$"):
        Workflow({"product": "a lamp"}, steps={"step_1": STEP}).save(
            target.with_name(name.replace("step", "workflow"))
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["lamp", "lamp.v2", "lamp.json", "lamp.step.json"])
def test_a_name_without_an_ending_gets_one_as_in_the_form(tmp_path, name):
    own = name if name.endswith(".json") else f"{name}.step.json"
    for save in (lambda: save_step(tmp_path / name, STEP), lambda: define(STEP).save(tmp_path / name)):
        assert save().path == tmp_path / own
    assert [path.name for path in tmp_path.iterdir()] == [own]
    workflow = Workflow({"product": "a lamp"}, steps={"step_1": STEP}).save(tmp_path / "all")
    assert workflow.path.name == "all.workflow.json"


def test_a_folder_is_no_name_of_a_step_file(tmp_path):
    with pytest.raises(
        DefinitionError, match=r"is a folder; give a file's name in it, such as .*\.step\.json$"
    ):
        save_step(tmp_path, STEP)
    assert not list(tmp_path.iterdir())
