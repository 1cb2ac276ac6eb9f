"""Import: a step file, or an image, as a validated step, strictly and with one error type.

Whatever the bytes are, the outcome is a `StepDefinition` or a `DefinitionError` that names the place. Nothing
in a file is executed, followed or fetched.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import jiter
from pydantic import ValidationError

from imagegen_nb.core import given_files, images, user_warnings
from imagegen_nb.core.atomic_files import explain, user_path
from imagegen_nb.core.json_faults import ends_too_early, place_and_reason, place_of
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.errors import (
    DefinitionError,
    DefinitionWarning,
    InvalidOption,
    InvalidStep,
    Problem,
    StoreError,
)
from imagegen_nb.providers import catalog
from imagegen_nb.step import validation
from imagegen_nb.step.output import Asset, StepOutput
from imagegen_nb.step.run_context import RunContext
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file import from_image
from imagegen_nb.step_file.declarations import declared
from imagegen_nb.step_file.document import (
    LARGEST_FILE,
    Generator,
    StepDefinition,
    StepDocument,
    as_definition_error,
    find_unwritable,
    redacted,
)
from imagegen_nb.step_file.migrations import migrate
from imagegen_nb.step_file.provenance import Upload
from imagegen_nb.store.base import Store

_DEFAULTS: dict[str, Any] = {
    "generator": Generator().model_dump(),
    "inputs": {},
    "output": None,
    "provenance": {},
}
"""What a file may leave out."""


_ENDINGS = (".json",)
_BEGINNING = 10_000
"""Bytes of a file that is no JSON in which one looks for what it is instead."""
_YAML = re.compile(
    r"(?:[ \t]*(?:#[^\n]*)?\n)*(?:---(?:\s|$)|%YAML|[\"']?[A-Za-z_][\w .-]{0,80}[\"']?[ \t]*:(?:\s|$)|- )"
)
"""A beginning as YAML has it: comments, a document's mark, a key without braces, an item of a list."""
_SIZE = re.compile(r"[0-9]{1,5} ?[xX×*:] ?[0-9]{1,5}")
_LONGEST_NUMBER = 12
"""Characters of a wrong number that are repeated."""
_MOST_PROBLEMS = 10
_MOST_KEYS = 100
_MOST_ASSETS = 1_000


@helpful_calls
def load_step(
    source: str | os.PathLike[str] | bytes | Asset, *, workspace: RunContext[Any, Any] | None = None
) -> StepDefinition:
    """Import the step of a step file or of an image (a path, or the bytes), or of an asset.

    An image's step is taken, with its inputs, from the store of `workspace` if that has the image; else from
    what `asset.save(path, embed=True)` wrote into its file or beside it; else, its prompt and what else fits,
    from the “parameters” that AUTOMATIC1111 and others write. With `workspace`, assets can be opened where
    its store has their bytes. What was migrated, dropped or could not be taken is warned about and listed in
    `.changes`. Raises `DefinitionError`, which names the place, for everything else that is wrong.
    """
    store = workspace.store if workspace else None
    if isinstance(source, Asset):
        return _of_asset(source, store)
    path = None if isinstance(source, bytes) else _path(source)
    data = source if isinstance(source, bytes) else read(_path(source))
    if images.sniff(data) is not None:
        return _of_image(data, path, store)
    is_called_yaml = path is not None and path.suffix.lower() in (".yaml", ".yml")
    return _definition(parse(data, path, called_yaml=is_called_yaml), store)


@helpful_calls
def step_from(
    image: str | os.PathLike[str] | bytes | Asset, *, workspace: RunContext[Any, Any] | None = None
) -> ImageGenerationStep:
    """The step that made an image (an asset, a path, or the bytes), to be changed and run again.

    It is what `load_step(image, workspace=...).step` gives, from the same places and with the same errors.
    """
    return load_step(image, workspace=workspace).step


_P = ParamSpec("_P")


def _apart(load: Callable[_P, StepDefinition]) -> Callable[_P, StepDefinition]:
    """`load`, whose errors hold no other: what was refused may have a key, and an error that is sent to
    another process takes along the one that was being handled, `from None` or not."""

    @wraps(load)
    def loaded(*args: _P.args, **kwargs: _P.kwargs) -> StepDefinition:
        try:
            return load(*args, **kwargs)
        except DefinitionError as error:
            error.__context__ = None
            raise

    return loaded


@_apart
def _of_asset(asset: Asset, store: Store | None) -> StepDefinition:
    """The step of an asset: its own store knows it, or one that is given."""
    store, record = asset._store or store, asset.stored
    if store is None:
        raise DefinitionError(
            f"the store of {asset.file_name} is not available: pass the workspace that made it, workspace=..."
        )
    try:
        found = from_image.of_record(store.get(asset.id) if record is None else record, store)
    except StoreError as error:
        raise DefinitionError(str(error)) from None
    except InvalidStep as error:
        raise _from_invalid_step(error) from None
    if found is None:
        raise DefinitionError(f"the version that made {asset.file_name} kept no settings of its run")
    return found


