"""What was entered into a form, its settings and the values of its variables, and what both of them give."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from imagegen_nb.core import variable_mistakes
from imagegen_nb.core.redaction import mask
from imagegen_nb.errors import Problem
from imagegen_nb.runs.run import Run
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.export import image_settings
from imagegen_nb.widgets.draft_inputs import DraftInputs, FilledPrompt
from imagegen_nb.widgets.form_state import Draft, FieldState, Fix, FormState, in_order

_LONGEST_TEXT = 2_000

_Snapshot = tuple[Draft, tuple[dict[str, Any], dict[str, str], dict[str, Any]]]


class FormDraft:
    """The draft of a form with its `inputs`, without any widget.

    `state` is what they give, with what the variables lack, for which a run would be refused; `filled` is the
    prompt with its variables filled in. Both are brought up to date by every change, and by `update()` when
    what the inputs come from has changed.
    """

    state: FormState
    filled: FilledPrompt

    def __init__(self, step: ImageGenerationStep | None, inputs: DraftInputs) -> None:
        self.inputs = inputs
        self._draft = Draft.of(step) if step else Draft()
        self._edited = False
        # Entries, code and runs of other forms come from threads of their own.
        self._lock = threading.RLock()
        self.update()

    @property
    def title(self) -> str:
        """The step's name, or what it is."""
        return self._draft.entry("name") or "Image Generation"

    @property
    def tried(self) -> bool:
        """Whether somebody wanted to run it: only then is a field that nobody touched called wrong."""
        return self._draft.tried

    def enter(self, key: str, value: Any) -> None:
        """Take an entry of somebody's; None takes one back."""
        self._edited = True
        self._change(lambda draft: draft.changed(key, value))

    def enter_input(self) -> None:
        """Somebody has changed a value of a variable."""
        self._edited = True
        self.update()

    def load(self, step: ImageGenerationStep) -> None:
        """Take over a step's settings."""
        self._change(lambda draft: draft.loaded(step))

    def be_tried(self) -> None:
        """Somebody wants to run it: what keeps it from running is wrong from now on."""
        self._change(lambda draft: replace(draft, tried=True))

    def snapshot(self) -> _Snapshot:
        """All that was entered, for `restore`."""
        return self._draft, self.inputs.snapshot()

    def restore(self, snapshot: _Snapshot) -> None:
        """Go back to what `snapshot` returned."""
        draft, inputs = snapshot
        self.inputs.restore(inputs)
        self._change(lambda _: draft)

    def _change(self, changed: Callable[[Draft], Draft]) -> None:
        with self._lock:
            self._draft = changed(self._draft)
            self.update()

    def update(self) -> None:
        """Work out what the draft and its inputs give now."""
        with self._lock:
            state = FormState.of(self._draft)
            prompt = state.fields["prompt"]
            filled = self.inputs.fill(prompt.value or "")
            fixes = tuple(
                Fix(f"Replace {tag} by {{{{{path}}}}}", text) for tag, path, text in filled.corrections
            )
            state = replace(state, fields={**state.fields, "prompt": replace(prompt, fixes=fixes)})
            self.filled = filled
            self.state = self._with_problems(state, filled) if filled.problems else state

    def _with_problems(self, state: FormState, filled: FilledPrompt) -> FormState:
        """The state with what the variables lack, each field in its place."""
        prompt = state.fields["prompt"]
        wrong, notes = filled.wrong, tuple[str, ...]()
        # The step says of its braces what its inputs say too, which name the nearest of them besides; what
        # looks like a key it masks.
        of_braces = {
            mask(mistake.written): mistake.line for mistake in variable_mistakes.mistakes(prompt.value or "")
        }
        of_step = [problem for problem in state.problems if problem.field == prompt.key]
        if any(problem.value not in of_braces for problem in of_step):
            wrong = (*prompt.problems, *wrong)
        # A form that nobody has touched says what it lacks, and calls nothing wrong; a variable that has just
        # been written has a field of its own to be filled in.
        if self._draft.tried:
            wrong = (*wrong, *filled.near)
        elif self._edited:
            notes = filled.near
        else:
            wrong, notes = (), (*wrong, *filled.near)

        def told(problem: Problem) -> bool:
            return bool(of_step) and problem.message in of_braces.values()

        return replace(
            state,
            fields={**state.fields, "prompt": replace(prompt, problems=wrong, note=" ".join(notes))},
            problems=(*state.problems, *(each for each in filled.problems if not told(each))),
            untouched=in_order(
                state.fields, (*state.untouched, *(f"{{{{{name}}}}}" for name in filled.empty))
            ),
            wrong=in_order(state.fields, (*state.wrong, *([prompt.label] if filled.wrong else ()))),
        )

    def for_run(self) -> dict[str, Any]:
        """The inputs of a run of it; empty while it is no step."""
        return self.inputs.for_run(self.state.step.prompt) if self.state.step else {}

    def made(self, run: Run) -> bool:
        """Whether a run of it would ask for the same as `run` did."""
        step = self.state.step
        return (
            step is not None
            and image_settings(step) == image_settings(run.step)
            and self.inputs.matches(step.prompt, run.inputs)
        )

    def first_wrong(self) -> str:
        """The key of the first field that keeps it from running; the prompt where none is known."""
        wrong = [key for key, field in self.state.fields.items() if field.problems]
        return [*wrong, *(f"value_of_{name}" for name in self.filled.empty), "prompt"][0]

    def rows(self) -> list[tuple[str, str]]:
        """Label and value of each field that shows something."""
        fields = self.state.fields.values()
        return [(field.label, text) for field in fields if field.visible and (text := _text_of(field))]


def _text_of(field: FieldState) -> str:
    """What a field shows, as text."""
    shown = next((option.label for option in field.options if option.value == field.value), field.value)
    return "" if shown is None else cut(str(shown))


def cut(text: str) -> str:
    """The text, as much of it as a static page shows."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
