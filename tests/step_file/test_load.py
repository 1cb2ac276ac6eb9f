"""Import: a step file is a validated step, or one `DefinitionError` that names the place."""

from __future__ import annotations

import copy
import json
import os
import random
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import plain_values
from support.runs import run_of

from imagegen_nb import ImageGenerationStep, Workspace, load_step, save_step
from imagegen_nb.errors import AssetNotFound, DefinitionError, DefinitionWarning
from imagegen_nb.store.local import LocalStore

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")

ASSET = {
    "id": "7d2f9f6e-6a39-4d53-9d35-0d9e3f6d7a10",
    "file_url": "https://files.example/a.png",
    "file_name": "a.png",
    "file_size": 1234,
    "file_type": "image/png",
}
DOCUMENT: dict[str, Any] = {
    "format": "imagegen-nb/step",
    "version": 2,
    "exported_at": "2026-11-21T09:00:00+00:00",
    "generator": {"name": "imagegen-nb", "version": "0.1.0", "about": "a"},
    "step": {"model": "gpt-image-2", "prompt": "A {{product}}", "image_count": 2},
    "inputs": {"product": "bottle", "rows": [1, 2.5, None, {"deep": True}]},
    "output": {"settings": {"model": "gpt-image-2", "image_size": "auto"}, "assets": [ASSET]},
    "provenance": {"identifier": "step_2", "run_id": "r", "requested": 2, "duration": 1.5},
}


def put(path: str, value: Any) -> dict[str, Any]:
    """The document with `value` at the dotted `path`."""
    document = copy.deepcopy(DOCUMENT)
    *parents, last = path.split(".")
    place: Any = document
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[int(last) if isinstance(place, list) else last] = value
    return document


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def refusal(data: bytes | str | Path) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        load_step(data)
    assert type(caught.value) is DefinitionError
    return caught.value


# What is read


def test_a_step_file_gives_step_inputs_output_and_identifier():
    definition = load_step(encoded(DOCUMENT))
    assert definition.step == ImageGenerationStep(prompt="A {{product}}", image_count=2)
    assert definition.inputs == DOCUMENT["inputs"]
    assert definition.output is not None
    assert definition.output.assets[0].file_url == ASSET["file_url"]
    assert definition.identifier == "step_2"
    assert definition.changes == ()


@pytest.mark.parametrize("form", [str, Path, lambda path: path.read_bytes()])
def test_a_file_can_be_given_as_path_text_or_bytes(tmp_path, form):
    path = tmp_path / "hero.step.json"
    path.write_bytes(encoded(DOCUMENT))
    assert load_step(form(path)).step.image_count == 2


def test_what_a_file_may_leave_out_is_filled_in():
    definition = load_step(encoded({key: DOCUMENT[key] for key in ("format", "version", "step")}))
    assert (definition.inputs, definition.output, definition.identifier) == ({}, None, None)
    assert load_step(definition.dump()).step == definition.step


def test_an_imported_definition_fills_later_prompts():
    step = ImageGenerationStep(prompt="{{step_2.output.assets.0.file_url}}")
    context = {"step_2": load_step(encoded(DOCUMENT)).as_context()}
    assert step.variables == ("step_2.output.assets.0.file_url",)
    assert context["step_2"]["output"]["assets"][0]["file_url"] == ASSET["file_url"]


def test_unknown_keys_of_assets_are_kept_also_when_written_again():
    odd = {**ASSET, "object_key": "k/1", "uploaded_at": None, "deep": {"a": [1]}}
    definition = load_step(encoded(put("output.assets.0", odd)))
    assert definition.output is not None
    assert json.loads(definition.output.assets[0].model_dump_json()) == odd
    assert json.loads(definition.dump())["output"]["assets"] == [odd]


def test_with_a_workspace_the_bytes_are_at_hand(tmp_path):
    workspace = Workspace(tmp_path / "assets")
    step = ImageGenerationStep(prompt="x")
    run = run_of(step, workspace.store)
    save_step(tmp_path / "f.json", step, run=run)
    with_bytes = load_step(tmp_path / "f.json", workspace=workspace)
    without = load_step(tmp_path / "f.json")
    assert with_bytes.output is not None
    assert without.output is not None
    assert with_bytes.output.assets[0].bytes() == run.output.assets[0].bytes()
    with pytest.raises(AssetNotFound):
        without.output.assets[0].bytes()
    workspace.close()


