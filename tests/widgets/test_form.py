from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from types import SimpleNamespace

import comm
import pytest
from comm.base_comm import BaseComm
from ipywidgets.widgets.widget import _instances
from support.images import picture
from support.runs import run_of

import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption
from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.form import StepForm

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")

EXPORT = "Export this run"


@pytest.fixture
def form(workspace):
    step = ig.ImageGenerationStep(prompt="a lamp for {{room}}", image_output_format="webp")
    form = StepForm(step, workspace, inputs={"room": "a hall"}, identifier="step_2")
    yield form
    form.close()


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_a_forms_gallery_has_its_runs(form):
    run = ran(form)
    assert form.gallery.runs == form.runs == (run,)


def ran(form):
    form.panel.header.run.click()
    until(lambda: form._job is None)
    return form.run_result


def control(form, key):
    return form.panel.fields[key].control


def test_value(form, name):
    return form.panel.inputs.fields[name]


test_value.__test__ = False


def press(form, label):
    """Press a button of the run that is shown; returns what is told."""
    view = form.panel.gallery.view
    key = next(button["key"] for button in view["actions"] if button["label"] == label)
    content = {"type": "act", "page": view["page"], "action": key, "request": "r"}
    return form.panel.gallery._answer(content)[0]["text"]


def flip(form, to):
    """Go to the run with this number."""
    form.panel.gallery._handle_custom_msg({"type": "flip", "to": to - 1, "request": "r"}, [])


def buttons(form):
    return [button["label"] for button in form.panel.gallery.view["actions"]]


def states(form):
    return {node["state"] for node in form.panel.tree.nodes}


def tree_value(form, path):
    return next(node["value"] for node in form.panel.tree.nodes if node["path"] == f"step_2.output.{path}")


def upload(form, name, data):
    form.panel.import_export._handle_custom_msg({"type": "file", "name": name}, [memoryview(data)])


def test_it_shows_the_step_it_was_given(form):
    assert control(form, "prompt").value == "a lamp for {{room}}"
    assert control(form, "image_output_format").value == "webp"
    assert form.step == ig.ImageGenerationStep(prompt="a lamp for {{room}}", image_output_format="webp")
    assert form.problems == ()


def test_entries_become_the_step(form):
    control(form, "image_count").value = 3
    control(form, "image_size").value = "1536x1024"
    assert (form.step.image_count, form.step.image_size) == (3, "1536x1024")


def test_a_problem_takes_the_step_away_and_stands_at_its_field(form):
    control(form, "prompt").value = ""
    assert form.step is None
    assert "Missing" in control(form, "prompt").problem
    assert form.panel.header.run.disabled
    assert form.panel.header.status.value == "To fix: Prompt"


@pytest.mark.parametrize("model", ["grok-imagine-image", "gemini-2.5-flash-image"])
def test_switching_models_hides_and_back_restores(form, model):
    control(form, "image_quality").value = "high"
    before = form.step
    control(form, "model").value = model
    assert not control(form, "image_quality").visible
    assert control(form, "image_size").visible == (model == "gemini-2.5-flash-image")
    assert control(form, "prompt").visible
    control(form, "model").value = "gpt-image-2"
    assert form.step == before


def test_png_disables_compression_and_says_why(form):
    control(form, "image_output_format").value = "png"
    assert control(form, "image_output_compression").disabled
    assert "PNG" in control(form, "image_output_compression").lines["hint"]


def test_code_and_form_take_turns(form):
    seen = []
    form.observe(lambda change: seen.append(change["new"]), "step")
    form.step = ig.ImageGenerationStep(model="grok-imagine-image", prompt="from code", image_count=2)
    assert control(form, "prompt").value == "from code"
    assert control(form, "model").value == "grok-imagine-image"
    control(form, "image_count").value = 4
    assert form.step.image_count == 4
    assert seen[-1] == form.step


def test_a_run_fills_gallery_tree_and_fallback(form, emulator):
    run = ran(form)
    assert run.status == "done"
    assert run.prompt == "a lamp for a hall"
    assert form.panel.tabs.selected_index == 1
    assert "1 of 1 image," in form.panel.header.status.value
    assert any(node["path"] == "step_2.output.assets.0.file_url" for node in form.panel.tree.nodes)
    listed, sheet = form._fallback.outputs()
    assert "a lamp for a hall" in listed["text/html"]
    assert "image/jpeg" in sheet
    assert emulator.count("openai") == 1


def test_without_a_run_the_fallback_shows_the_settings(form):
    control(form, "image_count").value = 3
    control(form, "model").value = "grok-imagine-image"
    plain, pictures = form._fallback.outputs()
    for shown in (plain["text/html"], plain["text/plain"]):
        assert "a lamp for {{room}}" in shown
        assert "grok-imagine-image" in shown
        assert "Image Quality" not in shown
    assert "  Image Count: 3" in plain["text/plain"].splitlines()
    assert not any(kind.startswith("image/") for kind in pictures)


def test_a_very_long_prompt_is_cut_in_the_fallback(form):
    form.step = form.step.replace(prompt="word " * 6000)
    assert len(form._fallback.outputs()[0]["text/html"]) < 5_000


