"""Export, import and code of a form's step, without the form around it."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace

import pytest
from support.runs import run_of

from imagegen_nb.platform.uploads import push
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import LARGEST_FILE, StepDefinition
from imagegen_nb.step_file.export import save_step
from imagegen_nb.step_file.load import load_step
from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.exportable import Exportable
from imagegen_nb.widgets.import_export import ImportExport, ImportExportCallbacks

STEP = ImageGenerationStep(name="Lamp", prompt="a lamp")


@pytest.fixture
def imported():
    """What was imported and undone, in order."""
    return []


def part(step, imported, *, run=None, inputs=None):
    def take(definition):
        imported.append(definition)
        return restore

    def restore():
        imported.append("undone")
        return again

    def again():
        imported.append("again")
        return restore

    exported = {"run": run, "identifier": "step_2", "inputs": inputs or {}, "number": 3 if run else 0}
    exports = [Exportable(step=step, **exported)]
    made = ImportExport(ImportExportCallbacks(lambda: exports[0], take))
    made.exports = exports
    return made


def change(made, **values):
    """Let it export something else from now on."""
    made.exports[0] = replace(made.exports[0], **values)
    made.update()


def press(made, label):
    made._handle_custom_msg({"type": "action", "label": label}, [])


def test_the_download_is_the_file_that_was_saved_and_made_once(imported, tmp_path, monkeypatch):
    dumps = []
    dump = StepDefinition.dump
    monkeypatch.setattr(
        StepDefinition, "dump", lambda definition: dumps.append(dump(definition)) or dumps[-1]
    )
    made = part(STEP, imported)
    made.path.value = str(tmp_path / "lamp.step.json")
    made.export_button.click()
    assert "Saved the settings to lamp.step.json" in made.message.value
    data = b64decode(made.told["download"]["data"])
    assert made.told["download"]["name"] == "lamp.step.json"
    assert dumps == [data] == [(tmp_path / "lamp.step.json").read_bytes()]
    assert load_step(tmp_path / "lamp.step.json").identifier == "step_2"


def test_without_a_name_the_file_is_named_after_the_step(imported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = part(STEP, imported)
    made._handle_custom_msg({"type": "export"}, [])
    assert made.view["default"] == "lamp.step.json"
    assert [path.name for path in tmp_path.iterdir()] == ["lamp.step.json"]


def test_the_name_that_is_used_when_none_is_typed_follows_the_step(imported):
    made = part(None, imported)
    change(made, step=STEP.replace(name="A red fox"))
    assert made.view["default"] == "a-red-fox.step.json"
    change(made, step=None)
    assert made.view["default"] == "a-red-fox.step.json"


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A card for {{step_2.output.assets.0.file_name}} on sand", "a-card-for-on-sand"),
        ("A {{product}} on sand", "a-product-on-sand"),
        ("{{step_2.output.assets.0.file_name}}", "image"),
        ("A lighthouse on a cliff above the sea, at dusk", "a-lighthouse-on-a-cliff-above"),
        ("x" * 60, "x" * 32),
    ],
)
def test_a_name_after_a_prompt_is_short_and_has_no_paths(imported, prompt, name):
    made = part(ImageGenerationStep(prompt=prompt), imported)
    assert made.view["default"] == f"{name}.step.json"


@pytest.mark.parametrize(
    ("typed", "used"),
    [
        ("hero", "hero.step.json"),
        ("hero.v2", "hero.v2.step.json"),
        ("hero.json", "hero.json"),
        ("a.JSON", "a.JSON"),
    ],
)
def test_a_name_without_an_ending_is_given_one_that_stands_in_the_field(
    imported, tmp_path, monkeypatch, typed, used
):
    monkeypatch.chdir(tmp_path)
    made = part(STEP, imported)
    made.path.value = typed
    made.export_button.click()
    assert [path.name for path in tmp_path.iterdir()] == [used]
    assert made.view["path"] == used
    made.export_button.click()
    assert made.told["actions"][0] == f"Replace {used}"


def test_a_file_that_cannot_be_written_is_named(imported, tmp_path):
    (tmp_path / "file").write_text("")
    made = part(STEP, imported)
    made.path.value = str(tmp_path / "file" / "lamp.step.json")
    made.export_button.click()
    assert "cannot write" in made.message.value
    assert made.told["failed"]


@pytest.mark.parametrize("kind", ["file", "link to nothing"])
def test_a_file_that_is_there_is_not_replaced_in_silence(imported, tmp_path, kind):
    there = tmp_path / "lamp.step.json"
    if kind == "file":
        there.write_text("mine")
    else:
        there.symlink_to(tmp_path / "nowhere")
    made = part(STEP, imported)
    made.path.value = str(there)
    made.export_button.click()
    assert made.message.value == "lamp.step.json is there already. Nothing was written."
    assert made.told["actions"] == ["Replace lamp.step.json", "Save as lamp-2.step.json"]
    assert made.told["failed"]
    assert [path.name for path in tmp_path.iterdir()] == ["lamp.step.json"]
    assert kind != "file" or there.read_text() == "mine"


def test_who_says_so_replaces_it(imported, tmp_path):
    there = tmp_path / "lamp.step.json"
    there.write_text("mine")
    made = part(STEP, imported)
    made.path.value = str(there)
    made.export_button.click()
    press(made, "Replace lamp.step.json")
    assert "Saved the settings in place of the older lamp.step.json" in made.message.value
    assert json.loads(there.read_text())["step"]["prompt"] == "a lamp"
    assert made.told["actions"] == []


def test_what_the_platform_has_of_the_same_images_is_kept(imported, tmp_path, workspace):
    step = STEP.replace(image_size="1024x640")
    run = step.run(workspace=workspace)
    target = tmp_path / "lamp.step.json"
    save_step(target, step, run=run)
    push(target, store=workspace.store, base_url="emulator")
    pushed = load_step(target).output
    made = part(step, imported, run=run)
    made.path.value = str(target)
    made.export_button.click()
    press(made, "Replace lamp.step.json")
    assert load_step(target).output == pushed


def test_an_offer_ends_with_the_name_it_was_made_for(imported, tmp_path):
    there = tmp_path / "one.step.json"
    there.write_text("mine")
    made = part(STEP, imported)
    made.path.value = str(there)
    made.export_button.click()
    made._handle_custom_msg({"type": "entry", "key": "path", "value": str(tmp_path / "two.step.json")}, [])
    assert made.told["actions"] == []
    assert made.message.value == ""
    # A page that has not heard of it yet still shows the buttons.
    for label in ("Replace one.step.json", "Save as one-2.step.json"):
        press(made, label)
    assert there.read_text() == "mine"
    made.export_button.click()
    press(made, "Replace one.step.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.step.json", "two.step.json"]
    assert there.read_text() == "mine"


def test_what_is_no_matter_of_the_name_stays_while_one_is_typed(imported):
    made = part(None, imported)
    made.export_button.click()
    made.path.value = "two.step.json"
    assert "The step has problems" in made.message.value


def test_the_next_free_name_is_offered_and_stays(imported, tmp_path):
    for name in ("lamp.step.json", "lamp-2.step.json"):
        (tmp_path / name).write_text("mine")
    made = part(STEP, imported)
    made.path.value = str(tmp_path / "lamp.step.json")
    made.export_button.click()
    press(made, "Save as lamp-3.step.json")
    assert "Saved the settings to lamp-3.step.json" in made.message.value
    assert made.path.value == str(tmp_path / "lamp-3.step.json")
    assert {path.read_text() for path in tmp_path.glob("lamp*2*")} == {"mine"}
    assert (tmp_path / "lamp.step.json").read_text() == "mine"


def test_a_proposed_name_follows_the_step_also_after_another_one_was_taken(imported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lamp.step.json").write_text("mine")
    made = part(STEP, imported)
    made.export_button.click()
    press(made, "Save as lamp-2.step.json")
    assert (tmp_path / "lamp-2.step.json").exists()
    change(made, step=STEP.replace(name="Chair"))
    made.update()
    assert (made.view["path"], made.view["default"]) == ("", "chair.step.json")


def test_an_offer_that_somebody_else_took_meanwhile_is_made_again(imported, tmp_path):
    (tmp_path / "lamp.step.json").write_text("mine")
    made = part(STEP, imported)
    made.path.value = str(tmp_path / "lamp.step.json")
    made.export_button.click()
    (tmp_path / "lamp-2.step.json").write_text("yours")
    press(made, "Save as lamp-2.step.json")
    assert (tmp_path / "lamp-2.step.json").read_text() == "yours"
    assert "Save as lamp-2-2.step.json" in made.told["actions"]


@pytest.mark.parametrize(
    ("name", "free"),
    [("a.step.json", "a-2.step.json"), ("a.json", "a-2.json"), (".a.json", ".a-2.json")],
)
def test_a_free_name_keeps_its_ending(imported, tmp_path, name, free):
    (tmp_path / name).write_text("mine")
    made = part(STEP, imported)
    made.path.value = str(tmp_path / name)
    made.export_button.click()
    assert f"Save as {free}" in made.told["actions"]


def test_a_folder_that_is_missing_is_told_with_what_makes_it(imported, tmp_path):
    made = part(STEP, imported)
    made.path.value = str(tmp_path / "nowhere" / "lamp.step.json")
    made.export_button.click()
    assert f"there is no folder {tmp_path}/nowhere; make it (mkdir -p " in made.message.value


def test_a_folder_of_that_name_is_told_and_left(imported, tmp_path):
    made = part(STEP, imported)
    made.path.value = str(tmp_path)
    made.export_button.click()
    assert "cannot write" in made.message.value
    assert made.told["actions"] == []


@pytest.mark.parametrize(
    ("ran", "wanted", "said"),
    [
        (True, True, "Saved run 3 to lamp.step.json, with the output of 2 images."),
        (True, False, "Saved the settings to lamp.step.json, without an output: as you chose."),
        (
            False,
            True,
            "Saved the settings to lamp.step.json, without an output: no run has these settings yet.",
        ),
        (False, False, "Saved the settings to lamp.step.json, without an output: as you chose."),
    ],
)
def test_an_export_says_what_it_holds(imported, tmp_path, ran, wanted, said):
    step = STEP.replace(image_count=2)
    run = run_of(step, Workspace(tmp_path / "store").store) if ran else None
    made = part(step, imported, run=run)
    made.with_output.value = wanted
    made.path.value = str(tmp_path / "lamp.step.json")
    made.export_button.click()
    first, *notes = made.message.value.splitlines()
    assert first == said
    assert all(note.startswith("Note: ") for note in notes)
    assert (load_step(tmp_path / "lamp.step.json").output is not None) == (ran and wanted)


def test_before_the_click_it_says_what_the_file_will_hold(imported, tmp_path):
    run = run_of(STEP, Workspace(tmp_path / "store").store)
    made = part(STEP, imported)
    pictures = "A step file holds no image files; download those on the Output tab."
    none = "no run was made with them yet, so there is no output to write"
    assert made.view["promise"] == f"Writes these settings only: {none}. {pictures}"
    assert made.view["output_label"] == "Include the run's output"
    change(made, run=run, number=3)
    assert made.view["output_label"] == "Include the output of run 3"
    pictures = f"{pictures[:-1]}, where Export this run writes a run with the settings it had."
    assert made.view["promise"] == f"Writes these settings and the output of run 3. {pictures}"
    change(made, output_number=4)
    other = "Run 4, the output, was made with others."
    assert made.view["promise"] == f"Writes these settings and the output of run 3. {other} {pictures}"
    made.with_output.value = False
    assert made.view["promise"] == f"Writes these settings, without an output. {pictures}"
    change(made, step=None)
    assert "before the fields above are fixed" in made.view["promise"]
    made._handle_custom_msg({"type": "export"}, [])
    assert made.message.value == "The step has problems; fix them first."
    change(made, is_unwritten=True)
    assert made.view["promise"] == "Write a prompt first. It can be exported then."
    made._handle_custom_msg({"type": "export"}, [])
    assert made.message.value == "Write a prompt first."
    change(made, step=STEP)
    assert made.message.value == ""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello", "Nothing was imported. notes.txt is not valid JSON (line 1, column 1): give a step file"),
        (b"[]", "Nothing was imported. notes.txt holds a JSON list, not an object"),
        (b"{}", "Nothing was imported. notes.txt: "),
        (
            b'{"format": "imagegen-nb/step", "version": 2, "step": {"model": "gpt-image-2", "prompt": "a", '
            b'"image_count": 12}}',
            "Nothing was imported. notes.txt: step.image_count: not in its range (12). Use",
        ),
        (
            b'{"format": "imagegen-nb/step", "version": 2, "step": {"model": "gpt-image-2", "prompt": "a", '
            b'"image_count": 12, "image_size": "1000x1000"}}',
            "Nothing was imported. What is wrong in notes.txt:\n"
            "step.image_size: both edges must be multiples of 16 (1000x1000). The nearest legal size is "
            "1008x1008\nstep.image_count: not in its range (12). Use",
        ),
    ],
)
def test_what_cannot_be_imported_is_named(imported, data, said):
    made = part(STEP, imported)
    made._handle_custom_msg({"type": "part", "name": "notes.txt", "start": 0, "size": len(data)}, [data])
    assert made.message.value.startswith(said)
    assert imported == []


def test_a_run_is_exported_as_it_was_and_replaces_nothing_unasked(imported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = run_of(STEP, Workspace(tmp_path / "store").store)
    made = part(STEP.replace(prompt="something else"), imported)
    made.with_output.value = False
    (tmp_path / "lamp.step.json").write_text("mine")
    asked = made.export_run(run, 2)
    assert list(asked.actions) == ["Replace lamp.step.json", "Save as lamp-2.step.json"]
    report = made.act("Save as lamp-2.step.json")
    assert report.text.startswith("Saved run 2 to lamp-2.step.json, with the output of 1 image.")
    assert made.message.value == report.text
    assert made.act("Replace lamp.step.json") is report  # over by now
    saved = load_step(tmp_path / "lamp-2.step.json")
    assert (saved.step, saved.identifier) == (STEP, "step_2")
    assert saved.output.assets[0].id == run.output.assets[0].id
    assert (tmp_path / "lamp.step.json").read_text() == "mine"


def test_test_values_are_exported_without_a_run_too(imported, tmp_path):
    made = part(STEP.replace(prompt="a {{thing}}"), imported, inputs={"thing": "lamp"})
    made.path.value = str(tmp_path / "lamp.step.json")
    made.export_button.click()
    assert load_step(tmp_path / "lamp.step.json").inputs == {"thing": "lamp"}


def test_a_step_with_problems_is_neither_exported_nor_copied(imported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = part(None, imported)
    made.export_button.click()
    assert "The step has problems" in made.message.value
    made._handle_custom_msg({"type": "press"}, [])
    assert "The step has problems" in made.message.value
    assert list(tmp_path.iterdir()) == []
    change(made, step=None)
    assert made.message.value
    change(made, step=STEP)
    assert made.message.value == ""


def test_what_else_was_said_stays_when_the_step_changes(imported, tmp_path):
    made = part(STEP, imported)
    made.path.value = str(tmp_path / "lamp.step.json")
    made.export_button.click()
    change(made, step=STEP)
    assert "Saved" in made.message.value


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")
def test_what_is_read_is_handed_on_and_can_be_undone(imported):
    made = part(STEP, imported)
    made._handle_custom_msg({"type": "file", "name": "<a>.json"}, [memoryview(b'{"prompt": "a fox"}')])
    assert [definition.step.prompt for definition in imported] == ["a fox"]
    assert made.message.value.startswith("Imported <a>.json")
    press(made, "Undo the import")
    assert made.message.value == "The import of <a>.json was undone"
    press(made, "Import it again")
    press(made, "Undo the import")
    assert imported[1:] == ["undone", "again", "undone"]


@pytest.mark.parametrize(
    ("buffers", "told"),
    [
        ([], "x.json is too large: a step file has at most 1,000,000 bytes, an image"),
        ([memoryview(bytes(LARGEST_FILE + 1))], "x.json has more than 1,000,000 bytes"),
    ],
    ids=["left-in-the-page", "sent"],
)
def test_a_file_that_is_too_large_is_refused(imported, buffers, told):
    made = part(STEP, imported)
    made._handle_custom_msg({"type": "file", "name": "x.json"}, buffers)
    assert told in made.message.value
    assert imported == []


def send_part(made, start, data, size):
    message = {"type": "part", "name": "a.json", "start": start, "size": size}
    made._handle_custom_msg(message, [memoryview(data)])


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")
def test_a_long_file_comes_in_parts(imported):
    made, data = part(STEP, imported), b'{"prompt": "a fox"}'
    send_part(made, 0, b"left over", 90)
    send_part(made, 0, data[:5], len(data))
    assert imported == []
    send_part(made, 5, data[5:], len(data))
    assert [definition.step.prompt for definition in imported] == ["a fox"]


@pytest.mark.parametrize(("start", "size"), [(5, 20), (0, 10**12), (0, 3), (-1, 20)])
def test_a_part_that_does_not_belong_there_does_nothing(imported, start, size):
    made = part(STEP, imported)
    before = made.told
    send_part(made, start, b'{"prompt": "a fox"}', size)
    assert (imported, made.told) == ([], before)


@pytest.mark.parametrize(
    "message",
    [None, 3, {}, {"type": "file"}, {"type": "file", "name": 3}, {"type": "part"},
     {"type": "action", "label": "Replace it"},
     {"type": "entry", "key": "path", "value": 3}, {"type": "entry", "key": "with_output", "value": "no"}],
)  # fmt: skip
def test_other_messages_do_nothing(imported, tmp_path, monkeypatch, message):
    monkeypatch.chdir(tmp_path)
    made = part(STEP, imported)
    before = (made.view, made.told)
    made._handle_custom_msg(message, [memoryview(b"{}")])
    assert (made.view, made.told) == before
    assert imported == []
    assert list(tmp_path.iterdir()) == []


def test_the_page_says_where_to_and_with_what(imported):
    made = part(STEP, imported)
    made._handle_custom_msg({"type": "entry", "key": "path", "value": "here.json"}, [])
    made._handle_custom_msg({"type": "entry", "key": "with_output", "value": False}, [])
    assert (made.path.value, made.with_output.value) == ("here.json", False)


def test_the_code_is_shown_and_sent_to_be_copied(imported, monkeypatch):
    sent = []
    monkeypatch.setattr(BaseWidget, "send", lambda _, content, buffers=None: sent.append(content))
    made = part(STEP.replace(prompt="a <lamp>"), imported)
    made._handle_custom_msg({"type": "press"}, [])
    assert "a <lamp>" in made.told["code"]
    assert sent == [{"type": "text", "text": made.told["code"]}]