def test_an_asset_the_store_does_not_have_stays_a_record(tmp_path):
    workspace = Workspace(tmp_path / "assets")
    definition = load_step(encoded(DOCUMENT), workspace=workspace)
    assert definition.output is not None
    assert definition.output.assets[0].stored is None
    workspace.close()


def test_a_store_that_cannot_be_read_is_a_definition_error_or_a_plain_record(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index.sqlite3").write_bytes(b"no database at all" * 100)
    workspace = Workspace(tmp_path / "assets")
    try:
        definition = load_step(encoded(DOCUMENT), workspace=workspace)
    except DefinitionError:
        return
    assert definition.output is not None
    assert definition.output.assets[0].stored is None


# What is refused, with its place


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("extra", 1, "extra"),
        ("format", "other/step", "format"),
        ("format", None, "format"),
        ("version", 3, "version"),
        ("version", 10**30, "version"),
        ("version", 0, "version"),
        ("version", -1, "version"),
        ("version", "2", "version"),
        ("version", 2.0, "version"),
        ("version", 2.5, "version"),
        ("version", True, "version"),
        ("version", None, "version"),
        ("exported_at", 5, "exported_at"),
        ("exported_at", "x" * 41, "exported_at"),
        ("generator", "me", "generator"),
        ("generator.extra", 1, "generator.extra"),
        ("generator.name", 1, "generator.name"),
        ("step", None, "step"),
        ("step", [], "step"),
        ("step.prompt", None, "step.prompt"),
        ("step.prompt", "", "step.prompt"),
        ("step.prompt", 5, "step.prompt"),
        ("step.prompt", "{{a b}}", "step.prompt"),
        ("step.prompt", "A {{product", "step.prompt"),
        ("step.image_count", 11, "step.image_count"),
        ("step.image_count", 2.0, "step.image_count"),
        ("step.image_count", "2", "step.image_count"),
        ("step.image_count", True, "step.image_count"),
        ("step.image_size", "1000x1000", "step.image_size"),
        ("step.image_quality", "ultra", "step.image_quality"),
        ("step.model", "dall-e-3", "step.model"),
        ("step.model", ["gpt-image-2"], "step.model"),
        ("step.base_url", "https://evil.example", "step.base_url"),
        ("step.api_key", "x", "step.api_key"),
        ("inputs", [], "inputs"),
        ("inputs", None, "inputs"),
        ("output", [], "output"),
        ("output", "x", "output"),
        ("output.extra", 1, "output.extra"),
        ("output.settings", None, "output.settings"),
        ("output.settings.model", 1, "output.settings.model"),
        ("output.settings.api_key", "x", "output.settings.api_key"),
        ("output.assets", {}, "output.assets"),
        ("output.assets", "abc", "output.assets"),
        ("output.assets.0", None, "output.assets.0"),
        ("output.assets.0", {}, "output.assets.0.id"),
        ("output.assets.0.id", 5, "output.assets.0.id"),
        ("output.assets.0.file_size", "12", "output.assets.0.file_size"),
        ("output.assets.0.file_size", 12.0, "output.assets.0.file_size"),
        ("output.assets.0.file_size", -1, "output.assets.0.file_size"),
        ("output.error", {"kind": "x"}, "output.error.message"),
        ("output.error", "broken", "output.error"),
        ("provenance", [], "provenance"),
        ("provenance.extra", 1, "provenance.extra"),
        ("provenance.identifier", "a b", "provenance.identifier"),
        ("provenance.backend", "cloud", "provenance.backend"),
        ("provenance.requested", "2", "provenance.requested"),
        ("provenance.sha256", {"a": 1}, "provenance.sha256.a"),
    ],
)
def test_what_does_not_belong_is_refused_at_its_place(path, value, place):
    error = refusal(encoded(put(path, value)))
    assert error.place == place
    assert str(error).startswith(f"{place}: ")


@pytest.mark.parametrize("key", ["format", "version", "step"])
def test_what_a_file_must_have_is_missed(key):
    error = refusal(encoded({name: value for name, value in DOCUMENT.items() if name != key}))
    assert key in str(error)


@pytest.mark.parametrize(
    "path", ["step.prompt", "step.name", "inputs.product", "inputs.rows.0", "generator.name"]
)
@pytest.mark.parametrize("broken", ["\\u0000", "\\ud800", "\\udfff", "\\ud800\\ud800", "\\udc00x"])
def test_nul_and_lone_surrogates_are_refused(path, broken):
    data = encoded(put(path, "MARK")).replace(b"MARK", f"a{broken}b".encode())
    error = refusal(data)
    if broken == "\\u0000":
        assert error.place == path