def test_in_colab_the_message_names_the_manager_of_foreign_widgets(form, monkeypatch):
    """As `google.colab.output` does: only its two names that anywidget uses."""

    class Output:
        _widgets = SimpleNamespace(_installed_url="https://colab.example/manager.js")
        enable_custom_widget_manager = staticmethod(lambda: None)

    monkeypatch.setitem(sys.modules, "google.colab.output", Output)
    data, metadata = form._repr_mimebundle_()
    kind = "application/vnd.jupyter.widget-view+json"
    assert data[kind]["model_id"] == form._display_().model_id
    assert data["text/plain"] == "Image Generation step (run this cell to use the form)"
    url = metadata[kind]["colab"]["custom_widget_manager"]["url"]
    assert url == "https://colab.example/manager.js"


def test_what_was_typed_is_used_and_previewed(form):
    test_value(form, "room").value = '["a hall","a shed"]'
    assert 'a lamp for ["a hall","a shed"]' in form.panel.inputs._preview.value.replace("&quot;", '"')
    assert ran(form).inputs["room"] == ["a hall", "a shed"]


def test_a_failure_is_told_in_plain_words_and_escaped(form, emulator):
    emulator.script("openai", Fault("bad_request", message="<script>alert(1)</script> is wrong"))
    run = ran(form)
    assert run.status == "failed"
    view = form.panel.gallery.view
    assert view["error"]["what"].startswith("OpenAI refused the request: <script>alert(1)</script> is wrong")
    assert "code: invalid_value" in view["error"]["details"]
    assert (view["items"], view["notes"]) == ([], [])
    assert not form.panel.header.run.disabled
    emulator.clear()
    assert ran(form).status == "done"
    assert form.panel.gallery.view["error"] is None
    assert form.panel.alert.value == ""


def test_a_missing_value_is_told_and_nothing_is_asked(form, emulator):
    control(form, "prompt").value = "a {{thing}}"
    assert (control(form, "prompt").problem, control(form, "prompt").lines["note"]) == ("", "")
    assert test_value(form, "thing").problem == "Type what {{thing}} stands for: it is empty."
    assert test_value(form, "thing").patient
    assert form.panel.header.status.value == "To fill in: {{thing}}"
    assert form.panel.header.run.disabled
    assert [problem.field for problem in form.problems] == ["prompt"]
    assert form.step.prompt == "a {{thing}}"  # a step that can be exported, and run with other inputs
    form.panel.header.run.click()
    assert form._job is None
    assert emulator.count("openai") == 0
    assert not test_value(form, "thing").patient
    assert control(form, "prompt").problem == ""
    test_value(form, "thing").value = "lamp"
    assert (form.problems, test_value(form, "thing").problem) == ((), "")
    assert not form.panel.header.run.disabled


def test_cancel_stops_a_run_under_way(form, emulator):
    emulator.latency = 20.0
    form.panel.header.run.click()
    until(lambda: emulator.count("openai") == 1)
    assert not form.panel.header.cancel.disabled
    form.panel.header.cancel.click()
    until(lambda: "run cancelled: 0 of 1 image" in form.panel.header.status.value)
    assert not form.panel.header.run.disabled


def test_the_status_says_what_a_run_waits_for(form, emulator, waits):
    emulator.script("openai", Fault("rate_limit", retry_after="7"))
    statuses = []
    form.panel.header.status.observe(lambda change: statuses.append(change["new"]), "value")
    assert ran(form).status == "done"
    assert any("waiting 7" in text and "s: rate limit" in text for text in statuses), statuses


def test_earlier_runs_are_offered_as_variables(workspace):
    earlier = ig.ImageGenerationStep(prompt="a logo").run(workspace=workspace)
    form = StepForm(workspace=workspace, inputs={"step_1": earlier, "product": "x"})
    offered = {variable["path"]: variable for variable in control(form, "prompt").variables}
    assert offered["product"]["group"] == "Inputs"
    assert offered["step_1.output.assets.0.file_url"]["group"] == "Workflow Steps"
    assert offered["step_1.output.assets.0.file_url"]["state"] == "confirmed"
    form.close()


def test_export_and_import_through_the_form(form, tmp_path):
    ran(form)
    form.panel.import_export.path.value = str(tmp_path / "lamp.step.json")
    form.panel.import_export.export_button.click()
    assert "Saved run 1 to lamp.step.json, with the output of" in form.panel.import_export.message.value
    data = (tmp_path / "lamp.step.json").read_bytes()
    assert json.loads(data)["provenance"]["identifier"] == "step_2"
    step = form.step
    control(form, "prompt").value = "something else"
    upload(form, "lamp.step.json", data)
    assert form.step == step


@pytest.mark.parametrize("known", [True, False], ids=["store-knows-it", "step-in-it"])
def test_an_image_gives_its_step_and_inputs(form, workspace, tmp_path, known):
    run = ran(form)
    asset = run.output.assets[0]
    data = asset.save(tmp_path / "lamp.webp", embed=not known).read_bytes()
    test_value(form, "room").value = "a shed"
    control(form, "prompt").value = "something else"
    if not known:  # another machine's
        form.workspace = ig.Workspace(tmp_path / "other", backend="emulator")
    upload(form, "lamp.webp", data)
    assert form.panel.import_export.message.value.startswith("Imported lamp.webp")
    assert (form.step, test_value(form, "room").value) == (run.step, "a hall")


