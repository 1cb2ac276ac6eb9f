"""What a form shows: from what was entered to the state of every field, without any widget.

A draft keeps everything that was ever entered, also for models that are not chosen now, so that switching
models and back restores it. What is visible, possible and wrong comes from the models' declarations, which
validation reads too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, cast

from imagegen_nb.core.types import ChargeType
from imagegen_nb.core.words import sentence, shortened
from imagegen_nb.errors import InvalidStep, Problem
from imagegen_nb.providers import catalog
from imagegen_nb.providers.base import Provider
from imagegen_nb.providers.capabilities import Choice, Integer, Kind, Model, PixelSize, Rule, in_words
from imagegen_nb.step.step import ImageGenerationStep

ControlKind = Literal["text", "prompt", "model", "tiles", "choice", "integer"]
_FIRST = "model"
"""The field at the top: it decides what the others are."""
_LONGEST_SHOWN = 60  # characters of a value within a sentence
EMPTY_SIZE = "x"
"""A custom size that nobody has typed yet. It is no size: it must not silently mean the default."""
_HELP = {
    "prompt": "What the image should show. Write {{product}}, or any other name in such braces, and a field "
    "for its text appears below."
}
"""What a form says of a setting where the step's own words say nothing of the form."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a field. `width` and `height` give a tile's shape (0 for none); `hint` says why it is
    disabled, or what else to know of it. `group` is what it stands under in a long list."""

    value: str
    label: str
    disabled: bool = False
    hint: str = ""
    width: int = 0
    height: int = 0
    group: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """What mends a field: the words of its button, and the value that it puts in."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldState:
    """What one field shows. A hidden field does not apply to the model; a disabled one is shown with
    the reason in `hint`. `value` is the entry where there is a possible one (`entered`), else the default.
    `help` says what the setting is for, `note` that something else than what was entered is used, and why.
    With `custom`, any size within the `limits` can be typed.
    `problems` are the problems of its value, with their remedies; `fixes` are remedies that are one value."""

    key: str
    label: str
    control: ControlKind
    visible: bool = True
    enabled: bool = True
    value: Any = None
    entered: bool = False
    default: Any = None
    options: tuple[Option, ...] = ()
    minimum: int = 0
    maximum: int = 0
    custom: bool = False
    limits: str = ""
    help: str = ""
    hint: str = ""
    note: str = ""
    problems: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What has been entered so far, by provider and key; settings that all models share have no provider.

    `tried` says that somebody wanted to run it: only then is a field that nobody touched called wrong.
    """

    model: str = ImageGenerationStep.model_fields["model"].default
    entries: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    tried: bool = False

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

    def touched(self, key: str) -> bool:
        """Whether something was ever entered for `key`, be it taken back since."""
        if self.tried or key == "model":
            return True
        return bool(self.entries.get(self._place(key), EMPTY_SIZE) != EMPTY_SIZE)

    def _place(self, key: str) -> tuple[str, str]:
        shared = ImageGenerationStep.kinds()[key] is not None
        return ("" if shared else self._provider, key)

    @property
    def _provider(self) -> str:
        entry = catalog.find(self.model)
        return entry.provider.name if entry else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """All that a form shows of a draft: every field from top to bottom, and the step, or else the
    problems that keep the draft from being one."""

    fields: Mapping[str, FieldState]
    step: ImageGenerationStep | None
    problems: tuple[Problem, ...]
    untouched: tuple[str, ...] = ()
    """The labels of the fields that nobody has filled in yet, and that must be."""
    wrong: tuple[str, ...] = ()
    """The labels of the fields whose values are not possible."""

    @classmethod
    def of(cls, draft: Draft) -> Self:
        """Work it out once: the fields, the step they make, and the problems at their fields."""
        entry = catalog.find(draft.model)
        assert entry is not None
        keys = ImageGenerationStep.kinds()
        order = (_FIRST, *(key for key in keys if key != _FIRST))
        fields = {key: _field(key, draft, entry.model) for key in order}
        try:
            return cls(fields=fields, step=ImageGenerationStep(**settings(fields)), problems=())
        except InvalidStep as error:
            problems = error.problems
        untouched, wrong = [], []
        for problem in problems:
            if (known := fields.get(problem.field)) is None:
                continue
            if draft.touched(problem.field):
                wrong.append(known.label)
                message = _with_sizes(sentence(f"{problem.message}. {problem.remedy}"))
                fields[problem.field] = replace(known, problems=(*known.problems, message))
            else:
                untouched.append(known.label)
        return cls(
            fields=fields,
            step=None,
            problems=problems,
            untouched=in_order(fields, untouched),
            wrong=in_order(fields, wrong),
        )

    @property
    def provider(self) -> Provider:
        """Whose model it is, also while the draft is no step."""
        entry = catalog.find(self.fields["model"].value)
        assert entry is not None
        return entry.provider

    @property
    def charge_type(self) -> ChargeType:
        """Who would pay, also while the draft is no step."""
        return cast("ChargeType", self.fields["charge_type"].value)

    @property
    def streams(self) -> bool:
        """Whether the model has live previews, also while the draft is no step."""
        entry = catalog.find(self.fields["model"].value)
        return entry is not None and entry.model.streams

    @property
    def no_previews(self) -> str:
        """Why there could be no live previews now; empty where there could."""
        count = self.fields["image_count"]
        return "" if count.value == 1 else f"Only for a single image: set {count.label} to 1."


def in_order(fields: Mapping[str, FieldState], labels: Iterable[str]) -> tuple[str, ...]:
    """The labels from the form's top to its bottom, each once. Variables stand where the prompt does."""
    places = {field.label: place for place, field in enumerate(fields.values())}
    prompt = places[fields["prompt"].label]
    return tuple(sorted(dict.fromkeys(labels), key=lambda label: places.get(label, prompt)))