def test_nul_in_a_key_is_refused():
    error = refusal(encoded(put("inputs.product", {"a\0b": 1})))
    assert error.place.startswith("inputs.product")
    assert "\0" not in str(error)


def test_a_newer_version_says_to_update():
    assert "Update imagegen-nb" in str(refusal(encoded(put("version", 3))))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"3",
        b'"text"',
        b"{}",
        b"{",
        b"not json",
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf{}",
        b"{'format': 1}",
        b'{"prompt": "x",}',
        b'{"prompt": "x"} trailing',
        b'{"prompt": "\xff"}',
        b'{"prompt": "a\nb"}',
        b'{"prompt": "x", "prompt": "y"}',
        b'{"prompt": "x", "inputs": {"a": 1, "a": 2}}',
        b'{"prompt": "x", "inputs": {"a": NaN}}',
        b'{"prompt": "x", "inputs": {"a": Infinity}}',
        b'{"prompt": "x", "inputs": {"a": -Infinity}}',
        b'{"prompt": "x", "inputs": {"a": 1e400}}',
        b'{"prompt": "x", "inputs": {"a": -1e999999}}',
        b'{"prompt": "x", "inputs": {"a": ' + b"9" * 5000 + b"}}",
        b'{"prompt": "x", "inputs": {"a": 01}}',
        b'{"prompt": "x", "inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 900_000,
        b'{"a":' * 150_000,
    ],
    ids=lambda data: ascii(data[:40]),
)
def test_what_is_no_proper_json_object_is_refused(data):
    assert str(refusal(data))


def test_a_file_over_a_megabyte_is_refused(tmp_path):
    path = tmp_path / "large.json"
    path.write_bytes(encoded(put("inputs.product", "x" * 1_000_000)))
    assert "1,000,000" in str(refusal(path))
    assert "1,000,000" in str(refusal(path.read_bytes()))


def test_a_file_without_end_is_read_no_further_than_the_cap(tmp_path):
    path = tmp_path / "sparse.json"
    with path.open("wb") as file:
        file.truncate(50 * 1024**3)
    assert "1,000,000" in str(refusal(path))


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "there is no file" in str(refusal(tmp_path / "absent.json"))
    assert f"{tmp_path} is a folder: give a file in it" in str(refusal(tmp_path))
    assert "not a file" in str(refusal(tmp_path / "pipe"))
    assert "not a file" in str(refusal("/dev/null"))


@pytest.mark.parametrize("path", ["~nobody-by-this-name/f.json", "a\0b", "x" * 5000, ""])
def test_a_path_that_cannot_be_is_refused(path):
    assert str(refusal(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = tmp_path / "secret.json"
    path.write_bytes(encoded(DOCUMENT))
    path.chmod(0)
    assert "cannot read" in str(refusal(path))


KEY = "sk-" + "canary0123456789canary"


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")
@pytest.mark.parametrize(
    "path",
    [
        *("format", "version", "step", "step.model", "step.image_size", "step.image_count", "output"),
        *("provenance.identifier", "provenance.backend", "output.assets.0.file_size", "generator"),
    ],
)
def test_a_refusal_never_repeats_a_key_that_stands_in_the_file(path):
    assert "canary" not in str(refusal(encoded(put(path, KEY))))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("image_count", 12, "step.image_count: not in its range (12). Use a whole number from 1 to 10"),
        ("image_count", 2.5, "step.image_count: not a whole number (2.5). Use"),
        ("image_count", True, "step.image_count: not a whole number (true). Use"),
        ("image_count", 10**40, "step.image_count: not in its range (10000000000…). Use"),
        ("image_size", "1000x1000", "step.image_size: both edges must be multiples of 16 (1000x1000). The"),
        ("image_size", "10000x16", "step.image_size: "),
        # Any other text may be a key.
        ("image_quality", "hunter2", "step.image_quality: not one of its values. Use auto"),
        ("image_size", "hunter2x1000", "step.image_size: not a size. Use"),
        ("image_count", "12", "step.image_count: not a whole number. Use"),
        ("api_key", 12345678, "step.api_key: not a setting of this step. "),
        ("seed", 12345678, "step.seed: unknown setting. "),
    ],
)
def test_of_values_a_refusal_repeats_numbers_and_sizes(name, value, told):
    said = str(refusal(encoded(put(f"step.{name}", value))))
    assert said.startswith(told)
    assert not any(text in said for text in ("hunter", "12345678"))


