"""The step of an image: from the store, from its own file, from beside it, and from other tools' words."""

from __future__ import annotations

import io
import json
import os
import time
import warnings
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from support.images import chunk, packed_zeros, picture
from support.ledger import made, new
from support.sample_keys import one_of_each

from imagegen_nb import ImageGenerationStep, Workspace, load_step, step_from
from imagegen_nb.core import image_file_texts, images
from imagegen_nb.errors import DefinitionError, DefinitionWarning, InvalidOption
from imagegen_nb.step.output import Asset
from imagegen_nb.step.provenance import STEP_PROPERTY
from imagegen_nb.step_file.document import StepDefinition

SIGNED = Path(__file__).parents[1] / "support" / "signed_images"
PROMPT = "A {{product}} é 🦊"
REAL = """a fox, ((detailed)), {{emphasis}}
Negative prompt: ugly, blurry
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 1024x1024, Model: v1-5"""


@pytest.fixture
def workspace(tmp_path):
    with Workspace(tmp_path / "assets", backend="emulator") as made_here:
        yield made_here


def with_parameters(text, kind="PNG"):
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("parameters", text)
        options = {"pnginfo": info}
    else:
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
        options = {"exif": exif.tobytes()}
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture())).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_was_saved_comes_back_without_the_store(workspace, tmp_path, kind):
    path = made(workspace.store, picture(kind)).save(tmp_path / f"out.{kind.lower()}", embed=True)
    for source in (path, str(path), path.read_bytes()):
        definition = load_step(source)
        assert definition.step.prompt == PROMPT
        assert definition.inputs == {"product": "lamp"}
        assert definition.identifier == "step_7"
        assert (definition.output, definition.changes) == (None, ())


def test_the_store_knows_more_than_the_file(workspace, tmp_path):
    asset = made(workspace.store, picture())
    plain = asset.save(tmp_path / "plain.png")
    for source in (asset, plain, plain.read_bytes(), Asset(**asset.model_dump())):
        definition = load_step(source, workspace=workspace)
        assert (definition.step.prompt, definition.inputs) == (PROMPT, {"product": "lamp"})
        assert [one.bytes() for one in definition.output.assets] == [picture()]
    assert load_step(asset).step.prompt == PROMPT


def test_the_step_of_an_image_is_at_hand_to_be_changed_and_run_again(workspace, tmp_path):
    asset = made(workspace.store, picture())
    for source in (asset, asset.save(tmp_path / "hero.png", embed=True)):
        assert step_from(source).replace(image_count=2).prompt == PROMPT
    with pytest.raises(DefinitionError, match="does not name the step that made it"):
        step_from(picture("WEBP"), workspace=workspace)


def test_what_has_a_step_or_is_one_says_so(workspace):
    run = ImageGenerationStep(prompt="A lamp").run(workspace=workspace)
    with pytest.raises(
        InvalidOption, match=r"source is of type Run: its step is its \.step, as in run\.step; or"
    ):
        step_from(run)
    with pytest.raises(InvalidOption, match="it is the step itself"):
        step_from(run.step)
    with pytest.raises(InvalidOption, match="type int: pass a path to a step file or an image, or the bytes"):
        load_step(3)


def test_an_asset_of_no_store_or_of_no_step_is_told(workspace):
    asset = made(workspace.store, picture())
    with pytest.raises(DefinitionError, match="is not available: pass the workspace"):
        load_step(Asset(**asset.model_dump()))
    with pytest.raises(DefinitionError, match="kept no settings of its run"):
        load_step(made(workspace.store, picture("JPEG"), settings_json=""))
    with pytest.raises(DefinitionError, match="no asset"):
        load_step(Asset(**{**asset.model_dump(), "id": "unknown"}), workspace=workspace)
    workspace.store.put([new(workspace.store, picture("WEBP"))])
    with pytest.raises(DefinitionError, match="does not name the step that made it"):
        load_step(picture("WEBP"), workspace=workspace)
    unknown = made(workspace.store, picture("PNG", (9, 9)), settings_json='{"model": "x-1", "prompt": "a"}')
    with pytest.raises(DefinitionError, match=r"step\.model"):
        load_step(unknown)


