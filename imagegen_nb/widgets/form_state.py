"""What a form shows: from what was entered to the state of every field, without any widget.

A draft keeps everything that was ever entered, also for models that are not chosen now, so that switching
models and back restores it. What is visible, possible and wrong comes from the models' declarations, which
validation reads too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from imagegen_nb.errors import InvalidStep, Problem
from imagegen_nb.providers import catalog
from imagegen_nb.providers.capabilities import Choice, Integer, Kind, Model, PixelSize, Rule
from imagegen_nb.step.step import ImageGenerationStep

Control = Literal["text", "prompt", "model", "tiles", "choice", "integer"]


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a field. `width` and `height` give a tile's shape (0 for none); a disabled
    option says why in `hint`."""

    value: str
    label: str
    disabled: bool = False
    hint: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldState:
    """What one field shows. A hidden field does not apply to the model; a disabled one is shown with
    the reason in `hint`. `value` is the entry where there is a possible one (`entered`), else the default.
    `problems` are the problems of its value, with their remedies."""

    key: str
    label: str
    control: Control
    visible: bool = True
    enabled: bool = True
    value: Any = None
    entered: bool = False
    options: tuple[Option, ...] = ()
    minimum: int = 0
    maximum: int = 0
    custom: bool = False
    hint: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What has been entered so far, by provider and key; settings that all models share have no provider."""

    model: str = ImageGenerationStep.model_fields["model"].default
    entries: Mapping[tuple[str, str], Any] = field(default_factory=dict)

    @classmethod
    def of(cls, step: ImageGenerationStep) -> Self:
        """The draft that shows `step`."""
        return cls().loaded(step)

    def loaded(self, step: ImageGenerationStep) -> Self:
        """The draft that shows `step`, remembering what was entered for other providers."""
        draft = replace(self, model=step.model)
        replaced = ("", draft._provider)
        others = {place: value for place, value in self.entries.items() if place[0] not in replaced}
        entries = {draft._place(key): value for key, value in step.settings().items() if key != "model"}
        return replace(draft, entries=others | entries)

    def changed(self, key: str, value: Any) -> Self:
        """The draft after one entry; None takes it back. Unknown keys and models raise `KeyError`."""
        if key == "model":
            if catalog.find(value) is None:
                raise KeyError(value)
            return replace(self, model=value)
        return replace(self, entries={**self.entries, self._place(key): value})

    def entry(self, key: str) -> Any:
        """What was entered for `key`, None when nothing was."""
        return self.model if key == "model" else self.entries.get(self._place(key))

    def _place(self, key: str) -> tuple[str, str]:
        shared = ImageGenerationStep.kinds()[key] is not None
        return ("" if shared else self._provider, key)

    @property
    def _provider(self) -> str:
        entry = catalog.find(self.model)
        return entry.provider.name if entry else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """All that a form shows of a draft: every field in the platform's order, and the step, or else the
    problems that keep the draft from being one."""

    fields: Mapping[str, FieldState]
    step: ImageGenerationStep | None
    problems: tuple[Problem, ...]

    @classmethod
    def of(cls, draft: Draft) -> Self:
        """Work it out once: the fields, the step they make, and the problems at their fields."""
        entry = catalog.find(draft.model)
        assert entry is not None
        fields = {key: _field(key, draft, entry.model) for key in ImageGenerationStep.kinds()}
        try:
            return cls(fields=fields, step=ImageGenerationStep(**settings(fields)), problems=())
        except InvalidStep as error:
            problems = error.problems
        for problem in problems:
            if known := fields.get(problem.field):
                message = f"{problem.message}. {problem.remedy}"
                fields[problem.field] = replace(known, problems=(*known.problems, message))
        return cls(fields=fields, step=None, problems=problems)


def settings(fields: Mapping[str, FieldState]) -> dict[str, Any]:
    """The settings that were entered and are shown; what is hidden, disabled or impossible is left out."""
    return {key: state.value for key, state in fields.items() if state.entered}


def _field(key: str, draft: Draft, model: Model) -> FieldState:
    label = (model.labels or {}).get(key, ImageGenerationStep.labels()[key])
    if key == "model":
        return FieldState(
            key=key,
            label=label,
            control="model",
            value=draft.model,
            entered=True,
            options=_model_options(),
            hint=_lifecycle_hint(model),
        )
    kind = model.settings.get(key, ImageGenerationStep.kinds()[key])
    if kind is None:
        return FieldState(key=key, label=label, control=_hidden_control(key), visible=False)
    rules = [rule for rule in model.rules if rule.field == key and _applies(rule, draft, model)]
    disabling = next((rule for rule in rules if not rule.refused), None)
    options = _options(key, kind, rules)
    entry = draft.entry(key)
    possible = entry is not None and _possible(entry, kind, options)
    return FieldState(
        key=key,
        label=label,
        control=_control(key, kind),
        enabled=disabling is None,
        value=entry if possible else kind.default,
        entered=possible and disabling is None,
        options=options,
        minimum=kind.minimum if isinstance(kind, Integer) else 0,
        maximum=kind.maximum if isinstance(kind, Integer) else 0,
        custom=isinstance(kind, PixelSize),
        hint=disabling.because if disabling else "; ".join(o.hint for o in options if o.disabled),
    )


def _applies(rule: Rule, draft: Draft, model: Model) -> bool:
    """Whether the rule applies to what was entered; an unset field counts with its default."""
    other = draft.entry(rule.when)
    kind = model.settings.get(rule.when)
    if other is None or (kind is not None and kind.check(other)):
        other = model.default(rule.when)
    return other in rule.equals


def _possible(entry: Any, kind: Kind, options: tuple[Option, ...]) -> bool:
    """Whether the field can show the entry. A choice cannot show what it does not offer; in other fields a
    wrong entry stays, with its problem."""
    return not isinstance(kind, Choice) or any(
        option.value == entry and not option.disabled for option in options
    )


def _options(key: str, kind: Kind, rules: list[Rule]) -> tuple[Option, ...]:
    if isinstance(kind, PixelSize):
        return tuple(_tile(value) for value in (kind.default, *kind.tiles))
    if not isinstance(kind, Choice):
        return ()
    refused = {value: rule.because for rule in rules for value in rule.refused}
    common = ImageGenerationStep.kinds()[key]
    # What other models offer and this one does not is shown as unavailable, as on the platform.
    offered_anywhere = common.values if isinstance(common, Choice) else kind.values
    unavailable = {value: kind.because for value in offered_anywhere if value not in kind.values}
    reasons = {**unavailable, **refused}
    return tuple(
        replace(
            _tile(value),
            disabled=value in reasons,
            hint=f"{value} is not available: {reasons[value]}" if value in reasons else "",
        )
        for value in (*kind.values, *unavailable)
    )


_SHAPE = re.compile(r"(\d+)([x:])(\d+)")


def _tile(value: str) -> Option:
    """An option, with its shape where it is a size or a ratio."""
    if not (match := _SHAPE.fullmatch(value)):
        return Option(value, value)
    width, separator, height = match.groups()
    label = f"{width} × {height}" if separator == "x" else value
    return Option(value, label, width=int(width), height=int(height))


def _model_options() -> tuple[Option, ...]:
    options = []
    for entry in catalog.models():
        life = entry.model.lifecycle
        notes = [f"{life.status} {life.since}, use {life.successor}" if life.status != "current" else ""]
        notes.append(f"declared by you, like {entry.model.like}" if entry.model.like else "")
        notes.append("" if entry.model.offered else "not offered by the platform")
        note = "; ".join(filter(None, notes))
        options.append(Option(entry.model.name, f"{entry.model.name} ({note})" if note else entry.model.name))
    return tuple(options)


def _lifecycle_hint(model: Model) -> str:
    life = model.lifecycle
    if model.like:
        return f"declared by you, like {model.like}; not offered by the platform's step"
    if life.status == "current":
        return "" if model.offered else "not offered by the platform's step"
    return f"{life.outlook}: {life.note}. Use {life.successor}"


def _control(key: str, kind: Kind) -> Control:
    if key == "prompt":
        return "prompt"
    if isinstance(kind, PixelSize):
        return "tiles"
    if isinstance(kind, Choice):
        has_shapes = any(_SHAPE.fullmatch(value) for value in kind.values)
        return "tiles" if has_shapes else "choice"
    return "integer" if isinstance(kind, Integer) else "text"


def _hidden_control(key: str) -> Control:
    """The control a field has for the models that take it."""
    for entry in catalog.models():
        if kind := entry.model.settings.get(key):
            return _control(key, kind)
    return "text"