def test_a_value_that_was_dropped_is_told_of_in_the_same_way():
    with pytest.warns(DefinitionWarning, match=r"^step.image_size was dropped: not a size \(16:9\)$"):
        load_step(encoded(put("step.image_size", "16:9")))


def test_a_refusal_never_repeats_a_key_that_stands_where_a_name_should():
    assert "canary" not in str(refusal(encoded(put(f"step.{KEY}", "x"))))


def test_what_was_refused_does_not_travel_with_the_error():
    """Dask pickles an error with the one that was being handled, whatever `from None` says."""
    refused = refusal(encoded(put(f"step.{KEY}", "x")))
    assert refused.__cause__ is refused.__context__ is None
    refused = refusal(encoded(put("output.assets", KEY)))
    assert refused.__cause__ is refused.__context__ is None


@pytest.mark.parametrize("path", ["format", "version", "step.model", "step.colour", "exported_at"])
def test_a_refusal_stays_readable_whatever_the_file_holds(path):
    length = len(str(refusal(encoded(put(path, "x" * 500_000)))))
    assert length < 2_000


def test_a_refusal_of_very_many_unknown_keys_stays_readable():
    crowd = {f"key_{n}": n for n in range(20_000)}
    length = len(str(refusal(encoded(put("step", {"prompt": "x", **crowd})))))
    assert length < 5_000


def test_all_problems_of_the_step_are_told_at_once():
    step = {"prompt": "x", "image_count": 0, "image_quality": "ultra", "colour": "red"}
    said = str(refusal(encoded(put("step", step))))
    assert all(f"step.{key}: " in said for key in ("image_count", "image_quality", "colour"))


# What is dropped, with a warning


@pytest.mark.parametrize(
    ("step", "dropped"),
    [
        ({"image_output_compression": 50, "image_output_format": "png"}, ["image_output_compression"]),
        ({"image_output_compression": 50}, ["image_output_compression"]),
        ({"image_output_compression": 50, "model": None}, ["image_output_compression"]),
        ({"image_background": "transparent", "image_output_format": "jpeg"}, ["image_background"]),
        ({"model": "grok-imagine-image", "image_quality": "high"}, ["image_quality"]),
        (
            {"model": "grok-imagine-image", "image_size": "1024x1024", "image_moderation": "low"},
            ["image_size", "image_moderation"],
        ),
        ({"model": "gemini-2.5-flash-image", "image_output_format": "webp"}, ["image_output_format"]),
    ],
)
def test_a_stored_value_that_does_not_apply_is_dropped_with_a_warning(step, dropped):
    with pytest.warns(DefinitionWarning) as warned:
        definition = load_step(encoded(put("step", {"prompt": "x", **step})))
    warned = [warning for warning in warned if warning.category is DefinitionWarning]
    assert [str(warning.message).partition(" ")[0] for warning in warned] == [
        f"step.{key}" for key in dropped
    ]
    assert all(warning.filename == __file__ for warning in warned)
    assert all(getattr(definition.step, key) is None for key in dropped)
    assert len(definition.changes) == len(dropped)


def test_what_was_dropped_is_gone_from_the_next_dump():
    with pytest.warns(DefinitionWarning):
        definition = load_step(encoded(put("step.image_output_compression", 50)))
    assert "image_output_compression" not in json.loads(definition.dump())["step"]


def test_a_value_that_is_wrong_in_itself_is_refused_and_not_dropped():
    step = {"prompt": "x", "image_output_format": "jpeg", "image_output_compression": 500}
    assert refusal(encoded(put("step", step))).place == "step.image_output_compression"


# Anything at all


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data):
    refusal(data)


