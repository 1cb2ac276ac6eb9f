"""Workflows: what their prompts may refer to, how they run, what ends them, and what is left then."""

from __future__ import annotations

import asyncio

import pytest

from imagegen_nb import ImageGenerationStep, StepFailed, Workflow
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption, VariableError
from imagegen_nb.step_file.export import define

HERO = ImageGenerationStep(name="Hero", prompt="A {{product}} on sand", image_size="1024x640", image_count=2)
BANNER = ImageGenerationStep(
    prompt="In the mood of {{step_1.output.assets.1.file_name}}", image_size="1024x640"
)


def choose(context):
    return {"choice": {"value": context["step_1"]["output"]["assets"][0]["file_name"]}}


# What is refused before anything is asked


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ({"step_1": BANNER}, "step_1: {{step_1.output.assets.1.file_name}} is the step's own output"),
        ({"step_0": BANNER, "step_1": HERO}, "runs after it. Put step_0 behind step_1"),
        ({"step_1": HERO.replace(prompt="{{prduct}}")}, "nearest available path is {{product}}"),
        (
            {"step_1": HERO.replace(image_count=1), "step_2": BANNER},
            "step_2: {{step_1.output.assets.1.file_name}}",
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_an_error_that_names_its_step(steps, said):
    with pytest.raises(VariableError) as refused:
        Workflow({"product": "lamp"}, steps=steps)
    assert said in str(refused.value)


def test_all_references_that_lead_nowhere_are_told_at_once():
    with pytest.raises(VariableError, match="2 references lead nowhere") as refused:
        Workflow(steps={"a": HERO, "b": HERO.replace(prompt="{{c.output}}"), "c": HERO.replace(prompt="x")})
    assert "a: {{product}} has no value" in str(refused.value)
    assert "b: {{c.output}} is the output of a step that runs after it" in str(refused.value)


@pytest.mark.parametrize(
    ("inputs", "steps", "said"),
    [
        ({}, {}, "give one or more by identifier"),
        ({}, [HERO], "give one or more by identifier"),
        ({}, {"step 1": HERO}, "use letters, digits and _"),
        ({"step_1": "x"}, {"step_1": HERO}, "step_1 is an input and a step"),
        ({}, {"step_1": "A lamp"}, "is of type str: give an ImageGenerationStep, or a function"),
        ({}, {"step_1": dict}, "is of type type"),
        ("lamp", {"step_1": HERO}, "inputs is of type str: give values by name"),
    ],
)
def test_what_is_no_workflow_is_refused_with_the_remedy(inputs, steps, said):
    with pytest.raises(InvalidOption) as refused:
        Workflow(inputs, steps=steps)
    assert said in str(refused.value)


def test_an_imported_definition_is_a_step():
    assert Workflow({"product": "lamp"}, steps={"step_1": define(HERO)}).steps["step_1"] == HERO


def test_inputs_of_a_run_may_not_hide_a_step_and_are_checked_before_the_first_step():
    called = []
    workflow = Workflow({"product": "lamp"}, steps={"ask": called.append, "step_1": HERO})
    with pytest.raises(InvalidOption, match="inputs has 'step_1', which is a step"):
        workflow.simulate(inputs={"step_1": {}})
    with pytest.raises(VariableError, match=r"step_1: \{\{product\}\} is null"):
        workflow.simulate(inputs={"product": None})
    assert not called


# Running


def test_each_step_gets_what_those_before_it_gave(workspace):
    banner = BANNER.replace(
        prompt="{{step_2.output.choice.value}} for {{product}}, {{step_1.output.settings.model}}"
    )
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO, "step_2": choose, "step_3": banner})
    run = workflow.run({"product": "vase"}, workspace=workspace)
    assert (run.status, list(run)) == ("done", ["step_1", "step_2", "step_3"])
    assert run["step_3"].prompt == "hero-1.png for vase, gpt-image-2"
    assert run["step_1"].identifier == "step_1"
    assert run.as_context()["step_2"] == {"output": {"choice": {"value": "hero-1.png"}}}
    assert workflow.last_run is run
    assert workspace.count_runs() == 2


def test_steps_and_functions_can_be_awaited(workspace):
    async def slow(context):
        await asyncio.sleep(0)
        return [context["product"]]

    workflow = Workflow(
        {"product": "lamp"},
        steps={"ask": slow, "step_1": HERO.replace(prompt="{{ask.output.0}}", image_count=1)},
    )
    run = asyncio.run(workflow.arun(workspace=workspace))
    assert run["step_1"].prompt == "lamp"
    with pytest.raises(InvalidOption, match="the function of ask is async"):
        workflow.run(workspace=workspace)


