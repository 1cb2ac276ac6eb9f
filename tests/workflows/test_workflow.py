"""Workflows: what their prompts may refer to, how they run, what ends them, and what is left then."""

from __future__ import annotations

import asyncio
import functools

import pytest

from imagegen_nb import ImageGenerationStep, StepFailed, Sweep, Workflow, Workspace
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption, MissingCredential, VariableError
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


def test_a_step_that_a_function_stands_in_for_is_known_by_name_and_output():
    with pytest.raises(VariableError) as refused:
        Workflow(
            steps={"ask": choose, "a": HERO.replace(prompt="{{aks.output.x}} {{ask.x}} {{ask.output.x}}")}
        )
    assert "a: {{aks.output.x}} has no value; {{ask.output}} has" in str(refused.value)
    assert "a: {{ask.x}} has no value; {{ask}} has output" in str(refused.value)
    assert "2 references" in str(refused.value)


def test_references_are_predicted_and_no_step_is_simulated_to_check_them(monkeypatch, workspace):
    def simulated(*_args, **_keywords):
        raise AssertionError("a step was simulated")

    monkeypatch.setattr("imagegen_nb.runs.simulation.execute", simulated)
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO, "step_2": BANNER})
    checked = []
    monkeypatch.setattr(
        "imagegen_nb.workflows.references.problem_of", lambda tag, _: checked.append(tag) or ""
    )
    assert workflow.run({"product": "vase"}, workspace=workspace).status == "done"
    assert checked == ["{{product}}"]


def test_all_references_that_lead_nowhere_are_told_at_once():
    with pytest.raises(VariableError, match="2 references lead nowhere") as refused:
        Workflow(steps={"a": HERO, "b": HERO.replace(prompt="{{c.output}}"), "c": HERO.replace(prompt="x")})
    assert "a: {{product}} has no value; no inputs were given. Add product to the workflow's inputs" in str(
        refused.value
    )
    assert "b: {{c.output}} is the output of a step that runs after it" in str(refused.value)


def test_braces_of_a_later_step_that_are_no_variable_are_told_before_the_first_costs_money():
    with pytest.raises(VariableError, match=r"b: \{product\} has single braces: Write \{\{product\}\}"):
        Workflow({"product": "lamp"}, steps={"a": HERO, "b": HERO.replace(prompt="A {product}")})


@pytest.mark.parametrize(
    ("inputs", "steps", "said"),
    [
        ({}, {}, "give one or more by identifier"),
        ({}, [HERO], "give one or more by identifier"),
        ({}, {"step 1": HERO}, "use letters, digits and _"),
        ({"step_1": "x"}, {"step_1": HERO}, "step_1 is an input and a step"),
        ({}, {"step_1": "A lamp"}, "is of type str: give an ImageGenerationStep, or a function"),
        ({}, {"step_1": dict}, "is of type type"),
        ({}, {"ask": lambda: 1}, "<lambda>() has to take one value, a dict of the inputs and the earlier"),
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


def test_a_run_takes_no_input_that_the_workflow_does_not_ask_for(workspace):
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO})
    with pytest.raises(
        InvalidOption, match="inputs has 'prodct', which this workflow does not ask for; did you"
    ):
        workflow.run({"prodct": "vase"}, workspace=workspace)


def test_an_input_for_one_step_is_no_mistake_of_another(workspace):
    steps = {
        "step_1": HERO,
        "step_2": BANNER.replace(prompt="{{place}} {{step_1.output.assets.0.file_name}}"),
    }
    inputs = {"product": "a lamp", "place": ""}
    told = [note for note in Workflow(inputs, steps=steps).estimate().notes if "empty" in note]
    assert told == ["step_2: {{place}} is empty, so the prompt has nothing in its place"]
    run = Workflow(inputs, steps=steps).run(workspace=workspace)
    assert run["step_1"].warnings == ()
    assert run["step_1"].inputs == {"product": "a lamp"}
    assert run["step_2"].warnings == ("{{place}} is empty, so the prompt has nothing in its place",)


def test_a_key_that_a_later_step_lacks_is_missed_before_the_first_costs_money(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-" + "ready0123456789readyready")
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    monkeypatch.setattr(ImageGenerationStep, "run", lambda *_args, **_keywords: pytest.fail("a step was run"))
    steps = {"step_1": HERO, "step_2": HERO.replace(model="grok-imagine-image", image_size=None)}
    with pytest.raises(MissingCredential, match="XAI_API_KEY") as missed:
        Workflow({"product": "lamp"}, steps=steps).run(workspace=Workspace(tmp_path))
    assert missed.value.__notes__ == ["step_2 needs it; nothing was sent yet"]


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


@pytest.mark.parametrize("how", ["plainly", "as an object", "partly"])
def test_an_async_function_is_refused_before_the_first_step_where_nothing_awaits(how, workspace):
    class Slow:
        async def __call__(self, context):
            return context

    async def slow(_more, context=None):
        return context

    ask = {"plainly": slow, "as an object": Slow(), "partly": functools.partial(slow, 1)}[how]
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO, "ask": ask})
    for start in (workflow.simulate, lambda: workflow.run(workspace=workspace)):
        with pytest.raises(InvalidOption, match=r"the function of ask is async: use `await workflow\.arun"):
            start()
    assert workspace.count_runs() == 0