def survives(data: bytes) -> None:
    """Whatever the bytes are: a definition that can be written again, or a `DefinitionError`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            definition = load_step(data)
            again = load_step(definition.dump())
        except DefinitionError:
            return
    assert again.step == definition.step


def test_damaged_files_are_read_or_refused_and_raise_nothing_else():
    rng = random.Random(7)
    whole = encoded(DOCUMENT)
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data))
            change = rng.randrange(4)
            if change == 0:
                data[at] = rng.randrange(256)
            elif change == 1:
                del data[at : at + rng.randrange(1, 30)]
            elif change == 2:
                data[at:at] = rng.choice(
                    [b"{", b"]", b'"', b"\\u0000", b"1e999", b"null", b",", b"\xed\xa0\x80"]
                )
            else:
                del data[at:]
            if not data:
                break
        survives(bytes(data))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    paths = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        paths += places(item, (*path, key))
    return paths


wild = plain_values | st.sampled_from(
    ["\0", "{{", "{{x}}", "png", "imagegen-nb/step", 1, 2, 3, -1, 1.0, True, [], {}, 10**30, {"prompt": "x"}]
)


@given(st.data())
def test_a_document_with_any_value_replaced_is_read_or_refused(data):
    document = copy.deepcopy(DOCUMENT)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(document)))
        value = copy.deepcopy(data.draw(wild))  # those it is sampled from stay as they are
        if not path:
            document = value
        else:
            place = document
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
        if not isinstance(document, dict):
            break
    survives(encoded(document))


@given(st.dictionaries(st.sampled_from([*DOCUMENT, "prompt", "model", "image_size", "x"]), wild, max_size=6))
def test_any_object_is_read_or_refused(document):
    survives(encoded(document))


def test_the_store_of_an_import_is_only_read(tmp_path):
    workspace = Workspace(LocalStore(tmp_path / "assets"))
    before = workspace.store.used
    load_step(encoded(DOCUMENT), workspace=workspace)
    assert workspace.store.used == before == 0
    workspace.close()


YAML = [
    "prompt: A lamp\nmodel: gpt-image-2\n",
    "---\nprompt: A lamp\n",
    "# a step\n\nprompt: A lamp\n",
    '"prompt": A lamp\n',
    "- prompt: A lamp\n",
    "%YAML 1.2\n---\nprompt: x\n",
    "format: imagegen-nb/step\r\nversion: 2\r\n",
]


@pytest.mark.parametrize("text", YAML)
def test_yaml_is_told_that_json_is_expected(text, tmp_path):
    (tmp_path / "hero.step.yaml").write_text(text)
    with pytest.raises(DefinitionError, match="looks like YAML: a step file is JSON"):
        load_step(tmp_path / "hero.step.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{'prompt': 1}",
        "hello",
        "[1",
        "\n" * 9_000,
        " \n#" * 3_000,
        "\x00",
        '{"a": NaN}',
        "a" * 10_000,
    ],
)
def test_what_is_neither_is_not_called_yaml(text):
    with pytest.raises(DefinitionError, match=r"is not valid JSON|is empty"):
        load_step(text.encode())


def test_a_merge_conflict_is_called_that():
    text = '{\n<<<<<<< HEAD\n"prompt": "a"\n=======\n"prompt": "b"\n>>>>>>> theirs\n}'
    with pytest.raises(DefinitionError, match="the file holds a merge conflict"):
        load_step(text.encode())


def test_a_file_that_is_called_yaml_is_told_so_too(tmp_path):
    (tmp_path / "hero.step.YML").write_text("{prompt: A lamp}")
    with pytest.raises(DefinitionError, match="a step file is JSON"):
        load_step(tmp_path / "hero.step.YML")


@pytest.mark.parametrize("text", ["import os", "[]", "a: 1", "<<<<<<< a", "\ufeff{}", "x" * 1_000_001])
def test_what_is_no_step_file_is_named(tmp_path, text):
    (tmp_path / "mist.py").write_text(text)
    assert str(refusal(tmp_path / "mist.py")).startswith(f"{tmp_path / 'mist.py'} ")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty: write it again"),
        (b'{"step": {', "column 10: it ends too early). Write it again, or take a whole copy"),
        (
            b'{"step": 1 "x": 2}',
            "(line 1, column 12: a comma or a closing bracket is missing): mend it there, or just before, or",
        ),
        (b"trusted", "is not valid JSON (line 1, column 4): give a step file, which is JSON, or an image"),
        (
            b'step = "hero.step.json"\n[over]\nimage_count = [1]',
            "is a sweep file, and no step file: imagegen-nb sweep",
        ),
        (b"layout: 1\nrecordings:\n- a", "is a cassette, and no step file: imagegen-nb cassettes check"),
        (b'{"cells": [], "nbformat": 4}', "this is a notebook, and no step file: imagegen-nb record"),
    ],
)
def test_another_file_is_told_for_what_it_is(tmp_path, data, said):
    file = tmp_path / "a.json"
    file.write_bytes(data)
    with pytest.raises(DefinitionError) as refused:
        load_step(file)
    assert said in str(refused.value)
