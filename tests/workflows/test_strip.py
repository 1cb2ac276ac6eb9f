"""The strip of a workflow: what it says of each step, and that it says the same of equal runs."""

from __future__ import annotations

import pytest

from imagegen_nb import ImageGenerationStep, Workflow

HERO = ImageGenerationStep(name="Hero", prompt="A {{product}} on sand", image_size="1024x640", image_count=6)
NEXT = ImageGenerationStep(prompt="Like {{step_1.output.assets.0.file_url}}", on_failure="continue")


def choose(context):
    return {"choice": "first", "of": [1, 2], "more": {}}


@pytest.fixture
def workflow() -> Workflow:
    return Workflow({"product": "a <b>lamp</b>"}, steps={"step_1": HERO, "step_2": choose, "step_3": NEXT})


def test_before_a_run_it_tells_the_steps(workflow):
    assert repr(workflow).splitlines() == [
        "Workflow · 3 steps",
        "  inputs: product",
        "  step_1  “Hero” · gpt-image-2  A {{product}} on sand",
        "  step_2  choose() stands in",
        "  step_3  gpt-image-2  Like {{step_1.output.assets.0.file_url}}  continues when it fails",
    ]


def test_after_a_run_it_tells_what_each_gave_and_nothing_that_differs_between_equal_runs(workflow):
    first, second = repr(workflow.simulate()), repr(workflow.simulate())
    assert first == second
    assert "step_2  choose() stands in  done  choice: first · of: 2 items · more: nothing" in first
    assert "the first 4 are shown  hero-1.png  hero-2.png  hero-3.png  hero-4.png\n" in first
    assert "Like simulated:///hero-1.png" in first


def test_a_page_has_the_pictures_arrows_and_escaped_text(workflow):
    page = workflow.simulate()._repr_html_()
    assert page.count("<img ") == 5
    assert page.count("→") == 2
    assert "<b>" not in page
    assert "a &lt;b&gt;lamp&lt;/b&gt; on sand" in page
    assert "<strong>Workflow · 3 of 3 steps · done · SIMULATED</strong>" in page


def test_a_function_shows_no_folder_and_what_it_gave_is_the_same_for_equal_runs(workflow):
    steps = {"step_1": HERO, "ask": lambda context: context["step_1"]["output"]["assets"][0]["file_url"]}
    shown = repr(Workflow({"product": "x"}, steps=steps).simulate())
    assert "<lambda>() stands in  done  simulated:///hero-1.png\n" in f"{shown}\n"


def test_pictures_have_names_for_those_who_do_not_see_them_and_stand_in_pairs(workflow):
    page = workflow.simulate()._repr_html_()
    assert 'alt="A a &lt;b&gt;lamp&lt;/b&gt; on sand (1 of 6)"' in page
    assert page.count('aria-hidden="true">→') == 2
    assert 'aria-label="Steps in their order"' in page
    assert (page.count("min-width:264px"), page.count("min-width:132px")) == (1, 2)


def test_where_it_ended_is_told_and_which_failed_step_went_on():
    steps = {"step_1": NEXT.replace(prompt="x"), "step_2": HERO.replace(prompt="y")}
    run = Workflow(steps=steps).simulate({"step_1": "failed", "step_2": "failed"})
    first, note, one, two = repr(run).splitlines()
    assert (first, note) == ("Workflow · 2 of 2 steps · failed · SIMULATED", "  ended at step_2")
    assert "ended at step_2" in run._repr_html_()
    assert (one.endswith("  continues when it fails"), "continues" in two) == (True, False)


def test_a_failed_step_stands_out_and_those_behind_it_were_not_run(workflow):
    page = workflow.simulate({"step_1": "failed"})._repr_html_()
    assert "<strong>step_1</strong> · <strong>failed</strong>" in page
    assert page.count(" · not run<") == 2


def test_a_cost_is_told_of_real_runs_only(workflow, workspace):
    assert "$" not in repr(workflow.simulate())
    assert "if it were real" in repr(workflow.run(workspace=workspace))
