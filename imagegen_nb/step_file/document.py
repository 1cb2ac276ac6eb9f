"""The step file: one versioned JSON document for a validated step, its inputs and its output.

The platform has no public importer; this is the toolkit's own format, in the platform's keys. Only an
allow-list is written: settings, plain inputs, the platform's output object, and facts about the run.
Whatever looks like a key is refused.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imagegen_nb._version import __version__
from imagegen_nb.core import html_repr, redaction
from imagegen_nb.core.atomic_files import explain_writing, user_path, write_durably
from imagegen_nb.core.json_walk import walk
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.types import backend_mark
from imagegen_nb.core.words import counted
from imagegen_nb.errors import DefinitionError, SecretFound
from imagegen_nb.providers import catalog
from imagegen_nb.step import schema
from imagegen_nb.step.output import DEFAULT_IDENTIFIER, StepOutput
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file import file_in_use, kept_uploads, replaced_file
from imagegen_nb.step_file.provenance import Provenance
from imagegen_nb.store import relocation

LARGEST_FILE = 1_000_000
"""Bytes of a step file; a real one has a few thousand."""
ABOUT = "imagegen-nb's own format, in the platform's keys; the platform has no public importer"

_MESSAGES = {
    "dict_type": "is not an object",
    "extra_forbidden": "unknown key",
    "int_type": "is not a whole number",
    "list_type": "is not an array",
    "missing": "is missing",
    "model_type": "is not an object",
    "string_pattern_mismatch": "is not a name: use letters, digits and _",
    "string_type": "is not text",
    "tuple_type": "is not an array",
}
"""Plain words for pydantic's commonest error types."""
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Generator(BaseModel):
    """What wrote the file."""

    model_config = _STRICT

    name: str = "imagegen-nb"
    version: str = __version__
    about: str = ABOUT


class Declaration(BaseModel):
    """That the step's model is a user's declaration: one that is set and asked for as `like` is."""

    model_config = _STRICT

    like: str = Field(max_length=100)


class StepDocument(BaseModel):
    """The document as it stands in a file; `step` has the platform's keys, `output` its object.

    `declaration` stands only in files whose model the catalog did not know.
    """

    model_config = _STRICT

    format: Literal["imagegen-nb/step"]
    version: Literal[2]
    exported_at: str = Field(max_length=40)
    generator: Generator
    declaration: Declaration | None = None
    step: dict[str, Any]
    inputs: dict[str, Any]
    output: StepOutput | None
    provenance: Provenance


@helpful_calls
@dataclass(frozen=True, slots=True, repr=False)
class StepDefinition:
    """A step with its inputs, output and provenance, as exported and imported.

    Like a run, it can fill a later prompt: `{"step_2": definition}`. `changes` says what an import had to
    migrate or drop.
    """

    document: StepDocument
    step: ImageGenerationStep
    output: StepOutput | None
    changes: tuple[str, ...] = field(default=(), compare=False)

    if not TYPE_CHECKING:  # a checker would take every name for one that a definition has

        def __getattr__(self, name: str) -> Any:
            of_step = not name.startswith("_") and hasattr(ImageGenerationStep, name)
            hint = f": write definition.step.{name}" if of_step or name in ImageGenerationStep.kinds() else ""
            raise AttributeError(f"a loaded step file has no {name}{hint}", name=name, obj=self)

    @property
    def inputs(self) -> dict[str, Any]:
        """The plain data that filled the prompt."""
        return self.document.inputs

    @property
    def provenance(self) -> Provenance:
        """Where the output came from."""
        return self.document.provenance

    @property
    def identifier(self) -> str | None:
        """The name by which later steps refer to the output."""
        return self.document.provenance.identifier

    def as_context(self) -> dict[str, Any]:
        """What a later prompt's paths walk through; `{}` where nothing was exported with the step."""
        return {} if self.output is None else {"output": self.output.as_context()}

    def _title(self) -> str:
        name = f"“{self.step.name}” · " if self.step.name else ""
        count = len(self.output.assets) if self.output else 0
        content = "no output" if self.output is None else counted(count, "image")
        mark = backend_mark(self.provenance.backend)
        return f"Step file · {name}{self.step.model} · {content}{mark}"

    def _tiles(self) -> list[html_repr.Tile]:
        prefix = f"{self.identifier or DEFAULT_IDENTIFIER}.output"
        return [] if self.output is None else list(self.output.tiles(prefix, self.step.prompt[:250]))

    def __repr__(self) -> str:
        return html_repr.text(self._title(), self.changes, self._tiles())

    def _repr_html_(self) -> str:
        return html_repr.html(self._title(), self.changes, self._tiles())

    def as_document(self) -> dict[str, Any]:
        """The JSON object that stands in the file."""
        document = {
            "format": self.document.format,
            "version": self.document.version,
            "exported_at": self.document.exported_at,
            "generator": self.document.generator.model_dump(),
            "step": self.step.settings(),
            "inputs": self.inputs,
            "output": self.output and self.output.model_dump(mode="json"),
            "provenance": self.provenance.model_dump(exclude_none=True),
        }
        if self.document.declaration is not None:
            document["declaration"] = self.document.declaration.model_dump()
        return document

    def dump(self) -> bytes:
        """The file's bytes: UTF-8 JSON, the same for the same definition.

        Raises `DefinitionError`, and its kind `SecretFound` when the text holds a key.
        """
        return encoded(self.as_document())

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> SavedStep:
        """Write the file; an older one of the same step (of its settings or its name) is replaced. A name
        without an ending gets `.step.json`.

        What the older file knows of images on the platform is kept for those that are the same. Raises
        `DefinitionError`, also where something else is there, unless `overwrite`, and where the file is being
        pushed.
        """
        target = replaced_file.named(user_path(path, DefinitionError), "step")
        with file_in_use.held(target):  # what is read of it is what is replaced
            return self._with_uploads_of(target).write_to(target, overwrite=overwrite)

    def _with_uploads_of(self, target: Path) -> StepDefinition:
        if self.output is None:
            return self
        output, provenance = kept_uploads.of(self.output, self.provenance, target, LARGEST_FILE)
        document = self.document.model_copy(update={"provenance": provenance})
        return StepDefinition(document, self.step, output, self.changes)

    def write_to(self, target: Path, *, overwrite: bool = True) -> SavedStep:
        """Write just this, for who has the file alone already and knows what it holds."""
        data = self.dump()
        if not overwrite:
            replaced_file.check(target, self.step.settings(), LARGEST_FILE)
        write(target, data)
        return SavedStep(target, len(data), tuple(self.provenance.notes or ()))