def test_a_function_changes_its_own_copy_only():
    def spoil(context):
        context["step_1"]["output"]["assets"].clear()
        context["words"].append("x")

    workflow = Workflow(
        {"product": "lamp", "words": []}, steps={"step_1": HERO, "spoil": spoil, "step_2": BANNER}
    )
    run = workflow.simulate()
    assert (run.status, len(run["step_1"].output.assets), dict(run.inputs)["words"]) == ("done", 2, [])


# What ends a workflow


def test_a_failed_step_that_says_terminate_ends_the_workflow_and_leaves_what_was_made(workspace, emulator):
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO, "step_2": BANNER, "ask": choose})
    emulator.script("openai", Fault("ok"), Fault("moderation"))
    with pytest.raises(StepFailed) as failed:
        workflow.run(workspace=workspace)
    assert failed.value.__notes__ == ["the workflow ended at step_2; workflow.last_run has what was made"]
    last = workflow.last_run
    assert (last.status, last.stopped_at, list(last)) == ("failed", "step_2", ["step_1", "step_2"])
    assert (len(last["step_1"].output.assets), last["step_2"].status) == (2, "failed")


def test_terminate_ends_a_simulated_workflow_and_continue_does_not():
    ends = Workflow({"product": "lamp"}, steps={"step_1": HERO, "ask": lambda context: None})
    run = ends.simulate({"step_1": "failed"})
    assert (run.status, run.stopped_at, list(run)) == ("failed", "step_1", ["step_1"])
    with pytest.raises(InvalidOption, match="ask gave nothing: the workflow ended at step_1"):
        _ = run["ask"]
    goes_on = Workflow(
        {"product": "lamp"},
        steps={"step_1": HERO.replace(on_failure="continue"), "ask": lambda context: context["step_1"]},
    ).simulate({"step_1": "failed"})
    assert goes_on.status == "done"
    assert goes_on["ask"].output["output"]["error"]["kind"] == "provider_fault"


def test_what_a_function_raises_ends_the_workflow_with_a_note_and_leaves_the_rest():
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO, "ask": lambda context: 1 / 0})
    with pytest.raises(ZeroDivisionError) as raised:
        workflow.simulate()
    assert raised.value.__notes__ == ["the workflow ended at ask; workflow.last_run has what was made"]
    last = workflow.last_run
    assert (last.status, last.stopped_at, list(last)) == ("failed", "ask", ["step_1"])
    assert "ask  <lambda>() stands in  failed  ZeroDivisionError: division by zero" in repr(last)


def test_a_function_may_give_plain_data_only():
    workflow = Workflow(steps={"ask": lambda context: {1, 2}})
    with pytest.raises(VariableError, match=r"ask\.output is of type set"):
        workflow.simulate()


def test_an_interrupt_is_raised_on_and_leaves_what_was_made():
    def interrupt(context):
        raise KeyboardInterrupt

    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO, "ask": interrupt, "step_2": BANNER})
    with pytest.raises(KeyboardInterrupt):
        workflow.simulate()
    assert (workflow.last_run.status, list(workflow.last_run)) == ("cancelled", ["step_1"])
    assert "step_2  gpt-image-2  not run" in repr(workflow.last_run)


def test_outcomes_are_of_image_steps():
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO, "ask": choose})
    with pytest.raises(
        InvalidOption, match="outcomes has 'ask': no image step of this workflow; it has step_1"
    ):
        workflow.simulate({"ask": "failed"})


def test_references_are_tried_against_each_way_an_earlier_step_can_end():
    steps = {"step_1": HERO.replace(on_failure="continue"), "step_2": BANNER, "ask": choose}
    report = Workflow({"product": "lamp"}, steps=steps).check_references()
    assert [(one.place, one.outcome) for one in report.problems] == [
        ("step_2", "partial"),
        ("step_2", "failed"),
    ]
    steps["step_2"] = BANNER.replace(prompt="{{step_1.output.settings.model}} {{product}}")
    report = Workflow({"product": "lamp"}, steps=steps).check_references()
    assert report
    assert {one.reference for one in report.findings} == {"{{step_1.output.settings.model}}"}
