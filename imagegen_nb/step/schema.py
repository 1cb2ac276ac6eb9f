"""The step's JSON Schema, built from what the models declare.

It says all that JSON Schema can: which settings a model takes, their values, and the cross-field
rules as conditionals. A document it refuses is refused by validation too; the arithmetic of free
pixel sizes and the grammar of variables are checked by validation alone; and JSON Schema takes 3.0 for
a whole number, which validation does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen_nb.providers import catalog
from imagegen_nb.providers.capabilities import Kind, Model, Rule

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def step_schema(
    common: Mapping[str, Kind | None], labels: Mapping[str, str], default_model: str
) -> dict[str, Any]:
    """The JSON Schema of a step's settings; `null` means unset everywhere."""
    names = [entry.model.name for entry in catalog.models()]
    properties = {
        key: {"title": labels[key]} | _nullable(kind.schema()) for key, kind in common.items() if kind
    }
    properties |= {key: {"title": labels[key]} for key, kind in common.items() if kind is None}
    properties["model"] = {"title": labels["model"], "enum": [*names, None], "default": default_model}
    properties["prompt"].pop("anyOf")
    prompt = common["prompt"]
    assert prompt is not None
    properties["prompt"] |= prompt.schema()
    return {
        "type": "object",
        "properties": {key: properties[key] for key in common},
        "required": ["prompt"],
        "additionalProperties": False,
        "allOf": [_conditional(group, common, default_model) for group in _alike()],
    }


def _alike() -> list[list[Model]]:
    """The models in groups that take the same settings under the same rules."""
    groups: list[list[Model]] = []
    for entry in catalog.models():
        for group in groups:
            if group[0].settings == entry.model.settings and group[0].rules == entry.model.rules:
                group.append(entry.model)
                break
        else:
            groups.append([entry.model])
    return groups


def _conditional(group: list[Model], common: Mapping[str, Kind | None], default_model: str) -> dict[str, Any]:
    model = group[0]
    taken = {key: _nullable(kind.schema()) for key, kind in model.settings.items()}
    refused = {key: {"type": "null"} for key, kind in common.items() if kind is None and key not in taken}
    refused.pop("model", None)
    then: dict[str, Any] = {"properties": taken | refused}
    if model.rules:
        then["allOf"] = [_rule(rule, model) for rule in model.rules]
    names = [member.name for member in group]
    return {"if": _has("model", names, unset=default_model in names), "then": then}


def _rule(rule: Rule, model: Model) -> dict[str, Any]:
    allowed: dict[str, Any] = {"not": {"enum": list(rule.refused)}} if rule.refused else {"type": "null"}
    unset = model.default(rule.when) in rule.equals
    return {
        "if": _has(rule.when, list(rule.equals), unset=unset),
        "then": {"properties": {rule.field: allowed | {"description": rule.because}}},
    }


def _has(key: str, values: list[str], *, unset: bool) -> dict[str, Any]:
    """A condition: `key` has one of `values`, or (with `unset`) is null or absent."""
    condition: dict[str, Any] = {"properties": {key: {"enum": [*values, None] if unset else values}}}
    return condition if unset else condition | {"required": [key]}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    notes = {key: schema[key] for key in ("default", "description", "examples") if key in schema}
    rule = {key: value for key, value in schema.items() if key not in notes}
    return notes | {"anyOf": [rule, {"type": "null"}]}