@dataclass(frozen=True, slots=True)
class SavedStep:
    """A written step file; shows its name and what its reader should know."""

    path: Path
    size: int
    notes: tuple[str, ...]

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        # Without folder and size, which differ between machines (a file holds addresses with its folder's
        # name): notebooks that show this are compared as tests.
        notes = "".join(f"\n  note: {note}" for note in self.notes)
        return redaction.visible(f"saved {self.path.name}{notes}")


def definition_schema() -> dict[str, Any]:
    """The JSON Schema of the file, with the step's own schema inside."""
    body = StepDocument.model_json_schema(mode="validation")
    step = ImageGenerationStep.json_schema()
    step.pop("$schema")
    known = step["properties"]["model"].pop("enum")
    step["properties"]["model"] |= {"type": ["string", "null"], "examples": known[:-1]}
    body["properties"]["step"] = step
    body["if"] = {"properties": {"declaration": {"type": "object"}}, "required": ["declaration"]}
    body["else"] = {"properties": {"step": {"properties": {"model": {"enum": known}}}}}
    body["title"] = "imagegen-nb step file"
    body["description"] = ABOUT
    return {"$schema": schema.DIALECT, **body}


def encoded(document: dict[str, Any], largest: int = LARGEST_FILE) -> bytes:
    """A document as the bytes of its file.

    Raises `DefinitionError` where it cannot be written or would not be read back, and its kind `SecretFound`
    where it holds a key.
    """
    for place, problem in find_unwritable(document):
        raise DefinitionError(problem, place=redacted(place))
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    _refuse_secrets(document, text)
    data = text.encode("utf-8")
    if len(data) > largest:
        raise DefinitionError(
            f"the file would have {len(data):,} bytes, at most {largest:,} are read back. Shorten the inputs"
        )
    return data


def write(target: Path, data: bytes) -> None:
    """Put a file where it belongs, whole or not at all. Raises `DefinitionError`."""
    try:
        relocation.before_export(target)
        write_durably(target, data)
    except OSError as error:
        reason = explain_writing(error, target.parent)
    else:
        return
    raise DefinitionError(f"cannot write {target}: {reason}")


def find_unwritable(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Place and description of what no step file may hold: NUL, lone surrogates, NaN and infinities."""
    for node in walk(document):
        value = node.value
        if isinstance(value, float) and not math.isfinite(value):
            yield node.dotted, "is a number JSON cannot write"
        for text in (str(node.key), value) if isinstance(value, str) else (str(node.key),):
            if "\0" in text:
                yield node.dotted.replace("\0", "?"), "holds a NUL character"
            if _LONE_SURROGATE.search(text):
                yield node.dotted.encode(errors="replace").decode(), "holds a broken character"


def _refuse_secrets(document: dict[str, Any], text: str) -> None:
    if (secret := _first_secret(document, text)) is not None:
        place, kind = secret
        message = f"holds {kind}; nothing was written. Remove it: keys belong in environment variables"
        raise SecretFound(message, place=place)


def _first_secret(document: dict[str, Any], text: str) -> tuple[str, str] | None:
    """Place and kind of the first key. Each text is searched by itself, where no JSON escape hides a key, and
    the document as written, where a key could span several. The keys themselves stay in this frame."""
    known = catalog.keys_in_use()
    for node in walk(document):
        for text_or_name in (node.key, node.value):
            if isinstance(text_or_name, str) and (kind := redaction.find(text_or_name, known)):
                return redaction.redact(node.dotted, known, limit=100), kind
    kind = redaction.find(text, known)
    return ("", kind) if kind else None


def as_definition_error(error: ValidationError) -> DefinitionError:
    """The first problem, with its place; the values themselves are not repeated."""
    (place, message), *others = problems_of(error)
    more = f" (and {len(others)} more)" if others else ""
    return DefinitionError(f"{message}{more}", place=place)


def problems_of(error: ValidationError, messages: Mapping[str, str] = {}) -> list[tuple[str, str]]:
    """Each problem as its place and what it is; `messages` say it for pydantic's types of errors."""
    known = {**_MESSAGES, **messages}
    return [
        (redacted(".".join(map(str, found["loc"]))), known.get(found["type"], found["msg"]))
        for found in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def redacted(text: str, limit: int = 200) -> str:
    """Text out of a file, for a message: without keys in use and what looks like one."""
    return redaction.redact(text, catalog.keys_in_use(), limit=limit)
