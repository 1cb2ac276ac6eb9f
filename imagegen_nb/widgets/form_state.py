"""What a form shows: from a draft of a step to the state of every field, without any widget.

A draft keeps everything that was ever entered, also for models that are not chosen now, so that
switching models and back restores it. What is visible, possible and wrong comes from the models'
declarations, the same that validation uses; nothing is listed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from imagegen_nb.errors import Problem
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
class FieldView:
    """What one field shows. A hidden field does not apply to the model; a disabled one is shown with
    the reason in `hint`. `problems` are what stands against its value, with the remedy."""

    key: str
    label: str
    control: Control
    visible: bool = True
    enabled: bool = True
    value: Any = None
    options: tuple[Option, ...] = ()
    minimum: int = 0
    maximum: int = 0
    custom: bool = False
    hint: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What has been entered so far: settings all models share, and each provider's own."""

    model: str
    common: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, step: ImageGenerationStep) -> Draft:
        """The draft that shows `step`."""
        draft = cls(step.model)
        for key, value in step.settings().items():
            draft = draft.changed(key, value)
        return draft

    def changed(self, key: str, value: Any) -> Draft:
        """The draft after one entry; None takes it back. Unknown keys and models raise `KeyError`."""
        if key == "model":
            if catalog.find(value) is None:
                raise KeyError(value)
            return replace(self, model=value)
        if ImageGenerationStep.kinds()[key] is not None:
            return replace(self, common={**self.common, key: value})
        mine = {**self.own.get(self._provider, {}), key: value}
        return replace(self, own={**self.own, self._provider: mine})

    def loaded(self, step: ImageGenerationStep) -> Draft:
        """The draft that shows `step`, remembering what was entered for other providers."""
        fresh = Draft.of(step)
        return replace(fresh, own={**self.own, fresh._provider: fresh.own.get(fresh._provider, {})})

    @property
    def _provider(self) -> str:
        entry = catalog.find(self.model)
        return entry.provider.name if entry else ""

    def entered(self, key: str) -> Any:
        """What was entered for `key`, None when nothing was."""
        if key == "model":
            return self.model
        return {**self.common, **self.own.get(self._provider, {})}.get(key)

    def settings(self) -> dict[str, Any]:
        """The settings as the form shows them now: what is hidden, disabled or impossible is left out."""
        settings = {}
        for key, view in fields(self, with_problems=False).items():
            entered = self.entered(key)
            if view.visible and view.enabled and entered is not None and entered == view.value:
                settings[key] = entered
        return settings


def fields(draft: Draft, *, with_problems: bool = True) -> dict[str, FieldView]:
    """Every field of the form in the platform's order, by key."""
    entry = catalog.find(draft.model)
    assert entry is not None
    views = {key: _view(key, draft, entry.model) for key in ImageGenerationStep.kinds()}
    if not with_problems:
        return views
    told = _problems(draft)
    return {key: replace(view, problems=tuple(told.get(key, ()))) for key, view in views.items()}


def _problems(draft: Draft) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for problem in problems(draft):
        told.setdefault(problem.field, []).append(f"{problem.message}. {problem.remedy}")
    return told


def problems(draft: Draft) -> tuple[Problem, ...]:
    """Everything that stands against the draft as it is shown; an empty tuple when it can be run."""
    return ImageGenerationStep.problems(draft.settings())


def _view(key: str, draft: Draft, model: Model) -> FieldView:
    label = (model.labels or {}).get(key, ImageGenerationStep.labels()[key])
    if key == "model":
        return FieldView(
            key=key,
            label=label,
            control="model",
            value=draft.model,
            options=_model_options(),
            hint=_notice(model),
        )
    kind = model.settings.get(key, ImageGenerationStep.kinds()[key])
    if kind is None:
        return FieldView(key=key, label=label, control=_hidden_control(key), visible=False)
    rules = [rule for rule in model.rules if rule.field == key and _active(rule, draft, model)]
    disabling = next((rule for rule in rules if not rule.refused), None)
    options = _options(key, kind, rules)
    return FieldView(
        key=key,
        label=label,
        control=_control(key, kind),
        enabled=disabling is None,
        value=_shown(draft.entered(key), kind, options),
        options=options,
        minimum=kind.minimum if isinstance(kind, Integer) else 0,
        maximum=kind.maximum if isinstance(kind, Integer) else 0,
        custom=isinstance(kind, PixelSize),
        hint=disabling.because if disabling else "; ".join(o.hint for o in options if o.disabled),
    )


def _active(rule: Rule, draft: Draft, model: Model) -> bool:
    """Whether the rule holds for what is entered, an unset field counting with its default."""
    other = draft.entered(rule.when)
    kind = model.settings.get(rule.when)
    if other is None or (kind is not None and kind.check(other)):
        other = model.default(rule.when)
    return other in rule.equals


def _shown(entered: Any, kind: Kind, options: tuple[Option, ...]) -> Any:
    """What the field shows: the entry, or the default while the entry is impossible here."""
    if entered is None:
        return kind.default
    if isinstance(kind, Choice):
        possible = any(option.value == entered and not option.disabled for option in options)
        return entered if possible else kind.default
    return entered


def _options(key: str, kind: Kind, rules: list[Rule]) -> tuple[Option, ...]:
    if isinstance(kind, PixelSize):
        return tuple(_tile(value) for value in (kind.default, *kind.tiles))
    if not isinstance(kind, Choice):
        return ()
    refused = {value: rule.because for rule in rules for value in rule.refused}
    common = ImageGenerationStep.kinds()[key]
    # What other models offer and this one does not is shown as unavailable, as on the platform.
    everything = common.values if isinstance(common, Choice) else kind.values
    unavailable = {value: kind.because for value in everything if value not in kind.values}
    reasons = {**unavailable, **refused}
    values = (*kind.values, *unavailable)
    if key == "image_size":
        return tuple(_tile(value) for value in values)
    return tuple(
        Option(
            value,
            value,
            disabled=value in reasons,
            hint=f"{value} is not available: {reasons[value]}" if value in reasons else "",
        )
        for value in values
    )


def _tile(value: str) -> Option:
    """A size or ratio with its shape."""
    for separator in ("x", ":"):
        width, found, height = value.partition(separator)
        if found and width.isdecimal() and height.isdecimal():
            label = f"{width} × {height}" if separator == "x" else value
            return Option(value, label, width=int(width), height=int(height))
    return Option(value, value)


def _model_options() -> tuple[Option, ...]:
    options = []
    for entry in catalog.models():
        life = entry.model.lifecycle
        marks = [f"{life.status} {life.since}, use {life.successor}" if life.status != "current" else ""]
        marks.append("" if entry.model.offered else "not offered by the platform")
        told = "; ".join(filter(None, marks))
        options.append(Option(entry.model.name, f"{entry.model.name} ({told})" if told else entry.model.name))
    return tuple(options)


def _notice(model: Model) -> str:
    life = model.lifecycle
    if life.status == "current":
        return "" if model.offered else "not offered by the platform's step"
    return f"{life.status} since {life.since}: {life.note}. Use {life.successor}"


def _control(key: str, kind: Kind) -> Control:
    if key == "image_size":
        return "tiles"
    if key == "prompt":
        return "prompt"
    if isinstance(kind, Choice):
        return "choice"
    return "integer" if isinstance(kind, Integer) else "text"


def _hidden_control(key: str) -> Control:
    """The control a field has for the models that take it."""
    for entry in catalog.models():
        if kind := entry.model.settings.get(key):
            return _control(key, kind)
    return "text"