def test_a_side_file_counts_for_its_own_image_only(workspace, tmp_path):
    path = made(workspace.store, (SIGNED / "signed.png").read_bytes()).save(tmp_path / "a.png", embed=True)
    assert load_step(path).step.prompt == PROMPT
    with pytest.raises(DefinitionError, match="does not name the step"):
        load_step(path.read_bytes())
    path.write_bytes(picture())
    with pytest.raises(DefinitionError, match="does not name the step"):
        load_step(path)
    (tmp_path / "a.png.step.json").unlink()
    (tmp_path / "a.png.step.json").mkdir()
    with pytest.raises(DefinitionError, match="does not name the step"):
        load_step(path)
    (tmp_path / "a.png.step.json").rmdir()
    os.mkfifo(tmp_path / "a.png.step.json")  # nobody writes into it: reading it would never end
    with pytest.raises(DefinitionError, match="does not name the step"):
        load_step(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_other_tools_words_are_taken_as_far_as_they_go(kind):
    with pytest.warns(DefinitionWarning):
        definition = load_step(with_parameters(REAL, kind))
    assert definition.step.prompt == "a fox, ((detailed)), {{emphasis}}"
    assert definition.step.image_size == "1024x1024"
    told = "\n".join(definition.changes)
    assert "“parameters”" in told
    # A negative prompt has commas of its own.
    assert "Negative prompt: ugly, blurry; Steps: 20; Sampler: Euler a; " in told
    assert "Model: v1-5" in told
    assert "Size" not in told


def test_a_model_and_a_size_are_taken_if_they_are_known_here():
    text = "a fox\nSteps: 1, Model: grok-imagine-image, Size: 512x512"
    with pytest.warns(DefinitionWarning):
        definition = load_step(with_parameters(text))
    assert (definition.step.model, definition.step.image_size) == ("grok-imagine-image", None)
    assert "Size: 512x512" in definition.changes[-1]


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")
@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("a fox <lora:add_detail:0.8>, forest", "<lora:add_detail:0.8>"),
        ("a (red:1.2) fox, ((detailed)), (fur: .9)", "(red:1.2), ((detailed)), (fur: .9)"),
        ("a [fox|wolf], [forest:city:0.5], [::0.3]", "[fox|wolf], [forest:city:0.5], [::0.3]"),
        ("a fox BREAK a forest AND snow BREAK dusk", "BREAK, AND"),
        (r"holo \(spice and wolf\), a fox", r"\(spice and wolf\)"),
        ("{{{fox}}}, (fur:1.3)", "(fur:1.3)"),
        (f"(a:1){'(b:2)' * 9} (c:1) (d:1) (e:1) (f:1) (g:1)", "(a:1), (b:2), (c:1), (d:1), (e:1) and 2 more"),
        ("x (" + "long " * 15 + ":1.1)", "(long long long long long long long lon…"),
    ],
)
def test_what_other_tools_do_not_read_as_words_is_told(prompt, told):
    definition = load_step(with_parameters(f"{prompt}\nSteps: 1, Size: 1024x1024, Seed: 3"))
    (said,) = [change for change in definition.changes if "plain words" in change]
    assert said == (
        "the model takes for plain words what other tools read as weights or commands: "
        f"{told}; take it out, or say in words what it is for"
    )


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")
@pytest.mark.parametrize(
    "prompt", ["a fox (in the snow) and a lamp, ratio 3:2", "take a break [softly], <b>, a: 1 (see 2:30 pm)"]
)
def test_brackets_that_are_words_are_left_alone(prompt):
    definition = load_step(with_parameters(f"{prompt}\nSteps: 1, Size: 1024x1024, Seed: 3"))
    assert "plain words" not in "\n".join(definition.changes)


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")
def test_variables_in_others_words_and_keys_in_them():
    definition = load_step(with_parameters(REAL))
    assert "{{emphasis}} counts as a variable" in "\n".join(definition.changes)
    key = one_of_each()["an OpenAI key"]
    definition = load_step(with_parameters(f"a fox\nNegative prompt: {key}\nSteps: 1, Size: 2, Seed: {key}"))
    assert key not in "\n".join(definition.changes)


