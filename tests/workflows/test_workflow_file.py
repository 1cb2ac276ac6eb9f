"""Workflow files: all steps in one file, read back the same, and refused with the place of what is wrong."""

from __future__ import annotations

import json

import jsonschema
import pytest

from imagegen_nb import ImageGenerationStep, Workflow, load_step, save_step
from imagegen_nb.errors import DefinitionError, DefinitionWarning, InvalidOption, SecretFound
from imagegen_nb.workflows.workflow_document import workflow_schema

HERO = ImageGenerationStep(name="Hero", prompt="A {{product}} on sand", image_size="1024x640")
NEXT = ImageGenerationStep(prompt="{{ask.output.choice}}", model="grok-imagine-image", on_failure="continue")


def choose(context):
    return {"choice": context["product"]}


@pytest.fixture
def workflow() -> Workflow:
    return Workflow({"product": "lamp"}, steps={"step_1": HERO, "ask": choose, "step_2": NEXT})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "hero.workflow.json"


def test_a_workflow_reads_back_with_its_functions(workflow, path):
    assert repr(workflow.save(path)) == "saved hero.workflow.json: 3 steps"
    read = Workflow.load(path, functions={"ask": choose})
    assert (dict(read.steps), dict(read.inputs)) == (dict(workflow.steps), dict(workflow.inputs))


def test_a_function_that_is_not_at_hand_gives_what_it_gave(workflow, path):
    run = workflow.simulate(inputs={"product": "vase"})
    workflow.save(path, run=run)
    read = Workflow.load(path)
    assert dict(read.inputs) == {"product": "vase"}
    assert read.simulate(inputs={"product": "other"})["step_2"].prompt == "vase"
    assert "ask  choose() stands in" in repr(read)


def test_the_file_has_each_image_step_as_its_step_file(workflow, path, tmp_path):
    run = workflow.simulate()
    workflow.save(path, run=run)
    document = json.loads(path.read_text())
    assert (document["format"], document["version"]) == ("imagegen-nb/workflow", 1)
    assert [entry["identifier"] for entry in document["steps"]] == ["step_1", "ask", "step_2"]
    alone = tmp_path / "hero.step.json"
    alone.write_text(json.dumps(document["steps"][0]["image_generation"]))
    definition = load_step(alone)
    assert (definition.step, definition.identifier) == (HERO, "step_1")
    assert definition.output.assets[0].file_name == "hero-1.png"


