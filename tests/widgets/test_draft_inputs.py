"""What variables stand for: given, typed and recalled values, and the runs of other forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.runs import run_of

from imagegen_nb.core.plain_data import plain
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.draft_inputs import DraftInputs, parsed

STEP = ImageGenerationStep(prompt="a logo")


def texts(inputs: DraftInputs, prompt: str) -> list[str]:
    """The problems of a prompt, as they are told."""
    return [f"{problem.message}. {problem.remedy}" for problem in inputs.fill(prompt).problems]


def test_typed_values_come_before_given_ones_and_empty_ones_are_empty():
    inputs = DraftInputs({"room": "a hall", "colours": ["red"]})
    assert inputs.values() == {"room": "a hall", "colours": ["red"]}
    inputs.typed["room"] = ""
    assert inputs.fill("a lamp for {{room}}!").text == "a lamp for !"
    inputs.typed["room"] = '["a", 1]'
    assert inputs.values()["room"] == ["a", 1]


def test_an_input_that_nobody_gave_is_missing_until_it_has_a_value():
    inputs = DraftInputs({"room": "a hall"})
    assert texts(inputs, "a {{thing}}") == [
        "{{thing}} has no value; available: {{room}}. Give it a value, or name another path"
    ]
    inputs.typed["thing"] = "lamp"
    assert inputs.fill("a {{thing}}").text == "a lamp"
    inputs.typed["thing"] = ""
    assert inputs.fill("a {{thing}}").problems


def test_the_first_input_of_a_form_is_asked_for_and_compared_with_nothing():
    assert texts(DraftInputs({}), "a {{thing}}") == ["{{thing}} has no value. Give it a value"]


def test_a_prompt_that_is_empty_once_filled_in_is_a_problem():
    assert "empty" in texts(DraftInputs({"a": ""}), "{{a}}")[0]


def test_what_no_prompt_can_hold_is_a_problem_of_a_prompt_with_variables():
    inputs = DraftInputs({"a": "x", "bad": {1, 2}})
    assert "inputs.bad is of type set" in texts(inputs, "{{a}}")[0]


def test_few_problems_are_told_at_once():
    assert len(DraftInputs({}).fill(" ".join(f"{{{{v{number}}}}}" for number in range(900))).problems) == 5


def test_runs_of_other_forms_are_values_and_given_ones_come_first(workspace):
    run = run_of(STEP, workspace.store)
    inputs = DraftInputs({"step_2": "mine"}, lambda: {"step_1": run, "step_2": run}, lambda: ["step_3"])
    assert inputs.values() == {"step_1": run, "step_2": "mine"}
    assert inputs.for_run("nothing") == {"step_2": "mine"}
    assert inputs.for_run("{{step_1.output}}") == {"step_1": run, "step_2": "mine"}
    assert (inputs.is_text("step_1"), inputs.is_text("step_2"), inputs.is_text("new")) == (False, True, True)
    name = run.output.assets[0].file_name
    assert inputs.fill("{{step_1.output.assets.0.file_name}}").text == name
    near = texts(inputs, "{{step_1.output.asets.0.file_name}}")[0]
    assert "the nearest available path is {{step_1.output.assets.0.file_name}}" in near
    assert texts(inputs, "{{step_3.output}}")[0] == "step_3 has no output yet. Run it first, in its own form"


def test_an_output_of_no_known_step_is_no_text_to_be_typed():
    filled = DraftInputs({}, own="step_2").fill("{{step_1.output.x}} {{step_2.output}} {{step_1.output.y}}")
    assert filled.empty == ()
    assert filled.wrong == (
        "{{step_1.output}} is the output of another step, and there is no step_1 here. "
        'Give its run by inputs={"step_1": run}, or choose a step by Insert Variable.',
        "{{step_2.output}} is this step's own output, which it cannot use. Name an input or another step.",
    )


def test_the_inputs_of_an_earlier_run_come_back_with_what_was_typed_and_what_was_given(workspace):
    logo, later = run_of(STEP, workspace.store), run_of(STEP, workspace.store)
    inputs = DraftInputs({"room": "a hall", "step_1": logo, "n": 3})
    inputs.typed["colours"] = '["red"]'
    before = plain(inputs.values())
    assert inputs.matches("{{room}} {{colours.0}} {{step_1.output}}", before)
    inputs.typed |= {"room": "", "colours": "blue"}
    inputs.given["step_1"] = later
    assert not inputs.matches("{{room}}", before)
    assert not inputs.matches("{{step_1.output}}", before)
    assert inputs.recall(before) == ["step_1"]
    assert plain(inputs.values()) == before
    assert (inputs.text("room"), inputs.text("colours")) == ("a hall", '["red"]')
    assert not inputs.is_text("step_1")
    assert inputs.recall(plain(inputs.given)) == []
    assert inputs.values()["step_1"] is later


def test_a_snapshot_brings_everything_back():
    inputs = DraftInputs({"a": "1"})
    inputs.typed["b"] = "2"
    before, given_values = inputs.snapshot(), inputs.given
    inputs.recall({"a": "x", "b": "y", "c": "z"})
    inputs.given["d"] = "new"
    inputs.restore(before)
    assert inputs.values() == {"a": "1", "b": "2"}
    assert inputs.given is given_values


_EARLIER = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


_NAMES = st.from_regex(r"[a-z]{1,2}", fullmatch=True)


# Of null no prompt says anything, so there is nothing to bring back.
@given(st.dictionaries(_NAMES, _EARLIER.filter(lambda value: value is not None), max_size=4), st.booleans())
def test_recalled_inputs_fill_prompts_as_they_did(earlier, was_given):
    """Whatever a run's inputs were: a prompt that names them says the same again."""
    inputs = DraftInputs(dict.fromkeys(earlier, "else") if was_given else {})
    inputs.recall(earlier)
    original = DraftInputs(dict(earlier))
    for name in earlier:
        prompt = f"<{{{{{name}}}}}>"
        assert inputs.fill(prompt).text.replace(" ", "") == original.fill(prompt).text.replace(" ", "")


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ('["a", 1]', ["a", 1]),
        (' {"a": null}', {"a": None}),
        ("[a", "[a"),
        ("12", "12"),
        ('["a", NaN]', '["a", NaN]'),
    ],
)
def test_an_array_or_object_is_used_as_one(typed, value):
    assert parsed(typed) == value
