"""Checks settings against what their model declares: every problem at once, each with its remedy."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagegen_nb.core import variable_mistakes
from imagegen_nb.core.keywords import given_elsewhere
from imagegen_nb.core.redaction import MASK, is_keys_name, mask
from imagegen_nb.errors import InvalidStep, Problem
from imagegen_nb.providers import catalog
from imagegen_nb.providers.capabilities import Kind, Model, one_of

_MOST_HINTS = 20
"""Unknown settings that a known one is suggested for; comparing names takes time."""
_PICTURES = ("image", "images", "input_image", "reference_image", "reference_images", "mask")
"""What other tools call a picture to begin with."""
_SIZES = ("aspect_ratio", "image_aspect_ratio", "ratio", "resolution", "image_resolution", "dimensions")
"""What other tools call the size."""
_UNKNOWN_MODEL = "not a known model"
_LONGEST_NAME = 100
"""Characters of an unknown setting's name that are compared with the known ones."""


def problems(settings: Mapping[str, Any], common: Mapping[str, Kind | None]) -> tuple[Problem, ...]:
    """Everything wrong with `settings`, in the platform's order; an empty tuple when nothing is.

    `common` holds every known key: with its kind where the setting is the same for all models,
    None where the model decides. A model's own declaration takes precedence. None means unset.
    """
    settings = {"model": None, "prompt": None, **settings}
    name = settings["model"]
    entry = catalog.find(name)
    model, said = (entry.model if entry else None), str(name)
    broken = []
    if not settings.keys() <= common.keys():
        unknown = [key for key in settings if key not in common]
        broken = [
            _unknown(key, settings[key], said, common, hint=n < _MOST_HINTS) for n, key in enumerate(unknown)
        ]
    for key, kind in common.items():
        if key not in settings:
            continue
        value = settings[key]
        if key == "model":
            if model is None:
                remedy = _capital(catalog.declaration(name))
                broken.append(Problem("model", name, "", _UNKNOWN_MODEL, remedy))
            continue
        if problem := _check(key, value, said, model, kind):
            broken.append(problem)
        elif key == "prompt" and isinstance(value, str):
            broken.extend([_misuse_of_braces(mistake, said) for mistake in variable_mistakes.mistakes(value)])
    if model is not None:
        broken.extend(_broken_rules(settings, model))
    return tuple(map(_without_keys, broken))


def _without_keys(problem: Problem) -> Problem:
    """A key may have got into a prompt, or into the place of a setting's name."""
    return replace(
        problem,
        field=mask(problem.field),
        value=mask(problem.value) if isinstance(problem.value, str) else problem.value,
        model=mask(problem.model),
        message=mask(problem.message),
        remedy=mask(problem.remedy),
    )


def outside_python(error: InvalidStep) -> InvalidStep:
    """The same problems with remedies for a command line or a magic, where no model can be declared."""
    return InvalidStep(
        tuple(
            replace(one, remedy=_capital(catalog.listing(one.value))) if is_unknown_model(one) else one
            for one in error.problems
        )
    )


def is_unknown_model(problem: Problem) -> bool:
    """Whether what is wrong is that no model has this name."""
    return problem.field == "model" and problem.message == _UNKNOWN_MODEL


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _check(key: str, value: object, name: str, model: Model | None, common: Kind | None) -> Problem | None:
    kind = model.settings.get(key, common) if model else common
    if value is None:
        if key != "prompt":
            return None
        return Problem(key, None, name, "missing", "Write what the image should show")
    if kind is None:
        if model is None:  # nothing is known about the settings of an unknown model
            return None
        return Problem(key, value, name, "does not apply to this model", _takers(key), "not-applicable")
    if wrong := kind.check(value):
        # An editor leaves such a value behind when the model is switched: another model takes it.
        suits_another = common is None and any(
            other.check(value) is None
            for entry in catalog.models()
            if (other := entry.model.settings.get(key)) is not None
        )
        return Problem(key, value, name, *wrong, "not-applicable" if suits_another else "invalid")
    return None


def _misuse_of_braces(mistake: variable_mistakes.Mistake, name: str) -> Problem:
    message = f"holds a variable that {mistake.fault}"
    remedy = f"{mistake.remedy}; braces that are to be sent as they stand can be the value of an input"
    return Problem("prompt", mistake.written, name, message, remedy)


def _broken_rules(settings: Mapping[str, Any], model: Model) -> list[Problem]:
    problems = []
    for rule in model.rules:
        value, other = settings.get(rule.field), settings.get(rule.when)
        used = model.default(rule.when) if other is None else other
        if rule.broken_by(value, used):
            stated = rule.when if other is not None else f"{rule.when} (unset, so the default)"
            message = f"not available with {stated} {used}: {rule.because}"
            problems.append(Problem(rule.field, value, model.name, message, rule.remedy, "not-applicable"))
    return problems


def _takers(key: str) -> str:
    """Which providers' models take a setting, as a remedy."""
    labels = tuple(
        dict.fromkeys(entry.provider.label for entry in catalog.models() if key in entry.model.settings)
    )
    return f"Leave it out; it is a setting of {one_of(labels)} models" if labels else "Leave it out"


def _unknown(key: str, value: object, name: str, common: Mapping[str, Kind | None], *, hint: bool) -> Problem:
    if key in _PICTURES:
        remedy = "The platform's step takes no input image, only a prompt: say in it what to show"
        return Problem(key, value, name, "not a setting of this step", remedy, "unknown-field")
    if is_keys_name(key):
        value = MASK
    if elsewhere := given_elsewhere(key):
        remedy = f"{elsewhere[0].upper()}{elsewhere[1:]}"
        return Problem(key, value, name, "not a setting of this step", remedy, "unknown-field")
    # People drop the prefix, `size` for `image_size`, or use the providers' word for the count.
    suffix = "_count" if key in ("n", "num_images", "number_of_images") else f"_{key}"
    close = [known for known in common if known.endswith(suffix)]
    if key in _SIZES:
        close = ["image_size"]
    if not close and hint and len(key) <= _LONGEST_NAME:
        close = difflib.get_close_matches(key, list(common), n=1, cutoff=0.6)
    remedy = f"Did you mean {close[0]}?" if close else f"Choose from {', '.join(common)}"
    return Problem(key, value, name, "unknown setting", remedy, "unknown-field")