@_apart
def _of_image(data: bytes, path: Path | None, store: Store | None) -> StepDefinition:
    if len(data) > images.LARGEST_FILE:
        raise DefinitionError(f"the image has more than {images.LARGEST_FILE:,} bytes")
    if store is not None:
        try:
            found = from_image.of_stored(hashlib.sha256(data).hexdigest(), store)
        except StoreError as error:
            raise DefinitionError(str(error)) from None
        except InvalidStep as error:
            raise _from_invalid_step(error) from None
        if found is not None:
            return found
    said, changes = from_image.document_of(data, path, searched=store is not None)
    return _definition(parse(said) if isinstance(said, bytes) else said, store, [*map(redacted, changes)])


def embedded_step(document: dict[str, Any]) -> StepDefinition:
    """The definition of a step file's document that stands in another file, which tells of `.changes` itself.
    Raises `DefinitionError`."""
    _check_size(document)
    return _definition(document, None, warn=False)


@_apart
def _definition(
    document: dict[str, Any], store: Store | None, changes_before: Sequence[str] = (), *, warn: bool = True
) -> StepDefinition:
    """The definition of a document, with a warning for each thing that was changed to read it."""
    with declared(document) as (document, changes):
        document, migrated = migrate(document)
        document = _DEFAULTS | {"exported_at": utc_now()} | document
        settings, dropped = _without_inapplicable(document.get("step"))
        changes = [*changes_before, *changes, *migrated, *dropped]
        try:
            parsed = StepDocument.model_validate(document)
        except ValidationError as error:
            raise as_definition_error(error) from None
        _check_output_settings(parsed.output)
        for change in changes if warn else ():
            user_warnings.warn(change, DefinitionWarning)
        try:
            step = ImageGenerationStep(**settings)
        except InvalidStep as error:
            raise _from_invalid_step(error) from None
    output = _with_bytes(parsed.output, parsed.provenance.uploads or (), store)
    return StepDefinition(parsed, step, output, tuple(changes))


def _path(source: object) -> Path:
    if isinstance(source, str) and source.lstrip()[:1] == "{":
        raise DefinitionError("this is a step file's text: pass its path, or its bytes (text.encode())")
    if not isinstance(source, str | os.PathLike):
        kind = type(source).__name__
        if isinstance(source, ImageGenerationStep):
            raise InvalidOption(f"source is of type {kind}: it is the step itself, and is used as it is")
        own = "its step is its .step, as in run.step; or " if hasattr(source, "step") else ""
        raise InvalidOption(
            f"source is of type {kind}: {own}pass a path to a step file or an image, or the bytes"
        )
    return user_path(source, DefinitionError)


def read(path: Path, largest: int = LARGEST_FILE) -> bytes:
    """The bytes of a file, of an image all and of others no more than show that they are too many."""
    try:
        if not path.is_file():
            raise DefinitionError(_no_file(path))
        with path.open("rb") as file:
            head = file.read(largest + 1)
            is_image = images.sniff(head) is not None
            return head + (file.read(images.LARGEST_FILE + 1 - len(head)) if is_image else b"")
    except OSError as error:
        reason = explain(error)
    raise DefinitionError(f"cannot read {path}: {reason}")


def _no_file(path: Path) -> str:
    if path.is_dir():
        return given_files.is_folder(path, _ENDINGS)
    return f"{path} is not a file" if path.exists() else given_files.missing(path, _ENDINGS)


