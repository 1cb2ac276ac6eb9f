"""What the variables of a form's prompt stand for: values the form was given, typed ones, and the runs
of other forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jiter

from imagegen_nb.core import variable_mistakes, variable_paths, variables
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.words import stopped
from imagegen_nb.errors import Problem, VariableError
from imagegen_nb.runs.prepare import filled_prompt

_MOST_PROBLEMS = 5
"""Problems that are told at once: who mends five sees the others."""


@dataclass(frozen=True, slots=True)
class FilledPrompt:
    """A prompt with its variables filled in (`text`), or the problems that stand against it.

    Of these `empty` are variables that only lack a value, which can be typed; `near` says which paths there
    are that may be meant instead. The lines of `wrong` are the other problems, with their remedies.
    `corrections` are tags for which another path is surely meant: the tag, the path, and the prompt with it
    in the tag's place.
    """

    text: str = ""
    problems: tuple[Problem, ...] = ()
    empty: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    corrections: tuple[tuple[str, str, str], ...] = ()

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong with the prompt itself."""
        of_empty = tuple(f"{{{{{name}{end}" for name in self.empty for end in (".", "}}"))
        return tuple(
            stopped(f"{problem.message}. {problem.remedy}".removesuffix(". "))
            for problem in self.problems
            if not problem.message.startswith(of_empty)
        )


