"""The step of an image: out of the store that has it, of what its file says, or of a file beside it.

What a file says is a stranger's: it is read within bounds, nothing is decoded into pixels, and the step in it
is checked as one of a step file is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegen_nb.core import generation_parameters, image_file_texts, variables, xmp
from imagegen_nb.core.atomic_files import read_bounded
from imagegen_nb.core.generation_parameters import GenerationParameters
from imagegen_nb.core.image_file_texts import FileTexts
from imagegen_nb.core.redaction import mask
from imagegen_nb.core.words import listed, shortened
from imagegen_nb.errors import DefinitionError
from imagegen_nb.providers import catalog
from imagegen_nb.step.provenance import FORMAT, STEP_PROPERTY, VERSION, side_file
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import LARGEST_FILE, StepDefinition
from imagegen_nb.store.base import AssetRecord, Store

_LONGEST = 300
_LONGEST_EXAMPLE, _MOST_EXAMPLES = 40, 5
_OTHERS = {
    "workflow": "ComfyUI",
    **dict.fromkeys(("invokeai_metadata", "invokeai_graph", "sd-metadata", "Dream"), "InvokeAI"),
}
"""Texts of a PNG in which other tools keep their settings, in forms that are not read here."""


def of_stored(sha256: str, store: Store) -> StepDefinition | None:
    """The step of an image with this hash, with its run; None where the store does not know it."""
    record = store.find_asset(sha256)
    return None if record is None else of_record(record, store)


def of_record(record: AssetRecord, store: Store) -> StepDefinition | None:
    """The step of a stored image, with its run. None for an image of a version that kept no settings; raises
    `InvalidStep` for a model that is not known here."""
    # Deferred: who checks a step file needs no runs.
    from imagegen_nb.runs.stored_run import stored_run
    from imagegen_nb.step_file.export import define

    entry = store.find_run(record.run_id)
    if entry is None or not entry.settings_json:
        return None
    run = stored_run(entry, store)
    return define(run.step, run=run)


def document_of(
    data: bytes, path: Path | None, *, searched: bool = False
) -> tuple[bytes | dict[str, Any], list[str]]:
    """What an image's file, or a file beside it, says of its step: a step file's bytes, or a document made of
    other tools' words; with a sentence for each thing that could not be taken. Raises `DefinitionError`,
    which names the store as a remedy unless that was `searched` before."""
    texts = image_file_texts.read(data)
    properties = xmp.read(texts.packet) if texts.packet is not None else None
    if properties and (own := properties.get(STEP_PROPERTY)):
        return own.encode("utf-8", "replace"), []
    if path is not None and (beside := _beside(path, data)) is not None:
        return beside, []
    if texts.parameters:
        return _of_parameters(generation_parameters.read(texts.parameters))
    raise DefinitionError(f"the image does not name the step that made it{_hint(texts, searched=searched)}")


def _beside(path: Path, data: bytes) -> bytes | None:
    """The side file of an image, where there is one for these bytes."""
    try:
        text = read_bounded(side_file(path), LARGEST_FILE) or b""
    except OSError:
        return None
    # Another image may have been saved under the name since.
    return text if hashlib.sha256(data).hexdigest().encode() in text else None


def _of_parameters(said: GenerationParameters) -> tuple[dict[str, Any], list[str]]:
    """A document of what can be taken: the prompt, and a model and a size that are known here."""
    if not said.prompt:
        raise DefinitionError("the image's parameters have no prompt")
    taken, names, inputs = {"prompt": said.prompt}, list[str](), dict[str, str]()
    if "{{" in said.prompt and not _fits(taken):
        # Other tools weigh words by braces, which would be variables here.
        taken, inputs = {"prompt": "{{prompt}}"}, {"prompt": said.prompt}
    for name, setting, value in (
        ("Model", "model", said.values.get("Model", "")),
        ("Size", "image_size", said.values.get("Size", "")),
    ):
        if value and (setting != "model" or catalog.find(value)) and _fits({**taken, setting: value}):
            taken[setting] = value
            names.append(name)
    changes = ["read from the image's “parameters”, which other tools write: the prompt as it was sent"]
    left = {name: value for name, value in said.values.items() if name not in (*names, "Version")}
    if said.negative:
        left = {"Negative prompt": said.negative, **left}
    if inputs:
        changes.append("it has braces that are no variables here, so it is the value of the input `prompt`")
    else:
        changes += [f"{{{{{name}}}}} counts as a variable here" for name in variables.paths(said.prompt)]
    if syntax := generation_parameters.syntax_in(said.prompt):
        changes.append(
            "the model takes for plain words what other tools read as weights or commands: "
            f"{_examples(syntax)}; take it out, or say in words what it is for"
        )
    if left:
        changes.append(f"not taken, as this step has no such setting or value: {_listed(left)}")
    return {"format": FORMAT, "version": VERSION, "step": taken, "inputs": inputs}, changes


def _fits(settings: dict[str, str]) -> bool:
    return not any(problem.field in settings for problem in ImageGenerationStep.problems(settings))


def _listed(values: Mapping[str, str]) -> str:
    return shortened("; ".join(f"{name}: {shortened(value, 60)}" for name, value in values.items()), _LONGEST)


def _examples(texts: list[str]) -> str:
    return listed([shortened(mask(text), _LONGEST_EXAMPLE) for text in texts], _MOST_EXAMPLES)


def _hint(texts: FileTexts, *, searched: bool) -> str:
    for keyword, tool in _OTHERS.items():
        if keyword in texts.keywords:
            return f"; it holds settings of {tool}, which are not read here"
    if searched:
        return (
            ", and the store of this workspace does not have it: give a step file, an image that was made "
            "there, or one that carries its step, as asset.save(path, embed=True) writes it"
        )
    return (
        ". In Python, load_step(path, workspace=ws) looks for it in that store; images saved by "
        "asset.save(path, embed=True) carry their step"
    )