def parse(
    data: bytes, path: Path | None = None, *, called_yaml: bool = False, largest: int = LARGEST_FILE
) -> dict[str, Any]:
    """The JSON object in the file at `path`. Raises `DefinitionError`, which says what it holds instead."""
    file = "the file" if path is None else str(path)
    if len(data) > largest:
        raise DefinitionError(f"{file} has more than {largest:,} bytes; none is that large")
    if data[:3] == codecs.BOM_UTF8 or data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise DefinitionError(f"{file} begins with a byte order mark: save it as UTF-8 without one")
    try:
        document = jiter.from_json(data, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        fault = error
    else:
        if not isinstance(document, dict):
            raise DefinitionError(
                f"{file} holds a JSON {type(document).__name__}, not an object: give a step file"
            )
        _check_size(document)
        for place, problem in find_unwritable(document):
            raise DefinitionError(problem, place=redacted(place))
        return document
    text = data[:_BEGINNING].decode(errors="replace")
    if re.search(r"^<{7} ", text, re.MULTILINE):
        raise DefinitionError(f"{file} holds a merge conflict: resolve it, or take one side whole")
    is_cassette = given_files.other_kind(data[:_BEGINNING])[0] == "a cassette"
    if not is_cassette and (called_yaml or _YAML.match(text.replace("\r", ""))):
        raise DefinitionError(f"{file} looks like YAML: a step file is JSON. Convert it to JSON")
    raise DefinitionError(f"{file} {_no_json(data, text, fault)}")


def _no_json(data: bytes, text: str, fault: ValueError) -> str:
    """What a file is that is no JSON, and what to do about it."""
    kind, taken_by = given_files.other_kind(data[:_BEGINNING])
    if kind == "empty":
        return "is empty: write it again, or take it from where it was kept"
    wrong = f"is not valid JSON ({place_and_reason(fault)})"
    if text.lstrip()[:1] in ("{", "["):
        if ends_too_early(fault):
            return f"{wrong}. Write it again, or take a whole copy"
        return f"{wrong}: mend it there, or just before, or write it again"
    if kind:
        return f"is {kind}, and no step file{f': {taken_by}' if taken_by else ''}"
    return f"is not valid JSON ({place_of(fault)}): give a step file, which is JSON, or an image"


def _check_size(document: dict[str, Any]) -> None:
    """Refuse documents with far too many entries: to validate all of them takes long."""
    output = document.get("output")
    parts = {name: document.get(name) for name in ("step", "generator", "output", "provenance")}
    parts["output.settings"] = output.get("settings") if isinstance(output, dict) else None
    for place, part in {"": document, **parts}.items():
        if isinstance(part, dict) and len(part) > _MOST_KEYS:
            raise DefinitionError(f"has {len(part):,} keys; no step file has that many there", place=place)
    assets = output.get("assets") if isinstance(output, dict) else output
    if isinstance(assets, list) and len(assets) > _MOST_ASSETS:
        raise DefinitionError(f"has {len(assets):,} items; no step makes that many", place="output.assets")


def _without_inapplicable(step: object) -> tuple[dict[str, Any], list[str]]:
    """The step's settings without those that do not apply to its model, and a sentence for each one dropped.

    An editor that only hides or disables its controls leaves such values behind.
    """
    if not isinstance(step, dict):
        raise DefinitionError("is missing or not an object", place="step")
    settings = dict(step)
    dropped: list[str] = []
    while True:
        problems = ImageGenerationStep.problems(settings)
        inapplicable = [problem for problem in problems if problem.code == "not-applicable"]
        if not inapplicable:
            return settings, dropped
        dropped += [f"step.{problem.field} was dropped: {_message(problem)}" for problem in inapplicable]
        for problem in inapplicable:
            settings.pop(problem.field, None)


def _check_output_settings(output: StepOutput | None) -> None:
    """Refuse settings that the output's model does not have; where that is unknown, those no model has."""
    if output is None:
        return
    entry = catalog.find(output.settings.model)
    entries = catalog.models() if entry is None else (entry,)
    known = {key for entry in entries for key in entry.model.output_settings}
    for key in output.settings.model_extra or {}:
        if key not in known:
            raise DefinitionError("unknown key", place=redacted(f"output.settings.{key}", 80))


def _with_bytes(
    output: StepOutput | None, uploads: Sequence[Upload], store: Store | None
) -> StepOutput | None:
    """The output with assets that can be opened, where `store` has their bytes by the ids they have there."""
    if output is None or store is None:
        return output
    local = {upload.asset_id: upload.local_id for upload in uploads}
    assets = tuple(_attach(asset, local.get(asset.id, asset.id), store) for asset in output.assets)
    return output.model_copy(update={"assets": assets})


def _attach(asset: Asset, local_id: str, store: Store) -> Asset:
    try:
        return asset.attached(store.get(local_id), store)
    except StoreError:  # unknown there, or the store cannot be read: the record is still good
        return asset


def _in_a_file(problem: Problem) -> str:
    """What to do in a file: it declares a model that is not known in another way than Python does."""
    if not validation.is_unknown_model(problem):
        return problem.remedy
    remedy = validation.outside_python(InvalidStep((problem,))).problems[0].remedy
    nearest = catalog.find(catalog.nearest(problem.value))
    if nearest is None or not catalog.can_be_declared(problem.value):
        return remedy
    like = catalog.origin(nearest.model) or nearest.model.name
    return f'{remedy}; declare a newer one in a step file, beside "step": "declaration": {{"like": "{like}"}}'


def _message(problem: Problem) -> str:
    """What is wrong, with the value where that is a number or a size: any other text may be a key."""
    value, shown = problem.value, ""
    if problem.code != "unknown-field" and (
        isinstance(value, int | float) or (isinstance(value, str) and _SIZE.fullmatch(value))
    ):
        text = value if isinstance(value, str) else json.dumps(value)
        shown = f" ({redacted(text, _LONGEST_NUMBER)})"
    return f"{problem.message}{shown}"


def _from_invalid_step(error: InvalidStep) -> DefinitionError:
    """The first problem with its place, the others after it."""
    messages = [f"{_message(p)}. {_in_a_file(p)}" for p in error.problems[:_MOST_PROBLEMS]]
    places = [redacted(f"step.{p.field}", 80) for p in error.problems[:_MOST_PROBLEMS]]
    more = "".join(f"\n{place}: {message}" for place, message in zip(places[1:], messages[1:], strict=True))
    if len(error.problems) > _MOST_PROBLEMS:
        more += f"\nand {len(error.problems) - _MOST_PROBLEMS} more"
    return DefinitionError(f"{messages[0]}{more}", place=places[0])