def settings(fields: Mapping[str, FieldState]) -> dict[str, Any]:
    """The settings that were entered and are shown, in the platform's order; what is hidden, disabled or
    impossible is left out."""
    return {key: fields[key].value for key in ImageGenerationStep.kinds() if fields[key].entered}


def _field(key: str, draft: Draft, model: Model) -> FieldState:
    label = _label(key, model)
    help_ = _HELP.get(key) or ImageGenerationStep.help()[key]
    if key == "model":
        return FieldState(
            key=key,
            label=label,
            control="model",
            value=draft.model,
            entered=True,
            options=_model_options(),
            help=help_,
            hint=sentence(_lifecycle_hint(model)),
            note=_kept_note(draft, model),
            fixes=_successor(model),
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
        default=kind.default,
        options=options,
        minimum=kind.minimum if isinstance(kind, Integer) else 0,
        maximum=kind.maximum if isinstance(kind, Integer) else 0,
        custom=isinstance(kind, PixelSize),
        limits=kind.limits if isinstance(kind, PixelSize) else "",
        fixes=_nearest_size(kind, entry),
        help=_help(help_, kind),
        hint=sentence(disabling.because if disabling else _unavailable(options)),
        note=_note(entry, kind, options, model, disabling, possible=possible),
    )


def _label(key: str, model: Model) -> str:
    return (model.labels or {}).get(key, ImageGenerationStep.labels()[key])


def _help(text: str, kind: Kind) -> str:
    return f"{text} From {kind.minimum} to {kind.maximum}." if isinstance(kind, Integer) else text


def _unavailable(options: tuple[Option, ...]) -> str:
    return "; ".join(f"{o.label} is not available: {o.hint}" for o in options if o.disabled)


def _note(
    entry: Any,
    kind: Kind,
    options: tuple[Option, ...],
    model: Model,
    disabling: Rule | None,
    *,
    possible: bool,
) -> str:
    """That another value than the entry is used: nobody asked for that, so it is said."""
    if entry is None or (possible and (disabling is None or entry == kind.default)):
        return ""
    shown = _shown(entry, kind)
    if disabling is not None:
        return f"{shown} is used again with another {_label(disabling.when, model)}."
    instead = "nothing is set" if kind.default is None else f"{_shown(kind.default, kind)} is used"
    option = next((option for option in options if option.value == entry), None)
    reason = option.hint if option else f"{model.name} does not have it"
    return (
        f"You chose {option.label if option else shown}, but {reason}: {instead} until it is possible again."
    )