def test_what_is_yet_to_come_is_refused_also_from_a_function_that_is_not_async():
    async def slow(context):
        return context

    workflow = Workflow(steps={"ask": lambda context: slow(context)})
    with pytest.raises(InvalidOption, match="the function of ask is async"):
        workflow.simulate()


def test_two_workflows_run_at_once_in_one_loop(workspace):
    one = Workflow({"product": "lamp"}, steps={"step_1": HERO, "step_2": BANNER})
    two = Workflow({"product": "vase"}, steps={"step_1": HERO, "ask": choose})

    async def both():
        return await asyncio.gather(
            one.arun(workspace=workspace), two.arun(workspace=workspace), one.arun(workspace=workspace)
        )

    first, second, third = asyncio.run(both())
    assert [run.status for run in (first, second, third)] == ["done"] * 3
    assert (first["step_1"].prompt, second["step_1"].prompt) == ("A lamp on sand", "A vase on sand")
    assert first["step_1"].id != third["step_1"].id
    assert two.last_run is second


def test_a_task_that_is_cancelled_leaves_what_was_made(workspace):
    async def main():
        reached = asyncio.Event()

        async def wait(context):
            reached.set()
            await asyncio.Event().wait()

        workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO, "wait": wait, "step_2": BANNER})
        task = asyncio.create_task(workflow.arun(workspace=workspace))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return workflow.last_run

    last = asyncio.run(main())
    assert (last.status, last.stopped_at, list(last)) == ("cancelled", "wait", ["step_1"])


def test_a_function_that_returns_a_run_gives_what_a_step_gives(workspace):
    def inside(context):
        return HERO.run({"product": context["product"]}, workspace=workspace)

    later = HERO.replace(prompt="As {{ask.output.assets.0.file_name}}, by {{ask.output.settings.model}}")
    run = Workflow({"product": "lamp"}, steps={"ask": inside, "step_1": later}).run(workspace=workspace)
    assert run["step_1"].prompt == "As hero-1.png, by gpt-image-2"


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


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("failed", "step_1 (failed): 0 of 2 images came. Refer to what is always there, such as "
         '{{step_1.output.settings.model}}, or let step_1 end the workflow: on_failure="terminate"'),
        ("partial", "step_1 (partial): 1 of 2 images came. Refer to what is always there, such as "
         "{{step_1.output.settings.model}}"),
    ],
)  # fmt: skip
def test_a_reference_to_what_a_failed_step_left_out_says_so_with_the_way_out(outcome, said):
    steps = {"step_1": HERO.replace(on_failure="continue"), "step_2": BANNER}
    workflow = Workflow({"product": "lamp"}, steps=steps)
    with pytest.raises(
        VariableError, match=r"\{\{step_1.output.assets.1.file_name\}\} has no value"
    ) as refused:
        workflow.simulate({"step_1": outcome})
    assert refused.value.__notes__ == [
        said,
        "the workflow ended at step_2; workflow.last_run has what was made",
    ]
    assert said in workflow.last_run.reason


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
    with pytest.raises(KeyboardInterrupt) as interrupted:
        workflow.simulate()
    assert interrupted.value.__notes__ == ["the workflow ended at ask; workflow.last_run has what was made"]
    assert (workflow.last_run.status, list(workflow.last_run)) == ("cancelled", ["step_1"])
    assert "step_2  gpt-image-2  not run" in repr(workflow.last_run)


def test_outcomes_are_of_image_steps():
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO, "ask": choose})
    with pytest.raises(
        InvalidOption, match="outcomes has 'ask': no image step of this workflow; it has step_1"
    ):
        workflow.simulate({"ask": "failed"})
    with pytest.raises(InvalidOption, match=r"outcomes\['step_1'\] = 'lost': choose from success, partial"):
        workflow.simulate({"step_1": "lost"})


def test_what_belongs_elsewhere_is_told_where(workspace, tmp_path):
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO})
    with pytest.raises(InvalidOption, match=r"is an input, and .* by name: simulate\(inputs=\{'product': …"):
        workflow.simulate({"product": "vase"})
    with pytest.raises(
        InvalidOption, match=r"a step of this .*: how it ends is for simulate\(\{'step_1': 'fai"
    ):
        workflow.run({"step_1": "failed"}, workspace=workspace)
    with pytest.raises(InvalidOption, match="workspace = 'assets': give a workspace"):
        workflow.estimate(workspace="assets")
    run = HERO.run({"product": "lamp"}, workspace=workspace)
    for other in (run, "last"):
        with pytest.raises(
            InvalidOption, match=rf"run is of type {type(other).__name__}: give what workflow"
        ):
            workflow.save(tmp_path / "flow", run=other)
    workflow.save(tmp_path / "flow")
    with pytest.raises(InvalidOption, match="functions is of type list: give them by identifier"):
        Workflow.load(tmp_path / "flow.workflow.json", functions=[choose])
    assert not workspace.history()[1:], "nothing but the one run was asked"


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


def test_a_sweep_of_a_workflow_is_refused_with_what_to_do_instead():
    workflow = Workflow({"product": "lamp"}, steps={"ask": choose, "step_1": HERO})
    with pytest.raises(InvalidOption) as refused:
        Sweep(workflow, over={"inputs.product": ["lamp", "vase"]})
    assert str(refused.value) == (
        "step is of type Workflow: a sweep varies one step. Sweep one of its steps, "
        "Sweep(workflow.steps['step_1'], over={...}), or run the workflow with each value: "
        "[workflow.run({...}, workspace=ws) for ...]"
    )