def test_without_a_run_a_function_has_to_be_given(workflow, path):
    workflow.save(path)
    with pytest.raises(DefinitionError, match=r"steps\.1: the file has nothing that choose gave: pass"):
        Workflow.load(path)
    unnamed = Workflow({"product": "lamp"}, steps={"step_1": HERO, "ask": lambda context: {}})
    unnamed.save(path, overwrite=True)
    with pytest.raises(DefinitionError, match="nothing that the function of ask gave: pass"):
        Workflow.load(path)
    workflow.save(path, overwrite=True)
    with pytest.raises(InvalidOption, match=r"functions has 'step_1', which is none of the file's.* are ask"):
        Workflow.load(path, functions={"step_1": choose})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["steps"][0]["image_generation"].update(step={}), "steps.0.image_generation.step.prompt"),
        (lambda d: d["steps"][0].update(function={"name": "x"}), "steps.0: has to be either"),
        (lambda d: d["steps"][2].update(identifier="step_1"), "steps.2.identifier: step_1 is the"),
        (lambda d: d["steps"][2].update(identifier="step 2"), "steps.2.identifier: is not a name: use"),
        (lambda d: d["inputs"].update(ask="x"), "steps.1.identifier: ask is an input too: give one of them"),
        (lambda d: d.update(version=2), "version: is newer than this program knows (1). Update imagegen-nb"),
        (lambda d: d.update(version="1"), "version: is not a known version: write 1"),
        (lambda d: d.pop("format"), 'format: is not "imagegen-nb/workflow": write that'),
        (lambda d: d.update(steps=[]), "steps: has no step: give one or more, in the order"),
        (lambda d: d.update(steps={}), "steps: is not an array"),
        (lambda d: d.pop("steps"), "steps: is missing"),
        (lambda d: d.update(other=1), "other: unknown key, to be renamed or removed; choose from format, "),
        (lambda d: d.update(input={}), "input: unknown key, to be renamed or removed; did you mean inputs?"),
        (lambda d: d["steps"][1].update(functoin={}), "steps.1.functoin: unknown key, to be renamed"),
        (lambda d: d["steps"].reverse(), "steps.0.image_generation.step.prompt: {{ask.output.cho"),
        (
            lambda d: d["steps"][0]["image_generation"]["step"].update(prompt="A {{product"),
            "steps.0.image_generation.step.prompt: holds a variable that is not closed. Write {{product}}",
        ),
        (lambda d: d["inputs"].pop("product"), "steps.0.image_generation.step.prompt: {{product}} has"),
        (lambda d: d.update(format="imagegen-nb/step"), "this is a step file: read it with ig.load_step"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_with_its_place(workflow, path, change, said):
    workflow.save(path)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(DefinitionError) as refused:
        Workflow.load(path, functions={"ask": choose})
    assert str(refused.value).startswith(said)


def test_every_problem_is_told_at_once_each_at_its_place(workflow, path):
    workflow.save(path)
    document = json.loads(path.read_text())
    document["steps"][0]["image_generation"]["step"].update(image_count=11, image_quality="best")
    document["steps"][2]["image_generation"]["step"].update(model="grok-imagin-image")
    document["steps"][1].update(colour="red")
    path.write_text(json.dumps(document))
    with pytest.raises(DefinitionError) as refused:
        Workflow.load(path, functions={"ask": choose})
    lines = str(refused.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "steps.1.colour",
        "steps.0.image_generation.step.image_count",
        "steps.0.image_generation.step.image_quality",
        "steps.2.image_generation.step.model",
    ]
    assert refused.value.place == "steps.1.colour"


def test_a_file_written_by_hand_may_leave_out_what_nobody_needs(path):
    step = {"prompt": "A {{product}}", "model": "gpt-image-2"}
    document = {"format": "imagegen-nb/workflow", "version": 1, "inputs": {"product": "lamp"}}
    path.write_text(json.dumps(document | {"steps": [{"identifier": "step_1", "image_generation": step}]}))
    with pytest.warns(DefinitionWarning, match=r"^steps\.0\.image_generation: a bare step was put into an"):
        read = Workflow.load(path)
    assert read.simulate()["step_1"].prompt == "A lamp"


def test_of_very_many_problems_the_first_are_told(path):
    steps = [{"identifier": f"step_{number}"} for number in range(40)]
    path.write_text(json.dumps({"format": "imagegen-nb/workflow", "version": 1, "steps": steps}))
    with pytest.raises(DefinitionError) as refused:
        Workflow.load(path)
    assert str(refused.value).splitlines()[-1] == "and 20 more"


def test_the_schema_takes_what_is_written_and_refuses_what_is_not_read(workflow, path):
    workflow.save(path, run=workflow.simulate())
    document = json.loads(path.read_text())
    checker = jsonschema.Draft202012Validator(workflow_schema())
    jsonschema.Draft202012Validator.check_schema(workflow_schema())
    assert list(checker.iter_errors(document)) == []
    document["steps"][0]["function"] = {"name": "x"}
    document["steps"][2]["image_generation"]["step"]["image_count"] = 11
    assert {error.json_path for error in checker.iter_errors(document)} == {
        "$.steps[0]",
        "$.steps[2].image_generation.step.image_count",
    }


def test_a_key_is_never_written_and_an_older_file_stays(workflow, path, monkeypatch):
    workflow.save(path)
    before = path.read_bytes()
    key = "a key in use, of no known shape"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(SecretFound, match=r"inputs\.product"):
        workflow.save(path, run=workflow.simulate(inputs={"product": key}))
    assert path.read_bytes() == before


def test_a_run_of_another_workflow_is_not_exported_with_this_one(workflow, path):
    other = Workflow({"product": "lamp"}, steps={"step_1": HERO}).simulate()
    with pytest.raises(DefinitionError, match="the run is of another workflow"):
        workflow.save(path, run=other)


def test_a_step_loader_says_what_reads_a_workflow_file(workflow, path):
    workflow.save(path)
    with pytest.raises(
        DefinitionError,
        match=r"this is a workflow file: give a step file, or read it with ig\.Workflow\.load",
    ):
        load_step(path)


def test_a_file_of_something_else_is_not_replaced_unasked(tmp_path):
    file = tmp_path / "flow.workflow.json"
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO})
    workflow.save(file)
    Workflow({"product": "vase"}, steps={"step_1": HERO.replace(prompt="Another {{product}}")}).save(file)
    other = Workflow({"product": "lamp"}, steps={"a": HERO})
    with pytest.raises(DefinitionError, match=r"another workflow \(of step_1\); pass overwrite=True"):
        other.save(file)
    other.save(file, overwrite=True)
    file.write_text("print('mine')")
    with pytest.raises(DefinitionError, match="something else is there; pass overwrite=True"):
        workflow.save(file)
    assert file.read_text() == "print('mine')"


def test_the_step_file_of_one_step_is_written_as_the_message_says(tmp_path, workspace, path):
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO})
    workflow.save(path)
    with pytest.raises(DefinitionError) as refused:
        load_step(path)
    assert 'ig.save_step("step_1.step.json", workflow.steps["step_1"])' in str(refused.value)
    assert 'run=workflow.run(workspace=ws)["step_1"]' in str(refused.value)
    save_step(tmp_path / "step_1.step.json", Workflow.load(path).steps["step_1"])
    assert load_step(tmp_path / "step_1.step.json").step == workflow.steps["step_1"]
    run = workflow.run(workspace=workspace)
    save_step(tmp_path / "step_1.step.json", workflow.steps["step_1"], run=run["step_1"])
    assert load_step(tmp_path / "step_1.step.json").output.assets
