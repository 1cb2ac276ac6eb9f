"""What was entered into a form and what it gives, without any widget."""

from __future__ import annotations

import pytest

from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.draft_inputs import DraftInputs
from imagegen_nb.widgets.form_draft import FormDraft
from imagegen_nb.widgets.form_state import Fix


@pytest.fixture
def draft():
    return FormDraft(ImageGenerationStep(name="Lamp", prompt="a lamp"), DraftInputs({"room": "a hall"}))


def test_a_variable_that_lacks_a_value_keeps_it_from_running(draft):
    draft.enter("prompt", "a lamp for {{rom}}")
    prompt = draft.state.fields["prompt"]
    assert draft.state.untouched == ("{{rom}}",)
    assert (prompt.problems, prompt.note) == (
        (),
        "{{rom}} has no value; the nearest available path is {{room}}.",
    )
    assert prompt.fixes == (Fix("Replace {{rom}} by {{room}}", "a lamp for {{room}}"),)
    draft.be_tried()
    assert draft.state.fields["prompt"].problems == (prompt.note,)
    assert draft.first_wrong() == "prompt"
    draft.enter("prompt", prompt.fixes[0].value)
    assert (draft.state.problems, draft.filled.text) == ((), "a lamp for a hall")


def test_of_several_errors_each_is_named_and_each_button_says_what_it_mends(draft):
    draft.enter("prompt", "a {{dark lamp}} for {{room[0]}} and {{rom}}")
    prompt = draft.state.fields["prompt"]
    assert prompt.problems[0].startswith("{{dark lamp}} is not a path. ")
    assert prompt.problems[1].startswith("{{room[0]}} is not a path. Write {{room.0}}")
    assert [fix.label for fix in prompt.fixes] == [
        "Replace {{rom}} by {{room}}",
        "Replace {{room[0]}} by {{room.0}}",
    ]
    assert (draft.state.untouched, draft.state.wrong) == (("{{rom}}",), ("Prompt",))


def test_a_mistake_with_braces_is_told_once_and_nothing_that_was_typed_is_lost(draft):
    for typed in ("a lamp for {{", "a lamp for {{ro", "a lamp for {{ {room} }}"):
        draft.enter("prompt", typed)
        prompt = draft.state.fields["prompt"]
        assert (prompt.value, draft.state.step, draft.state.wrong) == (typed, None, ("Prompt",))
        assert len(prompt.problems) == len(draft.state.problems) == 1
    draft.enter("prompt", "a lamp for {{room")
    prompt = draft.state.fields["prompt"]
    assert prompt.problems == ("{{room is not closed. Write {{room}}.",)
    assert prompt.fixes == (Fix("Replace {{room by {{room}}", "a lamp for {{room}}"),)
    draft.enter("prompt", prompt.fixes[0].value)
    assert (draft.state.problems, draft.filled.text) == ((), "a lamp for a hall")


def test_a_tag_that_is_not_closed_is_mended_with_the_inputs_of_its_own_prompt():
    inputs = DraftInputs({}, lambda: {"step_1": {"output": {}}})
    draft = FormDraft(ImageGenerationStep(prompt="a lamp"), inputs)
    draft.enter("prompt", "a hero of {{product}} at {dawn} and {{prodct")
    prompt = draft.state.fields["prompt"]
    assert prompt.problems == (
        "{{prodct is not closed. Close it with }}; the nearest available path is {{product}}.",
    )
    assert [fix.label for fix in prompt.fixes] == ["Replace {{prodct by {{product}}"]
    draft.enter("prompt", prompt.fixes[0].value + " and {{xyz")
    prompt = draft.state.fields["prompt"]
    assert prompt.problems == ("{{xyz is not closed. Close it with }}; available: {{product}}.",)


def test_a_key_in_braces_that_are_a_mistake_is_told_of_once_and_not_shown():
    key = "AIza" + "a1B2_" * 7
    draft = FormDraft(ImageGenerationStep(prompt="a lamp"), DraftInputs({}))
    for typed in (f"a {{{{{key}", f"a {{{{ {{{key}}} }}}}"):
        draft.enter("prompt", typed)
        held, mistake = draft.state.fields["prompt"].problems
        assert "[redacted]" in mistake
        assert "holds a Google API key" in held
        assert key not in mistake + held + repr(draft.state.problems)
        assert len(draft.state.problems) == 1


def test_a_key_in_a_prompt_or_an_input_is_wrong_and_not_shown():
    key = "sk-" + "canary0123456789canary"
    draft = FormDraft(ImageGenerationStep(prompt="a lamp for {{room}}"), DraftInputs({"room": "hall"}))
    assert draft.state.problems == ()
    draft.enter("prompt", f"a lamp for {key}")
    assert "holds an OpenAI key" in draft.state.fields["prompt"].problems[0]
    assert key not in repr(draft.state.problems)


def test_an_input_in_single_braces_is_wrong_and_other_words_in_them_are_text(draft):
    draft.enter("prompt", "a lamp for {room}")
    prompt = draft.state.fields["prompt"]
    assert prompt.problems == ("{room} has single braces. Write {{room}}.",)
    assert prompt.fixes == (Fix("Replace {room} by {{room}}", "a lamp for {{room}}"),)
    draft.enter("prompt", 'a lamp {"place": 1} for {place}')
    assert (draft.state.problems, draft.filled.text) == ((), "")


def test_what_is_missing_and_wrong_is_named_in_the_forms_order(draft):
    draft.enter("image_count", 99)
    draft.enter("image_size", "10x10")
    draft.enter("prompt", "a {{colour}} lamp for {{room")
    assert draft.state.wrong == ("Prompt", "Image Size", "Image Count")
    assert draft.state.untouched == ("{{colour}}",)


def test_the_first_thing_to_mend_may_be_a_variables_field(draft):
    draft.enter("prompt", "a {{colour}} lamp")
    draft.be_tried()
    assert draft.first_wrong() == "value_of_colour"


def test_everything_comes_back_from_a_snapshot(draft):
    before = draft.snapshot()
    rows, values = draft.rows(), draft.inputs.values()
    draft.inputs.typed["room"] = "a shed"
    draft.load(ImageGenerationStep(prompt="else", model="grok-imagine-image"))
    assert draft.title == "Image Generation"
    draft.restore(before)
    assert (draft.rows(), draft.inputs.values(), draft.title) == (rows, values, "Lamp")


def test_a_run_is_of_the_draft_that_would_ask_for_the_same(draft, workspace):
    draft.enter("prompt", "a lamp for {{room}}")
    run = draft.state.step.run(draft.for_run(), workspace=workspace)
    assert draft.made(run)
    draft.enter("name", "Another name")
    assert draft.made(run)
    draft.inputs.typed["room"] = "a shed"
    draft.enter_input()
    assert not draft.made(run)
