"""What a workflow would cost: the sum of its steps, what is not known yet, and what a budget would say."""

from __future__ import annotations

from decimal import Decimal

import pytest

from imagegen_nb import Gateway, ImageGenerationStep, Workflow, Workspace, replay
from imagegen_nb.core.filenames import LONGEST_FILE_NAME, file_name
from imagegen_nb.errors import InvalidOption, VariableError

HERO = ImageGenerationStep(
    prompt="A {{product}} on sand", image_size="1024x1024", image_quality="low", image_count=2
)
CARD = HERO.replace(prompt="In the mood of {{ask.output.mood}}, {{product}}", image_count=1)
GROK = ImageGenerationStep(prompt="Like {{step_1.output.assets.0.file_url}}", model="grok-imagine-image")


def ask(context):
    return {"mood": "calm"}


def test_it_is_the_sum_of_the_steps_and_calls_no_function():
    called = []
    steps = {"step_1": HERO, "ask": called.append, "step_2": HERO.replace(image_count=1)}
    workflow = Workflow({"product": "lamp"}, steps=steps)
    one, two = HERO.estimate({"product": "vase"}), steps["step_2"].estimate({"product": "vase"})
    whole = workflow.estimate({"product": "vase"})
    assert (whole.low, whole.high) == (one.low + two.low, one.high + two.high)
    assert whole.ceiling == one.ceiling + two.ceiling
    assert (whole.count, whole.task_credits, whole.known, whole.exact) == (3, 3, True, False)
    assert not whole.not_known_yet
    assert not called
    assert "ask: append() stands in; what it asks itself is not counted" in repr(whole)


def test_what_a_prompt_takes_from_earlier_steps_is_not_counted_and_said():
    whole = Workflow({"product": "lamp"}, steps={"step_1": HERO, "ask": ask, "step_2": CARD}).estimate()
    without = CARD.replace(prompt="In the mood of , {{product}}").estimate({"product": "lamp"})
    assert (whole.steps["step_2"].low, whole.steps["step_2"].high) == (without.low, without.high)
    assert whole.not_known_yet == {"step_2": ("{{ask.output.mood}}",)}
    assert whole.short == "$0.0176–0.0178, apart from what is not known yet · 3 task credits"
    told = (
        "step_2: {{ask.output.mood}} is not known yet; each 1,000 bytes of it cost $0.0050 at most; the most"
    )
    assert f"{told} that the step can cost counts the longest prompt, $0.6399 more" in repr(whole)
    # The longest prompt: 32,000 characters of four bytes, a token each.
    assert whole.ceiling - whole.high == pytest.approx(Decimal("0.64"), abs=Decimal("0.001"))


def test_a_file_name_counts_as_long_as_one_can_be():
    name = "{{step_1.output.assets.0.file_name}}"
    card = HERO.replace(prompt=f"A card: {name}, {{{{ step_1.output.assets.1.file_name }}}} and {name}")
    whole = Workflow({"product": "\U00020000" * 400}, steps={"step_1": HERO, "step_2": card}).estimate()
    assert whole.ceiling - whole.high == 3 * LONGEST_FILE_NAME * Decimal("0.000005")
    assert len(file_name("\U00020000" * 400, 10, "webp").encode()) <= LONGEST_FILE_NAME
    told = "the most that the step can cost counts the longest file names, $0.0030 more"
    assert told in repr(whole)
    # Beside anything else, and from a function, it is the longest prompt.
    both = card.replace(prompt=f"{name} {{{{step_1.output.assets.0.file_url}}}}")
    whole = Workflow({"product": "x"}, steps={"step_1": HERO, "step_2": both}).estimate()
    assert whole.ceiling - whole.high > Decimal("0.6")
    own = card.replace(prompt="{{ask.output.assets.0.file_name}}")
    whole = Workflow({"product": "x"}, steps={"ask": ask, "step_2": own}).estimate()
    assert whole.ceiling - whole.high > Decimal("0.6")


def test_where_the_prompt_costs_nothing_all_is_known():
    grok = GROK.replace(prompt="A {{product}}")
    whole = Workflow({"product": "x"}, steps={"step_1": grok, "step_2": GROK}).estimate()
    assert (whole.low, whole.high, whole.ceiling, whole.exact) == (*[Decimal("0.04")] * 3, True)
    assert whole.title == "Workflow · 2 image steps · 2 images · $0.04 · 2 task credits"