class DraftInputs:
    """The inputs of a form, without any widget.

    `given` are values that came with the form, by name; `typed` are the texts of the fields; `recalled`
    is data that an earlier run had and `given` has no more. `others()` are the runs of other forms,
    `not_run()` the names of those that have none; `own` is the name of the form's own step.
    """

    def __init__(
        self,
        given: dict[str, Any],
        others: Callable[[], Mapping[str, Any]] = dict,
        not_run: Callable[[], Collection[str]] = tuple,
        own: str = "",
    ) -> None:
        self.given = given
        self.typed: dict[str, str] = {}
        self.recalled: dict[str, Any] = {}
        self._others = others
        self._not_run = not_run
        self._own = own
        self._known: set[str] = set()

    def values(self) -> dict[str, Any]:
        """All that a prompt can name. A value that is cleared is empty; without a given value of its
        name it is missing, because nothing says that there is such an input."""
        typed = {
            name: parsed(text)
            for name, text in self.typed.items()
            if text or name in self.given or name in self._known
        }
        return {**self._others(), **self.given, **self.recalled, **typed}

    def for_run(self, prompt: str) -> dict[str, Any]:
        """The inputs of a run of `prompt`. Of other forms' runs only those that it names."""
        named, others = variables.inputs_of(prompt), self._others()
        values = self.values()
        return {
            name: value
            for name, value in values.items()
            if name in named or name not in others or name in self.given
        }

    def is_text(self, name: str) -> bool:
        """Whether a value can be typed for `name`: of runs and other data it cannot."""
        if name in self.given:
            return isinstance(self.given[name], str) and name not in self.recalled
        return name not in self.recalled and name not in self._others()

    def text(self, name: str) -> str:
        """What the field for `name` holds."""
        return self.typed[name] if name in self.typed else str(plain(self.given.get(name, "")))

    def fill(self, prompt: str) -> FilledPrompt:
        """Fill in a prompt as a run would do it."""
        if "{" not in prompt:
            return FilledPrompt()
        try:
            context = plain(self.for_run(prompt))
            known = {**plain(dict(self._others())), **context}
            if wrong := variable_mistakes.problems(prompt, known, context):
                empty = self._empty(prompt, known)
                unknown = tuple(f"{{{{{name}." for name in self.unknown_steps(prompt))
                wrong = tuple(line for line in wrong if not line[0].startswith(unknown))
                return FilledPrompt(
                    problems=(*self._problems_of_steps(prompt, context), *_as_problems(wrong)),
                    empty=empty,
                    near=tuple(_near(prompt, empty, known)),
                    corrections=tuple(variable_mistakes.corrections(prompt, known)),
                )
            return FilledPrompt(text=filled_prompt(prompt, context) if "{{" in prompt else "")
        except VariableError as error:
            return FilledPrompt(problems=_as_problems(((str(error), ""),)))

    def _problems_of_steps(self, prompt: str, context: Mapping[str, Any]) -> Iterator[Problem]:
        """Of steps that the prompt names and that have no output yet."""
        for name in self._not_run():
            if name in variables.inputs_of(prompt) and name not in context:
                message = f"{name} has no output yet"
                yield Problem("prompt", None, "", message, "Run it first, in its own form")
        for name in self.unknown_steps(prompt):
            if name == self._own:
                message = f"{{{{{name}.output}}}} is this step's own output, which it cannot use"
                remedy = "Name an input or another step"
            else:
                message = f"{{{{{name}.output}}}} is the output of another step, and there is no {name} here"
                remedy = f'Give its run by inputs={{"{name}": run}}, or choose a step by Insert Variable'
            yield Problem("prompt", None, "", message, remedy)

    def unknown_steps(self, prompt: str) -> tuple[str, ...]:
        """What `prompt` names as steps, by a path to an output, and what is none: no text stands for that."""
        known = {*self.values(), *self._not_run()}
        paths = (path.split(".") for path in variables.paths(prompt))
        named = (name for name, *rest in paths if rest[:1] == ["output"] and name not in known)
        return tuple(dict.fromkeys(named))

    def _empty(self, prompt: str, known: Mapping[str, Any]) -> tuple[str, ...]:
        steps = {*self._not_run(), *self.unknown_steps(prompt)}
        return tuple(name for name in variables.inputs_of(prompt) if name not in known and name not in steps)

    def recall(self, inputs: Mapping[str, Any]) -> list[str]:
        """Take over the inputs of an earlier run, empty ones too. Returns the names whose data is not what
        the form was given meanwhile."""
        self.recalled.clear()
        others = self._others()
        for name, value in inputs.items():
            if not variable_paths.is_name(name) or value is None:  # no prompt has named it
                continue
            now = self.given.get(name, others.get(name))
            if now is not None and not isinstance(now, str):
                if _differs(now, value):
                    self.recalled[name] = value
                continue
            self._known.add(name)
            if name in self.given and self.given[name] == value:
                self.typed.pop(name, None)
            else:
                self.typed[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return list(self.recalled)

    def matches(self, prompt: str, inputs: Mapping[str, Any]) -> bool:
        """Whether the variables of `prompt` stand for what `inputs` of an earlier run say."""
        values, missing = self.values(), object()
        for name in variables.inputs_of(prompt):
            now = values.get(name, missing)
            if now is missing or name not in inputs or _differs(now, inputs[name]):
                return False
        return True

    def snapshot(self) -> tuple[dict[str, Any], dict[str, str], dict[str, Any]]:
        """All of it, for `restore`."""
        return dict(self.given), dict(self.typed), dict(self.recalled)

    def restore(self, snapshot: tuple[dict[str, Any], dict[str, str], dict[str, Any]]) -> None:
        """Go back to what `snapshot` returned."""
        for current, earlier in zip((self.given, self.typed, self.recalled), snapshot, strict=True):
            current.clear()
            current.update(earlier)


def parsed(text: str) -> Any:
    """The typed text; where it is a JSON array or object, that, as on the platform."""
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return jiter.from_json(text.encode(), allow_inf_nan=False)
        except ValueError:
            return text
    return text


def _differs(value: Any, data: Any) -> bool:
    """Whether a value is something else than the plain `data`."""
    try:
        return bool(plain(value) != data)
    except VariableError:
        return True


def _near(prompt: str, empty: Collection[str], known: Mapping[str, Any]) -> Iterator[str]:
    """What may be meant instead of variables that nobody gave."""
    paths = [path for path in variables.paths(prompt) if path.partition(".")[0] in empty]
    for path in paths[:_MOST_PROBLEMS]:
        if hint := variable_paths.nearest(path, known):
            yield f"{{{{{path}}}}} has no value; {hint}."


def _as_problems(lines: tuple[tuple[str, str], ...]) -> tuple[Problem, ...]:
    return tuple(Problem("prompt", None, "", line, remedy) for line, remedy in lines[:_MOST_PROBLEMS])