@pytest.mark.parametrize(
    "prompt", ["a {{broken tag}}", "{{{masterpiece}}}, {{{{fox}}, snow}}", "a fox {{", "{{}} and {{fox}}"]
)
def test_braces_that_are_no_variables_stand_in_an_input(prompt):
    """As NovelAI weighs words."""
    with pytest.warns(DefinitionWarning):
        definition = load_step(with_parameters(f"{prompt}\nSteps: 1, Size: 1024x1024, Seed: 3"))
    assert "value of the input `prompt`" in "\n".join(definition.changes)
    assert (definition.step.prompt, definition.step.image_size) == ("{{prompt}}", "1024x1024")
    assert definition.inputs == {"prompt": prompt}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Negative prompt: ugly", "have no prompt"),
        ("x" * 40_000, r"step\.prompt"),
    ],
)
def test_words_that_make_no_step_are_told(text, message):
    with warnings.catch_warnings(action="ignore"), pytest.raises(DefinitionError, match=message):
        load_step(with_parameters(text))


def test_an_image_without_words_says_what_to_do():
    with pytest.raises(DefinitionError, match=r"In Python, load_step\(path, workspace=ws\) looks for it"):
        load_step(picture())
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "{}")
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture())).save(buffer, "PNG", pnginfo=info)
    with pytest.raises(DefinitionError, match="holds settings of ComfyUI"):
        load_step(buffer.getvalue())


def own(document):
    """An image that claims to be of such a step."""
    text = document if isinstance(document, str) else json.dumps(document)
    return image_file_texts.with_texts(
        picture(), {STEP_PROPERTY: text}, {STEP_PROPERTY.removesuffix("step"): "own"}, "a"
    )


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("{", ""),
        ("[]", ""),
        ({"format": "imagegen-nb/step", "version": 3, "step": {"prompt": "a"}}, "version"),
        (
            {"format": "imagegen-nb/step", "version": 2, "step": {"prompt": "a", "image_count": 99}},
            "step.image_count",
        ),
        ({"format": "imagegen-nb/step", "version": 2, "step": {"prompt": "a"}, "extra": 1}, "extra"),
    ],
)
def test_a_strangers_step_is_checked_as_any(document, place):
    with pytest.raises(DefinitionError) as caught:
        load_step(own(document))
    assert caught.value.place == place


def test_bombs_and_large_files_are_bounded(tmp_path):
    bomb = picture()[:33] + chunk(b"iTXt", b"parameters\0\1\0\0\0" + packed_zeros(50_000_000))
    with pytest.raises(DefinitionError, match="does not name"):
        load_step(bomb + picture()[33:])
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.write(picture())
        file.truncate(images.LARGEST_FILE + 10)
    with pytest.raises(DefinitionError, match="more than"):
        load_step(huge)


@pytest.mark.parametrize(
    "part",
    [
        chunk(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(4_000_000))),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<a>" * 600_000)),
        chunk(b"tEXt", b"a\0b"),
        chunk(b"zzzz", b""),
    ],
    ids=["texts", "packets", "keywords", "nothing"],
)
def test_very_many_parts_take_no_long_time(part):
    data = picture()[:33] + part * (20_000_000 // len(part)) + picture()[33:]
    begun = time.process_time()
    with pytest.raises(DefinitionError, match="does not name"):
        load_step(data)
    assert image_file_texts.with_texts(data, {}, {}, "a") is None or part[4:8] == b"zzzz"
    assert time.process_time() - begun < 5


WHOLE = [
    own({"format": "imagegen-nb/step", "version": 2, "step": {"prompt": "a fox"}, "inputs": {"a": [1]}}),
    with_parameters(REAL),
    with_parameters(REAL, "JPEG"),
    with_parameters(REAL, "WEBP"),
    (SIGNED / "signed.jpg").read_bytes(),
]


@pytest.mark.filterwarnings("ignore")
@given(st.sampled_from(WHOLE), st.binary(max_size=40), st.data())
def test_whatever_the_bytes_it_is_a_step_or_one_kind_of_error(whole, noise, data):
    at = data.draw(st.integers(8, len(whole)))
    damaged = whole[:at] + noise + whole[at + data.draw(st.sampled_from([0, len(noise)])) :]
    try:
        found = load_step(damaged)
    except DefinitionError:
        return
    assert isinstance(found, StepDefinition)
