"""Migrations of older step documents: plain data in, plain data and a list of changes out.

The platform's step once had no Model setting and gave a bare array of assets, so old references
read `{{step_2.output.0.file_url}}`; today's read `{{step_2.output.assets.0.file_url}}`.
"""

from __future__ import annotations

import re
from typing import Any

from imagegen_nb.core import variables
from imagegen_nb.errors import DefinitionError
from imagegen_nb.step.output import Asset
from imagegen_nb.step.provenance import FORMAT, VERSION
from imagegen_nb.step.step import ImageGenerationStep

_OLD_MODEL = "gpt-image-2"
"""The older step made OpenAI images only; this is the model the platform offers for them today."""

_OLD_REFERENCE = re.compile(
    r"(\{\{\s*)([A-Za-z_][A-Za-z0-9_]*)(\.output\.)(\d+)((?:\.[A-Za-z0-9_]+)*\s*\}\})"
)
_WHOLE_OUTPUT = re.compile(r"\{\{\s*(?:([A-Za-z_][A-Za-z0-9_]*)\.output|(step_[A-Za-z0-9_]+))\s*\}\}")
_ASSET_KEYS = frozenset((*Asset.model_fields, "object_key", "asset_type", "uploaded_at")) - {"id"}
"""Keys that only assets have. Items of other arrays, such as feeds, have an `id` as well."""
_NOT_SETTINGS = frozenset(("inputs", "output", "identifier", "declaration"))


def migrate(document: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """`document` in the current layout, and a sentence for each thing that was changed.

    A flat object with a `prompt` (a step as it stands in a workflow) is put into an envelope. Raises
    `DefinitionError` for other documents and for versions that are not known.
    """
    if "format" not in document:
        return _from_flat_step(document)
    if document["format"] == "imagegen-nb/workflow":
        raise DefinitionError(
            "this is a workflow file: give a step file, or read it with ig.Workflow.load(path). "
            'A step file of one of its steps: ig.save_step("step_1.step.json", workflow.steps["step_1"]); '
            'with its images: run=workflow.run(workspace=ws)["step_1"] as well'
        )
    if document["format"] != FORMAT:
        raise DefinitionError(f"is not {FORMAT!r}", place="format")
    version = document.get("version")
    if type(version) is int and version == VERSION:
        return document, []
    if type(version) is int and version > VERSION:
        raise DefinitionError(
            f"is newer than this program knows ({VERSION}). Update imagegen-nb to read the file",
            place="version",
        )
    if type(version) is not int or version != 1:
        raise DefinitionError(f"is not a known version (1 or {VERSION})", place="version")
    return _from_version_1(document)


def _from_flat_step(document: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    if "prompt" not in document:
        if "nbformat" in document:
            raise DefinitionError("this is a notebook, and no step file: imagegen-nb record takes one")
        raise DefinitionError(
            f'this is not a step file: it has neither "format": "{FORMAT}" nor a "prompt"; '
            "save_step(path, step) writes one"
        )
    step = {key: value for key, value in document.items() if key not in _NOT_SETTINGS}
    wrapped: dict[str, Any] = {"format": FORMAT, "version": 1, "step": step}
    wrapped |= {key: document[key] for key in ("declaration", "inputs", "output") if key in document}
    if "identifier" in document:
        wrapped["provenance"] = {"identifier": document["identifier"]}
    migrated, changes = _from_version_1(wrapped)
    return migrated, ["a bare step was put into an envelope", *changes]


def _from_version_1(document: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    changes: list[str] = []
    step = document.get("step")
    if not isinstance(step, dict):
        raise DefinitionError("is missing or not an object", place="step")
    step = dict(step)
    if step.get("model") is None:
        step["model"] = _OLD_MODEL
        changes.append(f"step.model was absent, as in the older step: set to {_OLD_MODEL}")
    provenance = document.get("provenance")
    own = provenance.get("identifier") if isinstance(provenance, dict) else None
    # Skip invalid prompts, which may be very long; ImageGenerationStep reports them.
    readable = isinstance(step.get("prompt"), str) and not ImageGenerationStep.check_prompt(step["prompt"])
    if readable:
        step["prompt"], rewritten = _rewrite(step["prompt"], own)
        changes += [f"step.prompt: {old} became {new}" for old, new in rewritten]
        untouched = [match[0] for match in _OLD_REFERENCE.finditer(step["prompt"])]
        changes += [f"step.prompt: {old} was left as it is; check what it refers to" for old in untouched]
        changes += [_whole_output_left(match) for match in _distinct(_WHOLE_OUTPUT, step["prompt"])]
    output = document.get("output")
    if isinstance(output, list):
        output = {"settings": _settings_of(step), "assets": output}
        changes.append("output was an array of assets: it became {settings, assets}")
    inputs = _migrated_inputs(document.get("inputs"), step["prompt"] if readable else None, changes)
    migrated = {**document, "version": VERSION, "step": step}
    if inputs is not None:
        migrated["inputs"] = inputs
    if output is not None:
        migrated["output"] = output
    return migrated, changes


def _distinct(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """The matches in `text`, each reading once."""
    return list({match[0]: match for match in pattern.finditer(text)}.values())


def _whole_output_left(reference: re.Match[str]) -> str:
    """A reference to a whole output: nobody can rewrite it without knowing what it is for."""
    name = reference[1] or reference[2]
    return (
        f"step.prompt: {reference[0]} was left as it is: its output was an array of assets, and is now the "
        f"object {{settings, assets}}. Write {{{{{name}.output.assets}}}} where the array is meant"
    )


def _migrated_inputs(inputs: object, prompt: object, changes: list[str]) -> object:
    """Inputs in which the rewritten references of `prompt` find their values: bare arrays become objects."""
    if not isinstance(inputs, dict) or not isinstance(prompt, str):
        return inputs
    migrated = dict(inputs)
    for path in variables.paths(prompt):
        name, _, rest = path.partition(".")
        earlier = migrated.get(name)
        assets = earlier.get("output") if isinstance(earlier, dict) else None
        if rest.startswith("output.assets.") and isinstance(assets, list):
            migrated[name] = {**migrated[name], "output": {"settings": {}, "assets": assets}}
            changes.append(f"inputs.{name}.output was an array of assets: it became {{settings, assets}}")
    return migrated


def _rewrite(prompt: str, own: object) -> tuple[str, list[tuple[str, str]]]:
    """Old references in the current form, as pairs of before and after. A reference is old when it ends in an
    asset's key, or names the file's own step; other steps may give arrays (`{{rss.output.0.title}}`)."""
    rewritten: list[tuple[str, str]] = []

    def replace(match: re.Match[str]) -> str:
        opening, name, output, index, rest = match.groups()
        key = rest.strip("} \t\r\n").removeprefix(".")
        names_asset = key in _ASSET_KEYS or (key == "id" and name.startswith("step_"))
        if name != own and not names_asset:
            return match[0]
        new = f"{opening}{name}{output}assets.{index}{rest}"
        rewritten.append((match[0], new))
        return new

    return _OLD_REFERENCE.sub(replace, prompt), rewritten


def _settings_of(step: dict[str, Any]) -> dict[str, Any]:
    """The output's settings as far as an old file has them: those of the step, null for the others."""
    if ImageGenerationStep.problems({"model": step["model"], "prompt": "x"}):
        raise DefinitionError("is not a known model", place="step.model")
    keys = ImageGenerationStep(model=step["model"], prompt="x").entry.model.output_settings
    return {"model": step["model"], **{key: step.get(key) for key in keys}}
