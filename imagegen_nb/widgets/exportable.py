"""What an export writes, told before the click in the words that are true after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagegen_nb.core.words import counted
from imagegen_nb.runs.run import Run
from imagegen_nb.step.step import ImageGenerationStep

_NO_PICTURES = "A step file holds no image files; download those on the Output tab."
_RUNS_TOO = f"{_NO_PICTURES.removesuffix('.')}, where Export this run writes a run with the settings it had."
PROMPT_FIRST = "Write a prompt first."
_PROBLEMS = "The step has problems; fix them first."
REFUSALS = (PROMPT_FIRST, _PROBLEMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exportable:
    """A `step` (None while it has problems; `is_unwritten` says that it only lacks a prompt), the `run` that
    was made with its settings and inputs (None where there is none), and the `inputs` that are written
    without a run. `identifier` is the step's name in paths; `number` and `output_number` are those of the run
    and of the form's output, 0 for none."""

    step: ImageGenerationStep | None = None
    is_unwritten: bool = False
    run: Run | None = None
    identifier: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    output_number: int = 0

    def promise(self, *, with_output: bool) -> str:
        """What would be written."""
        if self.step is None:
            if self.is_unwritten:
                return f"{PROMPT_FIRST} It can be exported then."
            return "Nothing can be exported before the fields above are fixed."
        if not with_output:
            return f"Writes these settings, without an output. {self._elsewhere}"
        if self.run is None:
            missing = "no run was made with them yet, so there is no output to write"
            return f"Writes these settings only: {missing}. {self._elsewhere}"
        other = ""
        if self.output_number not in (0, self.number):
            other = f" Run {self.output_number}, the output, was made with others."
        return f"Writes these settings and the output of {self._run_name}.{other} {self._elsewhere}"

    @property
    def refusal(self) -> str:
        """What is said where there is no step to be written."""
        return PROMPT_FIRST if self.is_unwritten else _PROBLEMS

    def saved(self, where: str, *, with_output: bool) -> str:
        """What was written: which run and how much of it, or why none."""
        if self.run is not None and with_output:
            images = counted(self.run.returned, "image")
            return f"Saved {self._run_name} {where}, with the output of {images}."
        why = "no run has these settings yet" if with_output else "as you chose"
        return f"Saved the settings {where}, without an output: {why}."

    def name(self, with_output: bool) -> str:
        """What is written, in a few words."""
        return self._run_name if self.run is not None and with_output else "settings without an output"

    @property
    def output_label(self) -> str:
        """What a choice to write the output is called: with its run where there may be several."""
        return f"Include the output of {self._run_name}" if self.number else "Include the run's output"

    @property
    def _elsewhere(self) -> str:
        """What is not written here, and where it is."""
        return _RUNS_TOO if self.number or self.output_number else _NO_PICTURES

    @property
    def _run_name(self) -> str:
        return f"run {self.number}" if self.number else "the run"