def test_an_unknown_step_makes_the_whole_unknown_and_is_named():
    whole = Workflow(
        {"product": "x"},
        steps={"step_1": GROK.replace(prompt="x"), "step_2": HERO.replace(image_quality=None)},
    ).estimate()
    assert (whole.low, whole.high, whole.known, whole.exact) == (None, None, False, False)
    assert whole.at_least == Decimal("0.02")
    assert whole.reason == "step_2: image_quality is auto, so the model chooses"
    amount, _, reason = whole.title.partition(" (")
    assert amount.startswith("Workflow · 2 image steps · 3 images · at least $0.02, at most $0.44")
    assert reason == "step_2: image_quality is auto, so the model chooses) · 3 task credits"
    facts = whole.as_dict()
    assert (facts["low"], facts["at_least"], list(facts["steps"])) == (None, "0.02", ["step_1", "step_2"])


def test_inputs_are_checked_as_for_a_run():
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO})
    with pytest.raises(InvalidOption, match="inputs has 'prodct'"):
        workflow.estimate({"prodct": "x"})
    with pytest.raises(VariableError, match=r"step_1: \{\{product\}\} is null"):
        workflow.estimate({"product": None})


def test_a_run_costs_what_was_estimated(workspace):
    workflow = Workflow(
        {"product": "lamp"}, steps={"step_1": HERO, "ask": ask, "step_2": CARD, "step_3": GROK}
    )
    estimate, run = workflow.estimate(), workflow.run(workspace=workspace)
    cost = sum(run[name].cost.amount for name in ("step_1", "step_2", "step_3"))
    assert estimate.low <= cost <= estimate.ceiling
    bytes_left_out = Decimal(len("calm")) * Decimal("0.000005")
    assert cost <= estimate.high + bytes_left_out


def test_a_gateway_has_prices_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", "gw-0123456789abcdef0123")
    gateway = Gateway("https://gateway.example/v1", "GATEWAY_KEY", most="0.20 USD")
    workspace = Workspace(tmp_path, hosted={"openai": gateway})
    whole = Workflow({"product": "lamp"}, steps={"step_1": HERO}).estimate(workspace=workspace)
    assert (whole.known, whole.ceiling) == (False, Decimal("0.40"))
    assert "has prices of its own" in whole.reason


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"budget": "2 USD"}, ["budget = $2.00: enough for what is known, $0.0318 at most"]),
        (
            {"budget": "0.03 USD"},
            ["step_2 may be refused: budget = $0.03: this run can cost up to $0.02; $0.0118 is spent, "
             "$0.0182 is left. Ask for fewer images, a smaller size or a lower quality, or raise budget"],
        ),
        (
            {"run_budget": "0.01 USD", "session_budget": "9 USD"},
            [f"{name} may be refused: run_budget = $0.01: this run can cost up to ${most}. Ask for fewer "
             "images, a smaller size or a lower quality, or raise run_budget" for name, most in
             (("step_1", "0.0118"), ("step_2", "0.02"))],
        ),
    ],
)  # fmt: skip
def test_a_budget_says_which_steps_it_may_refuse(budget, said, tmp_path):
    workspace = Workspace(tmp_path, backend="emulator", **budget)
    whole = Workflow({"product": "x"}, steps={"step_1": HERO, "step_2": GROK}).estimate(workspace=workspace)
    assert list(whole.notes) == said


def test_what_a_budget_has_seen_counts_and_what_nothing_bounds_is_refused(tmp_path):
    workspace = Workspace(tmp_path, backend="emulator", budget="0.03 USD")
    workflow = Workflow(steps={"step_1": GROK.replace(prompt="x")})
    workflow.run(workspace=workspace)
    assert "$0.02 is spent, $0.01 is left" in workflow.estimate(workspace=workspace).notes[0]
    unbounded = Workflow(steps={"step_1": HERO.replace(prompt="x", model="gpt-image-2.6-flare")})
    assert "no upper bound for the cost of this run" in unbounded.estimate(workspace=workspace).notes[0]


def test_a_replay_costs_nothing_so_that_no_budget_speaks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workflow = Workflow(steps={"step_1": GROK.replace(prompt="x")})
    with replay.use("hero", "all"):
        workflow.run(workspace=Workspace(tmp_path / "other", backend="emulator"))
    workspace = Workspace(tmp_path / "assets", backend="emulator", budget="0.01 USD")
    assert "may be refused" in workflow.estimate(workspace=workspace).notes[0]
    with replay.use("hero", "none"):
        assert workflow.estimate(workspace=workspace).notes == ()
        assert workflow.run(workspace=workspace).status == "done"
