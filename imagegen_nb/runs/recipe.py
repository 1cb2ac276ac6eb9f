"""What the ledger keeps of a run beside its cost: what was asked, and what came of it, as text without keys.

Text, because a list of a hundred thousand runs reads it and looks into few of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagegen_nb.core.html_repr import byte_size
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.redaction import storable, without_keys
from imagegen_nb.core.types import ImageRequest, ResponseMetadata
from imagegen_nb.errors import ImagegenError, ProviderError, VariableError
from imagegen_nb.step.step import ImageGenerationStep

if TYPE_CHECKING:
    from imagegen_nb.runs.run import Run

_LARGEST_INPUT = 65_536
_LARGEST_INPUTS = 262_144
"""Characters of one input, and of all: a ledger is no place for pictures in base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a run was asked, under the names of the ledger's entry."""

    prompt: str
    settings_json: str
    inputs_json: str
    call: str


def recipe(
    step: ImageGenerationStep, request: ImageRequest, inputs: Mapping[str, Any], keys: Iterable[str] = ()
) -> Recipe:
    """What `step` asks for with the plain `inputs` that fill its prompt; `keys` are masked wherever they
    stand."""
    keys = tuple(keys)
    return Recipe(
        prompt=storable(request.prompt, keys),
        settings_json=_text(without_keys(step.settings(), keys)),
        inputs_json=_text(_bounded(without_keys(inputs, keys))),
        call=call_of(request, keys),
    )


def call_of(request: ImageRequest, keys: Iterable[str] = ()) -> str:
    """A name that two requests share if they ask the same of the same model."""
    asked = {
        "model": request.model,
        "prompt": storable(request.prompt, tuple(keys)),
        "count": request.count,
        "settings": request.tracked_settings.unmarked(),
    }
    return hashlib.sha256(_text(asked).encode()).hexdigest()


def result_of(run: Run, returned: int, keys: Iterable[str] = ()) -> str:
    """What is to be remembered of a run beside its images, of which there are `returned`, as JSON."""
    output = run.output.model_dump(mode="json", exclude={"assets"})
    facts = {
        **output,
        "status": run.status,
        "returned": returned,
        "backend": run.backend,
        "paid_by": run.paid_by,
        "has_own_prices": bool(run.unpriced_account),
        "duration": round(run.duration, 3),
        "usage": run.usage.as_dict(),
        "receipts": [receipt(each) for each in run.receipts],
        "warnings": list(run.warnings),
        "missing": [[missing.count, missing.error.summary()] for missing in run.shortfalls],
        "identifier": run.identifier,
        "cassette": run.cassette,
        "replayed": run.replayed,
        "batch": None if run.batch is None else run.batch.as_dict(),
    }
    kept = {name: value for name, value in facts.items() if value not in (None, [], {}, False)}
    return _text(without_keys(kept, tuple(keys)))


def receipt(receipt: ResponseMetadata) -> dict[str, Any]:
    """What a provider said of one request: what a run cost is made out of it."""
    told = {
        "usage": receipt.usage.as_dict(),
        "request_id": receipt.request_id,
        "answered_by": receipt.answered_by,
        "echoed": dict(receipt.echoed),
        "reported": receipt.reported,
    }
    return {name: value for name, value in told.items() if value not in (None, {})}


def error_facts(error: ImagegenError) -> dict[str, Any]:
    """An error as the ledger keeps it, from which `stored_error` makes it again."""
    facts: dict[str, Any] = {"kind": error.kind, "message": str(error)}
    if isinstance(error, ProviderError):
        facts |= {"message": error.message, "provider": error.provider, "charge": error.charge}
        facts |= {"status": error.status, "code": error.code, "request_id": error.request_id}
    return {name: value for name, value in facts.items() if value is not None}


def _bounded(inputs: dict[str, Any]) -> dict[str, Any]:
    """`inputs`, with a remark in the place of each that is too large to be kept."""
    kept, total = dict[str, Any](), 0
    for name, value in inputs.items():
        size = len(_text(value))
        is_large = size > _LARGEST_INPUT or total + size > _LARGEST_INPUTS
        kept[name] = f"[too large to be kept: {byte_size(size)}]" if is_large else value
        total += 0 if is_large else size
    return kept


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=False, default=_as_plain, separators=(",", ":"))


def _as_plain(value: object) -> Any:
    """A value that JSON has no form for."""
    try:
        return plain(value)
    except VariableError:
        return str(value)