def test_an_image_that_says_nothing_is_told_without_advice_for_code(form):
    upload(form, "x.png", picture())
    told = form.panel.import_export.message.value
    assert told.endswith(
        "does not name the step that made it, and the store of this workspace does not have it: give a step "
        "file, an image that was made there, or one that carries its step, as asset.save(path, embed=True) "
        "writes it"
    )
    assert "workspace=" not in told


def test_a_bad_import_is_told_and_changes_nothing(form):
    step = form.step
    upload(form, "x.json", b"{}")
    assert "not a step file" in form.panel.import_export.message.value
    assert form.step == step


def test_a_file_too_large_to_be_a_step_is_not_even_sent(form):
    form.panel.import_export._handle_custom_msg({"type": "file", "name": "<b>.json"}, [])
    assert "<b>.json is too large" in form.panel.import_export.message.value


def test_copy_as_python_gives_the_step(form):
    form.panel.import_export._handle_custom_msg({"type": "press"}, [])
    assert "ig.ImageGenerationStep(" in form.panel.import_export.told["code"]


def test_no_key_is_ever_in_the_widgets_state(workspace, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789abcdefghij")
    form = StepForm(ig.ImageGenerationStep(prompt="x"), ig.Workspace(tmp_path))
    assert "OPENAI_API_KEY" in form.panel.header.payer.value
    state = repr([widget.get_state() for widget in _instances.values()])
    assert "canary" not in state
    form.close()


def test_runs_do_not_leak_widgets(form):
    ran(form)
    before = len(_instances)
    for _ in range(3):
        ran(form)
    assert len(_instances) == before


def test_closing_takes_everything_along(workspace):
    before = set(_instances)
    StepForm(workspace=workspace).close()
    assert set(_instances) == before


def test_a_run_from_another_thread_is_seen_too(form):
    thread = threading.Thread(target=form.panel.header.run.click)
    thread.start()
    thread.join()
    until(lambda: form._job is None and form.run_result is not None)
    assert form.run_result.returned == 1


def test_an_imported_input_that_is_no_name_is_not_offered(form):
    document = {
        "format": "imagegen-nb/step",
        "version": 2,
        "step": {"model": "gpt-image-2", "prompt": "a {{room}}"},
        "inputs": {"room": "hall", "}} <b>{{x": "evil", "step 1": "x"},
    }
    upload(form, "theirs.step.json", json.dumps(document).encode())
    assert form.inputs["}} <b>{{x"] == "evil"
    assert [offered["path"] for offered in control(form, "prompt").variables] == ["room"]


# The run is the unit


def test_before_any_run_the_paths_of_the_draft_are_predicted(form):
    assert states(form) == {"predicted"}
    control(form, "image_count").value = 3
    assert "step_2.output.assets.2.id" in [node["path"] for node in form.panel.tree.nodes]


def test_everything_in_the_output_follows_the_run_that_is_shown(form, emulator):
    control(form, "image_count").value = 2
    first = ran(form)
    emulator.script("openai", Fault("moderation"))
    failed = ran_again(form)
    assert (first.status, failed.status) == ("done", "failed")
    view, panel = form.panel.gallery.view, form.panel
    assert "rejected by the safety system of OpenAI" in view["error"]["what"]
    assert (view["items"], view["page"], panel.tree.label) == ([], failed.id, "Output of run 2")
    assert tree_value(form, "assets") == "0 items"
    assert tree_value(form, "error.kind") == "moderation"
    flip(form, 1)
    view = panel.gallery.view
    assert (view["error"], view["page"], len(view["items"])) == (None, first.id, 2)
    assert (tree_value(form, "assets"), panel.tree.label) == ("2 items", "Output of run 1")
    assert tree_value(form, "assets.0.id") == first.output.assets[0].id
    assert states(form) == {"confirmed"}
    assert "2 of 2 images" in view["facts"]
    assert panel.header.status.value.startswith(
        "run 2 failed: 0 of 2 images, "
    )  # of the newest run, as before
    flip(form, 2)
    assert "0 of 2 images, failed" in panel.gallery.view["facts"]
    control(form, "image_count").value = 1
    assert panel.header.status.value == ""  # of the draft now, with which nothing is wrong


def ran_again(form):
    form.panel.header.run.click()
    until(lambda: form._job is None)
    return form.runs[-1]


def test_a_finished_run_stays_confirmed_when_the_draft_moves_on(form):
    run = ran(form)
    assert form.panel.gallery.run_note == ""
    before = form.panel.tree.nodes
    control(form, "image_count").value = 4
    assert form.panel.gallery.run_note == "Settings changed since this run."
    assert form.panel.tree.nodes == before
    assert states(form) == {"confirmed"}
    control(form, "image_count").value = run.requested
    assert form.panel.gallery.run_note == ""
    test_value(form, "room").value = "a shed"
    assert form.panel.gallery.run_note == "Settings changed since this run."
    test_value(form, "room").value = "a hall"
    control(form, "name").value = "Another name"  # makes no other image
    assert form.panel.gallery.run_note == ""
    control(form, "prompt").value = "a lamp for {{room"
    assert form.panel.gallery.run_note == "Settings changed since this run."


def test_while_it_runs_again_nothing_of_the_old_run_is_shown(form, emulator):
    emulator.script("openai", Fault("moderation"))
    ran(form)
    emulator.latency = 20.0
    control(form, "image_size").value = "1536x1024"
    control(form, "image_count").value = 3
    form.panel.tabs.selected_index = 0
    form.panel.header.run.click()
    view, panel = form.panel.gallery.view, form.panel
    assert panel.tabs.selected_index == 1
    assert (view["pending"], view["asked"], view["error"], view["items"]) == (3, [1536, 1024], None, [])
    assert buttons(form) == []  # the header has the button
    assert (states(form), panel.tree.label) == ({"predicted"}, "Output of run 2")
    assert not any(".error" in node["path"] for node in panel.tree.nodes)
    control(form, "image_count").value = 1  # what goes on does not change with the draft
    assert any("assets.2" in node["path"] for node in panel.tree.nodes)
    until(lambda: emulator.count("openai") == 2)
    form.panel.header.cancel.click()
    until(lambda: form._job is None)
    assert form.runs[-1].status == "cancelled"
    assert form.panel.gallery.view["page"] == form.runs[-1].id


def test_the_output_is_the_last_run_with_images_or_the_chosen_one(form, emulator):
    first, second = ran(form), ran_again(form)
    assert form.run_result is second
    assert form.panel.gallery.view["mark"] == "the output"
    emulator.script("openai", Fault("moderation"))
    failed = ran_again(form)
    assert (form.run_result, form.runs) == (second, (first, second, failed))
    assert form.panel.gallery.view["path_note"] == "These paths mean run 2, which is the output."
    assert form.panel.tree.copy_note == "These paths mean run 2, which is the output."
    flip(form, 1)
    press(form, "Make this the output")
    assert form.run_result is first
    view = form.panel.gallery.view
    assert (view["mark"], view["path_note"], form.panel.tree.copy_note) == ("the output", "", "")
    assert "Make this the output" not in buttons(form)
    ran_again(form)
    assert form.run_result is first  # chosen is chosen
    press(form, "Make this the output")
    assert form.run_result is form.runs[-1]


def test_an_export_writes_the_output(form, tmp_path):
    first, second = ran(form), ran_again(form)
    flip(form, 1)
    press(form, "Make this the output")
    form.panel.import_export.path.value = str(tmp_path / "lamp.step.json")
    form.panel.import_export.export_button.click()
    document = json.loads((tmp_path / "lamp.step.json").read_text())
    assert document["output"]["assets"][0]["id"] == first.output.assets[0].id
    control(form, "image_quality").value = "low"
    assert form._current().run is None
    third = ran_again(form)
    assert form._current().run is third  # the output has other settings, and this run has these
    promise = form.panel.import_export.view["promise"]
    assert "the output of run 3. Run 1, the output, was made with others." in promise
    test_value(form, "room").value = "a shed"
    assert form._current().run is None  # its output is that of another prompt
    assert "no run was made with them yet" in form.panel.import_export.view["promise"]
    assert second.id != third.id


def test_what_is_told_of_the_output_is_what_an_export_does(form):
    ran(form)
    control(form, "image_quality").value = "low"
    ran_again(form)
    assert "the output of run 2." in form.panel.import_export.view["promise"]
    assert form.panel.gallery.view["mark_note"] == "Later steps see this run: it is the output."
    flip(form, 1)
    assert form.panel.gallery.view["mark_note"] == "Later steps see run 2, the output, and not this one."
    assert press(form, "Make this the output").endswith(
        "The form has other settings, so its own export does not."
    )
    assert form._current().number == 2
    press(form, "Use these settings")
    flip(form, 2)
    press(form, "Make this the output")
    flip(form, 1)
    assert press(form, "Make this the output").endswith("An export has it.")
    assert (form._current().number, form._current().output_number) == (1, 1)


def test_what_an_export_writes_is_told_anew_when_a_run_ends_that_nobody_looks_at(form, emulator):
    ran(form)
    control(form, "image_quality").value = "low"
    emulator.latency = 0.5
    form.panel.header.run.click()
    until(lambda: form.panel.gallery.view["total"] == 2)
    flip(form, 1)
    until(lambda: form._job is None)
    assert form.panel.gallery.view["position"] == 0
    assert "the output of run 2." in form.panel.import_export.view["promise"]


def test_the_run_that_is_shown_is_exported_whatever_is_in_the_form(form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = ran(form)
    control(form, "prompt").value = "something else"
    ran_again(form)
    flip(form, 1)
    header = form.panel.header
    assert press(form, EXPORT) == ""
    saved, *notes = header.view["notice"]["text"].split("\n")
    assert saved.startswith("Saved run 1 to ")
    assert notes
    assert all(note.startswith("Note: ") and note.endswith(".") for note in notes)
    (file,) = tmp_path.glob("*.step.json")
    assert header.view["download"]["name"] == file.name
    press(form, EXPORT)
    assert header.view["notice"]["text"] == f"{file.name} is there already. Nothing was written."
    other = file.name.replace(".step.json", "-2.step.json")
    assert (header.view["notice"]["label"], header.view["more"]) == (
        f"Replace {file.name}",
        f"Save as {other}",
    )
    header._handle_custom_msg({"type": "more"}, [])
    assert header.view["download"]["name"] == other
    assert header.view["more"] == ""
    document = json.loads(file.read_text())
    assert (document["step"]["prompt"], document["inputs"]) == ("a lamp for {{room}}", {"room": "a hall"})
    assert document["output"]["assets"][0]["id"] == first.output.assets[0].id


def test_settings_and_inputs_of_a_run_are_used_again(form, emulator):
    emulator.script("openai", Fault("moderation"))
    failed = ran(form)
    test_value(form, "room").value = "a shed"
    control(form, "image_quality").value = "low"
    control(form, "prompt").value = "a {{colour}} lamp"
    test_value(form, "colour").value = "red"
    red = ran_again(form)
    form.panel.tabs.selected_index = 1
    flip(form, 1)
    press(form, "Edit the prompt")
    assert form.panel.tabs.selected_index == 0
    assert form.panel.header.notice.value == "The settings and inputs of run 1 are in the form now."
    assert (form.step, test_value(form, "room").value) == (failed.step, "a hall")
    assert form.panel.gallery.run_note == ""
    flip(form, 2)
    press(form, "Use these settings")
    assert (form.step, test_value(form, "colour").value) == (red.step, "red")
    assert ran_again(form).prompt == "a red lamp"


def test_using_settings_can_be_undone(form):
    ran(form)
    control(form, "prompt").value = "{{room}} and {{thing}}"
    test_value(form, "room").value = "a shed"
    test_value(form, "thing").value = "a lamp"
    before = form.step
    press(form, "Use these settings")
    header = form.panel.header
    for label, step, room in (
        ("Undo", before, "a shed"),
        ("Redo", form.step, "a hall"),
        ("Undo", before, "a shed"),
    ):
        assert header.view["notice"]["label"] == label
        header._handle_custom_msg({"type": "next"}, [])
        assert (form.step, test_value(form, "room").value) == (step, room)
    form.step = ig.ImageGenerationStep(prompt="by code")
    assert header.view["notice"] == {"text": "", "label": ""}
    press(form, "Use these settings")
    assert header.view["notice"]["label"] == "Undo"
    ran(form)
    assert header.view["notice"] == {"text": "", "label": ""}


def test_an_edit_leaves_of_the_notice_only_the_way_back(form):
    first = ran(form)
    control(form, "prompt").value = "something else"
    press(form, "Use these settings")
    header = form.panel.header
    assert header.view["notice"]["label"] == "Undo"
    control(form, "image_count").value = 3
    assert header.view["notice"] == {"text": "", "label": "Restore my earlier settings"}
    header._handle_custom_msg({"type": "next"}, [])
    assert (form.step.prompt, form.step.image_count) == ("something else", first.step.image_count)
    header._handle_custom_msg({"type": "next"}, [])
    assert (form.step.prompt, form.step.image_count) == (first.step.prompt, 3)


def test_a_cleared_test_value_is_empty_and_comes_back_empty(form):
    test_value(form, "room").value = ""
    assert form.problems == ()
    run = ran(form)
    assert (run.prompt, run.inputs["room"]) == ("a lamp for ", "")
    test_value(form, "room").value = "a shed"
    press(form, "Use these settings")
    assert test_value(form, "room").value == ""
    assert ran_again(form).prompt == "a lamp for "


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a lamp for {{room", "{{room is not closed. Write {{room}}"),
        ("a lamp for {{room} at dusk", "{{room is not closed. Write {{room}}"),
        (
            "a lamp for {{rooom at dusk",
            "{{rooom is not closed. Close it with }}; the nearest available path is {{room}}",
        ),
        ("a lamp for {{ {room} }}", "{{ {room} }} has braces inside. Write only a path there"),
        ("a lamp for {room}", "{room} has single braces. Write {{room}}"),
        ("a lamp for {{room[0]}}", "{{room[0]}} is not a path. Write {{room.0}}"),
    ],
)
def test_a_variable_that_leads_nowhere_is_a_problem_before_the_run(form, emulator, prompt, said):
    control(form, "prompt").value = prompt
    assert said in control(form, "prompt").problem
    assert form.panel.header.run.disabled
    form.panel.header.run.click()
    assert form._job is None
    assert emulator.count("openai") == 0
    control(form, "prompt").value = "a lamp for {{room}}"
    assert not form.panel.header.run.disabled


# The queue, and running again


def test_a_second_run_waits_and_can_be_taken_out(form, emulator):
    emulator.latency = 20.0
    form.panel.header.run.click()
    control(form, "prompt").value = "a second lamp"
    assert not form.panel.header.run.disabled
    form.panel.header.run.click()
    form.panel.header.run.click()
    assert "running: 0 of 1 image · 2 waiting" in form.panel.header.status.value
    assert form.panel.header.cancel.label == "Cancel all"
    view = form.panel.gallery.view
    assert (view["position"], view["total"]) == (0, 3)
    flip(form, 3)
    assert (form.panel.gallery.view["title"], buttons(form)) == (
        "Waiting: 1 image",
        ["Remove from the queue"],
    )
    press(form, "Remove from the queue")
    assert (form.panel.gallery.view["total"], form._runs.queue.waiting[0].step.prompt) == (2, "a second lamp")
    flip(form, 1)
    until(lambda: emulator.count("openai") == 1)
    emulator.latency = 0.0
    press(form, "Cancel only this run")
    until(lambda: form._job is None)
    assert [(run.status, run.prompt) for run in form.runs] == [
        ("cancelled", "a lamp for a hall"),
        ("done", "a second lamp"),
    ]
    assert form.panel.gallery.view["page"] == form.runs[0].id  # who looks at a run is left there


def test_cancel_takes_all_out(form, emulator):
    emulator.latency = 20.0
    for _ in range(3):
        form.panel.header.run.click()
    until(lambda: emulator.count("openai") == 1)
    form.panel.header.cancel.click()
    until(lambda: form._job is None)
    assert [run.status for run in form.runs] == ["cancelled"]
    assert (form.panel.gallery.view["total"], form._runs.queue.waiting) == (1, ())
    assert emulator.count("openai") == 1


def test_a_failed_run_is_retried_a_whole_one_varied_with_its_own_inputs(form, emulator):
    emulator.script("openai", Fault("server_error"))
    ran(form)
    assert buttons(form) == ["Try again (same settings)", "Use these settings"]
    control(form, "prompt").value = "something else"
    press(form, "Try again (same settings)")
    until(lambda: form._job is None)
    again = form.runs[-1]
    assert (again.prompt, again.status) == ("a lamp for a hall", "done")
    assert form.panel.gallery.view["page"] == again.id
    assert buttons(form) == ["Run again (same settings)", EXPORT, "Use these settings"]
    assert form.step.prompt == "something else"
    press(form, "Run again (same settings)")
    until(lambda: form._job is None)
    assert [run.prompt for run in form.runs] == ["a lamp for a hall"] * 3


def test_a_refused_prompt_is_edited_first_and_a_run_without_images_is_no_output(form, emulator):
    whole = ran(form)
    emulator.script("openai", Fault("moderation"))
    ran(form)
    assert buttons(form) == ["Edit the prompt", "Try again (same settings)"]
    control(form, "prompt").value = "something else"
    press(form, "Edit the prompt")
    assert form.step.prompt == "a lamp for {{room}}"
    assert form.run_result is whole
    flip(form, 1)
    assert buttons(form) == ["Run again (same settings)", EXPORT, "Use these settings"]


def test_what_is_missing_of_a_run_is_made(form, workspace):
    partial = dataclasses.replace(
        run_of(ig.ImageGenerationStep(prompt="a {{thing}}", image_count=3), workspace.store),
        inputs={"thing": "fox"},
        requested=5,
        status="partial",
    )
    form.panel.gallery.show(partial)
    press(form, "Make the missing 2")
    until(lambda: form._job is None)
    made = form.runs[-1]
    assert (made.step.image_count, made.prompt, made.status) == (2, "a fox", "done")


def test_what_is_refused_has_no_page_and_its_alert_ends_once_it_could_begin(workspace, monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    form = StepForm(ig.ImageGenerationStep(prompt="x"), ig.Workspace(tmp_path))
    form.panel.header.run.click()
    until(lambda: form._job is None)
    assert "There is no key: OPENAI_API_KEY is not set." in form.panel.alert.value
    assert (form.panel.gallery.view["total"], form.runs, form.run_result) == (0, (), None)
    assert states(form) == {"predicted"}
    assert form.panel.tabs.selected_index == 0
    control(form, "prompt").value = "y"
    assert "There is no key" in form.panel.alert.value
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789abcdefghij")
    control(form, "prompt").value = "z"
    assert form.panel.alert.value == ""
    form.close()


# Other forms and inputs of the notebook


def test_a_forms_runs_are_in_the_history_of_the_others(form, workspace):
    other = StepForm(ig.ImageGenerationStep(prompt="a cup"), workspace, identifier="cup")
    assert not form.panel.gallery.view["others"]
    cup = run_of(other.step, workspace.store, identifier="cup")
    assert other.panel
    other.run_result = cup
    assert form.panel.gallery.view["others"]
    assert not other.panel.gallery.view["others"]
    form.panel.gallery.star(cup.output.assets[0])
    assert other.panel.gallery.starred == cup.output.assets[:1]
    other.close()


def test_no_text_is_asked_for_where_the_output_of_a_step_is_meant(form):
    control(form, "prompt").value = f"like {{{{{form.identifier}.output.x}}}}, {{{{colour}}}}"
    assert list(form.panel.inputs.fields) == ["colour"]
    assert "is this step's own output" in control(form, "prompt").problem


def test_a_forms_run_is_offered_to_the_others_and_used_by_path(form, workspace):
    step = ig.ImageGenerationStep(prompt="like {{step_2.output.assets.0.file_name}}")
    other = StepForm(step, workspace, identifier="hero")
    offered = {variable["path"]: variable["state"] for variable in control(other, "prompt").variables}
    assert offered["step_2.output.assets.0.file_url"] == "predicted"
    assert "step_2 has no output yet. Run it first" in control(other, "prompt").lines["note"]
    assert other.panel.header.run.disabled
    assert control(other, "prompt").problem == ""  # nobody has touched this form
    run = ran(form)
    offered = {variable["path"]: variable["state"] for variable in control(other, "prompt").variables}
    assert offered["step_2.output.assets.0.file_url"] == "confirmed"
    assert not any(path.startswith("hero.") for path in offered)  # its own
    assert other.problems == ()
    made = ran(other)
    assert made.prompt == f"like {run.output.assets[0].file_name}"
    assert list(made.inputs) == ["step_2"]
    ran(form)
    assert list(form.run_result.inputs) == ["room"]  # of other forms only what the prompt names
    other.close()
    form._draw()
    assert not any(variable["path"].startswith("hero.") for variable in control(form, "prompt").variables)


def test_an_export_without_output_has_the_inputs_of_the_prompt(form, workspace, tmp_path):
    other = StepForm(ig.ImageGenerationStep(prompt="a logo"), workspace, identifier="logo")
    ran(other)
    form.panel.import_export.path.value = str(tmp_path / "lamp.step.json")
    form.panel.import_export.export_button.click()
    assert json.loads((tmp_path / "lamp.step.json").read_text())["inputs"] == {"room": "a hall"}
    other.close()


def test_the_output_can_be_given_and_taken_away_by_code(form, workspace):
    mine = run_of(ig.ImageGenerationStep(prompt="a fox"), workspace.store)
    form.run_result = mine
    view = form.panel.gallery.view
    assert (view["page"], form.panel.tabs.selected_index, form.runs) == (mine.id, 1, (mine,))
    made = ran(form)
    assert made is not mine
    form.run_result = None
    assert form.panel.gallery.view["mark"] == ""
    assert form.runs == (mine, made)


def test_what_is_in_an_input_is_offered(workspace):
    inputs = {"brand": {"name": "Lumen", "colours": ["red", "blue"], "odd key": 1}, "n": 3, "bad": {1, 2}}
    form = StepForm(ig.ImageGenerationStep(prompt="a lamp"), workspace, inputs=inputs)
    offered = {variable["path"]: variable["type"] for variable in control(form, "prompt").variables}
    own = {path: type_ for path, type_ in offered.items() if path.partition(".")[0] in inputs}
    assert own == {
        "brand": "object",
        "brand.name": "text",
        "brand.colours": "array",
        "brand.colours.0": "text",
        "brand.colours.1": "text",
        "n": "number",
    }
    form.close()


class Line(BaseComm):
    """The line to a page: notes what would be sent."""

    sent: list[object] = []  # noqa: RUF012 (one list for all of a test's widgets)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys) -> None:
        self.sent.append((msg_type, data))


@pytest.fixture
def opened(workspace, monkeypatch):
    """A form as a page has it open, and the messages it was sent for that."""
    monkeypatch.setattr(comm, "create_comm", Line)
    monkeypatch.setattr(Line, "sent", [])
    step = ig.ImageGenerationStep(name="Lamp", prompt="a lamp for {{room}}", image_output_format="webp")
    logo = run_of(ig.ImageGenerationStep(prompt="a logo"), workspace.store)
    before = set(_instances)  # what earlier tests left is no part of this page
    form = StepForm(step, workspace, inputs={"room": "a hall", "logo": logo}, identifier="step_2")
    while drawn := {name: widget for name, widget in _instances.items() if name not in before}:
        before |= set(drawn)
        for widget in drawn.values():
            if isinstance(widget, BaseWidget):
                widget._handle_custom_msg({"type": "script"}, [])
    yield form
    form.close()


def test_a_form_opens_with_few_models_and_messages(opened):
    assert sum(kind == "comm_open" for kind, _ in Line.sent) <= 40
    assert len(Line.sent) <= 60


@pytest.mark.parametrize("after_a_run", [False, True])
def test_a_pause_in_typing_brings_little_back(opened, after_a_run):
    if after_a_run:
        control(opened, "image_count").value = 4
        ran(opened)
    for key, value in (("prompt", "a lamp for {{room}}, at dusk"), ("name", "Lamp 2")):
        widget = control(opened, "prompt") if key == "prompt" else opened.panel.fields.widgets["model"]
        Line.sent.clear()
        widget._handle_custom_msg({"type": "entry", "key": key, "value": value}, [])
        assert 0 < len(json.dumps([data for _, data in Line.sent])) <= 3_000


def test_a_form_that_nobody_has_touched_calls_nothing_wrong(workspace):
    form = StepForm(ig.ImageGenerationStep(prompt="a {{thing}}"), workspace)
    assert control(form, "prompt").problem == ""
    assert test_value(form, "thing").patient
    assert form.panel.header.run.disabled
    form.panel.header.run.click()
    assert "{{thing}}" in test_value(form, "thing").problem
    assert not test_value(form, "thing").patient
    form.close()


def test_a_variable_near_to_another_is_a_note_until_somebody_runs_it(form):
    control(form, "prompt").value = "a lamp for {{rooom}}"
    told = "{{rooom}} has no value; the nearest available path is {{room}}."
    assert (control(form, "prompt").problem, control(form, "prompt").lines["note"]) == ("", told)
    form.panel.header.run.click()
    assert (control(form, "prompt").problem, control(form, "prompt").lines["note"]) == (told, "")
    control(form, "prompt").value = "a lamp for {{room"
    assert "{{room is not closed" in control(form, "prompt").problem
    assert form.panel.header.status.value == "To fix: Prompt"


def test_the_header_follows_a_draft_that_is_no_step(tmp_path, monkeypatch):
    monkeypatch.setenv("XAI_API_KEY", "xai-not-a-key")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    form = StepForm(workspace=ig.Workspace(tmp_path))
    header = form.panel.header
    assert (form.step, header.payer.value) == (None, "no key: OPENAI_API_KEY is not set")
    assert form.panel.live_previews.visible
    control(form, "model").value = "grok-imagine-image"
    control(form, "name").value = "Hero"
    assert form.step is None
    assert "XAI_API_KEY" in header.payer.value
    assert header.title.value == "Hero"
    assert not form.panel.live_previews.visible
    form.close()


def test_the_header_says_what_a_run_would_cost_and_the_run_what_it_did(workspace):
    form = StepForm(ig.ImageGenerationStep(prompt="a fox"), workspace)
    header = form.panel.header
    credit = "task credit (the platform counts one for each image)."
    reason = "Image Quality and Image Size are auto, so the model chooses"
    most = f"If it were real, a run would cost at most $0.7116 ({reason}), and 1"
    assert header.cost.value == f"{most} {credit}"
    control(form, "prompt").value = ""
    assert header.cost.value == ""  # it is no step
    form.step = ig.ImageGenerationStep(prompt="a fox", model="grok-imagine-image", image_count=2)
    assert header.cost.value.startswith("If it were real, a run would cost $0.04, and 2 task credits (")
    ran(form)
    view = form.panel.gallery.view
    assert view["facts"][-1] == "$0.04 if it were real"
    assert [item["facts"][-1] for item in view["items"]] == ["$0.02 if it were real"] * 2
    control(form, "image_count").value = 1
    ran(form)
    view = form.panel.gallery.view
    assert view["facts"][-1] == "$0.02 if it were real"
    assert "$" not in str(view["items"][0]["facts"])  # the run's is the image's
    form.close()


def test_the_cost_is_that_of_who_would_pay(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key")
    step = ig.ImageGenerationStep(prompt="a fox", image_quality="low", image_size="1024x1024")
    form = StepForm(step, ig.Workspace(tmp_path))
    assert form.panel.header.cost.value.startswith("A run costs about $0.0")
    monkeypatch.setenv("GATEWAY_KEY", "not-a-key")
    gateway = ig.Gateway("https://gateway.example/v1", "GATEWAY_KEY")
    other = StepForm(step, ig.Workspace(tmp_path, hosted={"openai": gateway}))
    assert "has prices of its own" in other.panel.header.cost.value
    for each in (form, other):
        each.close()


def test_an_alert_ends_when_what_it_speaks_of_is_mended(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    form = StepForm(ig.ImageGenerationStep(prompt="a fox"), ig.Workspace(tmp_path))
    ran(form)
    assert "OPENAI_API_KEY" in form.panel.alert.value
    control(form, "name").value = "Fox"
    assert "OPENAI_API_KEY" in form.panel.alert.value  # it still holds
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key")
    control(form, "name").value = "Red fox"
    assert form.panel.alert.value == ""
    form.close()


def test_an_import_can_be_undone_with_prompt_settings_and_inputs(form):
    control(form, "image_count").value = 3
    test_value(form, "room").value = "a shed"
    before = (form.step, form._draft.inputs.values())
    document = {
        "format": "imagegen-nb/step",
        "version": 2,
        "step": {"model": "grok-imagine-image", "prompt": "a {{room}} and a {{thing}}"},
        "inputs": {"room": "barn", "thing": "cow"},
    }
    upload(form, "theirs.step.json", json.dumps(document).encode())
    assert form.step.model == "grok-imagine-image"
    assert "a barn and a cow" in form.panel.inputs.resolved
    transfer = form.panel.import_export
    transfer._handle_custom_msg({"type": "action", "label": "Undo the import"}, [])
    assert (form.step, form._draft.inputs.values()) == before
    assert "a lamp for a shed" in form.panel.inputs.resolved
    transfer._handle_custom_msg({"type": "action", "label": "Import it again"}, [])
    assert "a barn and a cow" in form.panel.inputs.resolved


def test_a_form_without_a_workspace_says_so_below_run(tmp_path, monkeypatch, workspace):
    monkeypatch.chdir(tmp_path)
    free = "emulator: no key needed, nothing is charged"
    form = StepForm("a lamp")
    told = "this form was given no workspace; StepForm(step, ig.Workspace(…)) calls the provider"
    assert form.panel.header.payer.value == f"{free} ({told})"
    form.close()
    form = StepForm("a lamp", workspace)
    assert form.panel.header.payer.value == free
    form.close()


def test_a_form_of_a_prompt(workspace):
    form = StepForm("a lamp", workspace)
    assert form.step == ig.ImageGenerationStep(prompt="a lamp")
    form.close()
    with pytest.raises(InvalidOption, match="step is of type dict: write StepForm"):
        StepForm({"prompt": "a lamp"})