def _kept_note(draft: Draft, model: Model) -> str:
    """What was entered and does not apply to this model; it comes back with a model that has it."""
    present = catalog.find(model.name)
    kept = []
    for (provider, key), value in draft.entries.items():
        own = present is not None and provider == present.provider.name
        if not provider or value is None or (own and key in model.settings):
            continue
        models = (entry.model for entry in catalog.models() if entry.provider.name == provider)
        owner = next((other for other in models if key in other.settings), None)
        if owner is not None and value != owner.default(key):
            kept.append(f"{_label(key, owner)} {_shown(value, owner.settings[key])}")
    return f"Kept for models that have it: {', '.join(kept)}." if kept else ""


def _shown(value: Any, kind: Kind) -> str:
    """A value as people read it; what was typed may be of any length."""
    return shortened(in_words(value, kind), _LONGEST_SHOWN)


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
        return tuple(_tile(value, kind) for value in (kind.default, *kind.tiles))
    if not isinstance(kind, Choice):
        return ()
    refused = {value: rule.because for rule in rules for value in rule.refused}
    common = ImageGenerationStep.kinds()[key]
    # What other models offer and this one does not is shown as unavailable, as on the platform.
    everywhere = common if isinstance(common, Choice) else kind
    unavailable = {value: kind.because for value in everywhere.values if value not in kind.values}
    reasons = {**unavailable, **refused}
    return tuple(
        replace(
            _tile(value, kind if value in kind.values else everywhere),
            disabled=value in reasons,
            hint=reasons.get(value, ""),
        )
        for value in (*kind.values, *unavailable)
    )


def _with_sizes(text: str) -> str:
    """The text with its sizes as people write them."""
    return re.sub(r"\b(\d+)x(\d+)\b", r"\1 × \2", text)


_SHAPE = re.compile(r"(\d+)[x:](\d+)")


def _tile(value: str, kind: Choice | PixelSize) -> Option:
    """An option, with its shape where it is a size or a ratio."""
    shape = _SHAPE.fullmatch(value)
    width, height = (int(shape[1]), int(shape[2])) if shape else (0, 0)
    return Option(value, kind.label(value), width=width, height=height)


def _model_options() -> tuple[Option, ...]:
    """Every model, by who offers it. A closed list is narrow and cuts what is long: so a name has one word
    beside it, and the rest is the hint."""
    options = []
    for entry in catalog.models():
        model, life = entry.model, entry.model.lifecycle
        group = "Offered by the platform" if model.offered else "Not offered by the platform"
        current = life.status == "current"
        notes = [
            "" if current else f"{life.status} {life.since}, use {life.successor}",
            f"declared by you, like {model.like}" if model.like else "",
            "" if model.offered else "not offered by the platform",
        ]
        options.append(
            Option(
                model.name,
                model.name if current else f"{model.name} ({life.status})",
                hint="; ".join(filter(None, notes)),
                group="Declared by you" if model.like else group,
            )
        )
    return tuple(options)


def _lifecycle_hint(model: Model) -> str:
    life = model.lifecycle
    if model.like:
        return f"Declared by you, like {model.like}; not offered by the platform's step"
    if life.status == "current":
        return "" if model.offered else "Not offered by the platform's step"
    return f"{life.outlook[:1].upper()}{life.outlook[1:]}: {life.note}. Use {life.successor}"


def _successor(model: Model) -> tuple[Fix, ...]:
    """What is to be used in place of a model that is on its way out."""
    life = model.lifecycle
    known = not model.like and life.status != "current" and catalog.find(life.successor)
    return (Fix(f"Use {life.successor}", life.successor),) if known else ()


def _nearest_size(kind: Kind, entry: Any) -> tuple[Fix, ...]:
    legal = kind.legal(entry) if isinstance(kind, PixelSize) else None
    return (Fix(f"Use {in_words(legal, kind)}", legal),) if legal else ()


def _control(key: str, kind: Kind) -> ControlKind:
    if key == "prompt":
        return "prompt"
    if isinstance(kind, PixelSize):
        return "tiles"
    if isinstance(kind, Choice):
        has_shapes = any(_SHAPE.fullmatch(value) for value in kind.values)
        return "tiles" if has_shapes else "choice"
    return "integer" if isinstance(kind, Integer) else "text"


def _hidden_control(key: str) -> ControlKind:
    """The control a field has for the models that take it."""
    for entry in catalog.models():
        if kind := entry.model.settings.get(key):
            return _control(key, kind)
    return "text"
