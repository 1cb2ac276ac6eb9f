from __future__ import annotations

import json
import threading
import time

import pytest
from ipywidgets.widgets.widget import _instances

import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from imagegen_nb.widgets.form import StepForm

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")


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


def ran(form):
    form.panel.header.run.click()
    until(lambda: form._job is None)
    return form.run_result


def control(form, key):
    return form.panel.fields[key].control


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
    assert "1 problem below keeps the step from running" in form.panel.header.status.value


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
    assert "1 of 1 image" in form.panel.header.status.value
    assert any(node["path"] == "step_2.output.assets.0.file_url" for node in form.panel.tree.nodes)
    assert "data:image/webp" in form._fallback._repr_html_()
    assert emulator.count("openai") == 1


def test_what_was_typed_is_used_and_previewed(form):
    form.panel.inputs._texts["room"].value = '["a hall","a shed"]'
    assert 'a lamp for ["a hall","a shed"]' in form.panel.inputs._preview.value.replace("&quot;", '"')
    assert ran(form).inputs["room"] == ["a hall", "a shed"]


def test_a_failure_is_told_in_plain_words_and_escaped(form, emulator):
    emulator.script("openai", Fault("bad_request", message="<script>alert(1)</script> is wrong"))
    run = ran(form)
    assert run.status == "failed"
    assert 'role="alert"' in form.panel.alert.value
    assert "<script>" not in form.panel.alert.value
    assert not form.panel.header.run.disabled
    emulator.clear()
    assert ran(form).status == "done"
    assert form.panel.alert.value == ""


def test_a_missing_value_is_told_and_nothing_is_asked(form, emulator):
    control(form, "prompt").value = "a {{thing}}"
    form.panel.header.run.click()
    assert "{{thing}} has no value" in form.panel.alert.value
    assert form._job is None
    assert emulator.count("openai") == 0


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
    assert "saved lamp.step.json" in form.panel.import_export.message.value
    data = (tmp_path / "lamp.step.json").read_bytes()
    assert json.loads(data)["provenance"]["identifier"] == "step_2"
    step = form.step
    control(form, "prompt").value = "something else"
    upload(form, "lamp.step.json", data)
    assert form.step == step


def test_a_bad_import_is_told_and_changes_nothing(form):
    step = form.step
    upload(form, "x.json", b"{}")
    assert "no step file" in form.panel.import_export.message.value
    assert form.step == step


def test_a_file_too_large_to_be_a_step_is_not_even_sent(form):
    form.panel.import_export._handle_custom_msg({"type": "file", "name": "<b>.json"}, [])
    assert "<b>.json has more than" in form.panel.import_export.message.value


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
