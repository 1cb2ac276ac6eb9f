"""What a form and a gallery are given by mistake: each is answered with what came, and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

import imagegen_nb as ig
from imagegen_nb.errors import InvalidOption

STEP = ig.ImageGenerationStep(prompt="a lamp", image_size="1024x640", image_output_format="jpeg")
ALL = "Gallery(ws.records(), store=ws.store)"


@pytest.fixture
def things(workspace, tmp_path):
    """What lies around in a notebook, by its name in the tables below."""
    run = STEP.run(workspace=workspace)
    sweep = ig.Sweep(STEP, over={"image_count": [1]}).run(workspace=workspace, progress=False)
    history = workspace.history()
    return {
        "workspace": workspace,
        "store": workspace.store,
        "step": STEP,
        "run": run,
        "output": run.output,
        "asset": run.output.assets[0],
        "definition": ig.load_step(ig.save_step(tmp_path / "a.step.json", STEP, run=run)),
        "sweep": sweep,
        "cell": sweep[0],
        "history": history,
        "past": history[0],
        "steps": [STEP],
        "runs": [run, STEP],
        "form": ig.StepForm(STEP, workspace),
        "dict": {"prompt": "a lamp"},
        "folder": "assets",
        "path": Path("a.step.json"),
        "file": "a.step.json",
        "number": 5,
    }


def refused(call, *arguments, **keywords):
    with pytest.raises(InvalidOption) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "came", "remedy"),
    [
        ("run", "Run", "write StepForm(run.step, inputs=run.inputs); Gallery(run) shows its images"),
        ("definition", "StepDefinition", "write StepForm(definition.step, inputs=definition.inputs)"),
        ("dict", "dict", "write StepForm(ig.ImageGenerationStep(**settings)), settings by their keys"),
        ("path", "PosixPath", "write StepForm(ig.load_step(path).step)"),
        ("cell", "Cell", "write StepForm(cell.step)"),
        ("past", "PastRun", "write StepForm(past.step)"),
        ("steps", "list", "a form edits one step; give one of them"),
        ("sweep", "Sweep", "a form edits one step; give one of them"),
        ("number", "int", "give a step, such as ig.ImageGenerationStep(prompt='A lamp'), or a prompt's text"),
    ],
)
def test_a_form_of_something_else(things, name, came, remedy):
    told = f"step is of type {came}: {remedy}"
    assert refused(ig.StepForm, things[name]).startswith(told)
    with pytest.raises(InvalidOption) as caught:
        things["form"].step = things[name]
    assert str(caught.value).startswith(told)


def test_a_form_with_its_workspace_first_or_under_the_name_of_the_step(things):
    told = "StepForm(…): a workspace is given by name, StepForm(workspace=…); the first argument is step"
    assert refused(ig.StepForm, things["workspace"], STEP) == told
    assert refused(ig.StepForm, step=things["workspace"]) == (
        "step is of type Workspace: write StepForm(step, workspace)"
    )


def test_a_prompt_that_is_the_name_of_a_file():
    told = "step = 'a.step.json': the name of a file, not a prompt; write "
    assert refused(ig.StepForm, "a.step.json") == f"{told}StepForm(ig.load_step('a.step.json').step)"
    assert ig.StepForm("a lamp").step == ig.ImageGenerationStep("a lamp")


@pytest.mark.parametrize(
    ("name", "came", "remedy"),
    [
        ("step", "ImageGenerationStep", "give a workspace, which says where images go and who pays, e.g. "),
        ("folder", "str", "write StepForm(step, ig.Workspace('assets'))"),
        ("dict", "dict", "values of variables are given by name, StepForm(step, inputs={…})"),
    ],
)
def test_a_form_in_something_else(things, name, came, remedy):
    told = f"workspace is of type {came}: {remedy}"
    assert refused(ig.StepForm, STEP, things[name]).startswith(told)
    assert refused(ig.StepForm, workspace=things[name]).startswith(told)


@pytest.mark.parametrize("name", ["step", "run", "folder", "number", "sweep", "steps"])
def test_a_form_with_inputs_without_names(things, name):
    came = type(things[name]).__name__
    assert f"inputs is of type {came}: give values by name, e.g. {{'" in refused(
        ig.StepForm, STEP, inputs=things[name]
    )


def test_a_form_with_a_step_among_its_inputs_or_an_impossible_name():
    told = refused(ig.StepForm, STEP, inputs={"step_1": STEP})
    assert told == "inputs.step_1 is a step: give its run, as step.run() returns it"
    assert refused(ig.StepForm, STEP, identifier="step 2").startswith("identifier = 'step 2': use letters")


def test_a_forms_result_and_fields(things):
    with pytest.raises(InvalidOption, match="run_result is of type ImageGenerationStep: a step has no"):
        things["form"].run_result = STEP
    assert refused(things["form"].enter, "promt", "x") == "key = 'promt': did you mean prompt?"


@pytest.mark.parametrize(
    ("name", "what", "remedy"),
    [
        ("workspace", "is of type Workspace", f"write {ALL}"),
        ("store", "is of type LocalStore", "write Gallery(store.records(), store=store)"),
        ("step", "is of type ImageGenerationStep", "a step has no images before it runs; give its run, as "),
        ("folder", "is of type str", f"write ws = ig.Workspace('assets'), then {ALL}"),
        ("path", "is of type PosixPath", "a gallery shows runs; the images of a step file are ig.load_step("),
        (
            "definition",
            "is of type StepDefinition",
            "a gallery shows runs, as step.run() returns them;",
        ),
        ("output", "is of type StepOutput", "a gallery shows whole runs; give the run that made it"),
        ("asset", "is of type Asset", "a gallery shows whole runs; give the run that made it"),
        ("form", "is of type StepForm", "write Gallery(form.runs)"),
        ("cell", "is of type Cell", "give the cell's run, cell.run"),
        ("past", "is of type PastRun", "give its run, past.run"),
        ("dict", "is of type dict", f"give a run, a list of runs, or all that a store holds: {ALL}"),
        ("number", "is of type int", "give a run, a list of runs, or all that"),
        ("steps", "has something of type ImageGenerationStep", "a step has no images before it runs; give"),
        ("runs", "has something of type ImageGenerationStep", "a step has no images before it runs; give"),
        ("sweep", "has something of type Cell", "write Gallery([cell.run for cell in sweep.done])"),
        ("history", "has something of type PastRun", "write Gallery([past.run for past in history])"),
    ],
)
def test_a_gallery_of_something_else(things, name, what, remedy):
    assert refused(ig.Gallery, things[name]).startswith(f"source {what}: {remedy}")


def test_what_stands_in_the_remedies_works(things):
    run, sweep = things["run"], things["sweep"]
    assert len(ig.Gallery([cell.run for cell in sweep.done]).runs) == 1
    assert len(ig.Gallery([past.run for past in things["history"]]).runs) == 2
    assert ig.Gallery(things["store"].records(), store=things["store"]).view["total"] == 2
    assert ig.StepForm(things["definition"].step, inputs=things["definition"].inputs).step == STEP
    assert ig.StepForm(run.step, inputs=run.inputs).step == STEP


def test_a_gallery_with_a_workspace_for_a_store(things):
    told = refused(ig.Gallery, [], store=things["workspace"])
    assert told == "store is of type Workspace: write store=ws.store"
    assert refused(ig.Gallery, [], store="assets") == f"store is of type str: write {ALL}"


def test_a_gallerys_methods(things):
    gallery = ig.Gallery(things["run"])
    assert refused(gallery.show, STEP).startswith("run is of type ImageGenerationStep: a step has no images")
    assert refused(gallery.show, 5) == "run is of type int: give a run, as step.run() returns it"
    told = "asset is of type Run: give an image, such as run.output.assets[0]"
    assert refused(gallery.star, things["run"]) == refused(gallery.note, things["run"], "x") == told
    assert refused(gallery.note, things["asset"], 5) == (
        "text is of type int: give a text; an empty one takes the note away"
    )
    assert refused(gallery.on_use, 5) == "callback is of type int: give a function of the run"
