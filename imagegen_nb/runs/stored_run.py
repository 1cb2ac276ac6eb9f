"""Runs as the store remembers them: out of the ledger and the images' records, as `step.run` returned them.

What is not remembered is left out: inputs that were too large, and the kinds of errors of single images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from imagegen_nb.core.types import Backend, MissingImages, ResponseMetadata, Usage
from imagegen_nb.errors import ImagegenError, InvalidOption, InvalidResponse, ProviderError, StoreError
from imagegen_nb.runs.batch_ref import BatchRef
from imagegen_nb.runs.ledger import makes_images
from imagegen_nb.runs.run import Run, Status
from imagegen_nb.step.output import Asset, OutputError, StepOutput
from imagegen_nb.step.output_settings import OutputSettings
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import LedgerEntry, Store


def stored_step(entry: LedgerEntry) -> ImageGenerationStep:
    """The step of a run, its prompt with the variables. Raises `InvalidOption` for a run of a version that
    kept none, or of a question, and `InvalidStep` for a model that is not known here."""
    if not makes_images(entry):
        raise InvalidOption(
            f"run {entry.run_id}: {entry.model} was asked about an image and made none, so there is no step"
        )
    if not entry.settings_json:
        raise InvalidOption(
            f"run {entry.run_id}: the version that made it kept no settings; only its model, {entry.model}, "
            "is known"
        )
    return ImageGenerationStep(**read_object(entry.settings_json))


def stored_run(entry: LedgerEntry, store: Store) -> Run:
    """A run that has ended. Raises `InvalidOption` and `InvalidStep` as `stored_step`."""
    result = read_object(entry.result_json)
    step = stored_step(entry)
    replayed = bool(result.get("replayed"))
    assets = tuple(Asset.of(record, store, replayed=replayed) for record in store.list_records(entry.run_id))
    error = stored_error(entry)
    settings = {"model": entry.model, **(result.get("settings") or {})}
    return Run(
        id=entry.run_id,
        step=step,
        prompt=entry.prompt,
        inputs=read_object(entry.inputs_json),
        output=StepOutput(
            settings=OutputSettings(**settings),
            assets=assets,
            error=None if error is None else _output_error(result, entry, error, len(assets)),
        ),
        status=outcome_of(entry, len(assets)),
        requested=entry.count,
        backend=cast("Backend", result.get("backend") or ("emulator" if entry.emulated else "live")),
        cassette=result.get("cassette"),
        replayed=replayed,
        paid_by=result.get("paid_by", ""),
        unpriced_account=result.get("paid_by", "") if result.get("has_own_prices") else "",
        started_at=entry.started_at,
        duration=float(result.get("duration", 0.0)),
        receipts=tuple(_receipts(result)),
        shortfalls=tuple(_shortfalls(result, entry)),
        warnings=tuple(result.get("warnings", ())),
        error=error,
        identifier=result.get("identifier"),
        batch=BatchRef.of(result.get("batch")),
        usage=_usage(result.get("usage", {})),
    )


def outcome_of(entry: LedgerEntry, returned: int) -> Status:
    """How a run ended, as `Run.status` says it; one that was cut off counts as cancelled."""
    if entry.state == "done":
        return "done" if returned >= entry.count else "partial"
    return "failed" if entry.state == "failed" else "cancelled"


def stored_error(entry: LedgerEntry) -> ImagegenError | None:
    """Why a run failed, as an error of the kind it was; None where it did not fail, or none is known."""
    told = read_object(entry.result_json).get("error")
    if not isinstance(told, dict):
        return None
    kind = next((kind for kind in _kinds(ImagegenError) if kind.kind == told.get("kind")), ProviderError)
    message = str(told.get("message", ""))
    if issubclass(kind, ProviderError):
        names = ("status", "code", "request_id", "charge")
        facts = {name: told[name] for name in names if told.get(name) is not None}
        return kind(message, provider=told.get("provider") or entry.provider, **facts)
    return kind(message) if issubclass(kind, StoreError) else ImagegenError(message)


def read_object(text: str) -> dict[str, Any]:
    """A JSON object of the ledger; empty where there is none."""
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def _kinds(kind: type[ImagegenError]) -> Iterator[type[ImagegenError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)


def _output_error(
    result: dict[str, Any], entry: LedgerEntry, error: ImagegenError, returned: int
) -> OutputError:
    told = {key: value for key, value in result["error"].items() if key in OutputError.model_fields}
    counts = {"requested": entry.count, "returned": returned, "blocked": told.get("blocked", 0)}
    return OutputError(**{"kind": error.kind, "message": str(error), **told, **counts})


def _shortfalls(result: dict[str, Any], entry: LedgerEntry) -> Iterator[MissingImages]:
    for count, message in result.get("missing", ()):
        yield MissingImages(InvalidResponse(str(message), provider=entry.provider), int(count))


def _receipts(result: dict[str, Any]) -> Iterator[ResponseMetadata]:
    for told in result.get("receipts", ()):
        yield ResponseMetadata(
            usage=_usage(told.get("usage", {})),
            request_id=told.get("request_id"),
            answered_by=told.get("answered_by"),
            echoed=told.get("echoed", {}),
            reported=told.get("reported", {}),
        )


def _usage(told: dict[str, Any]) -> Usage:
    return Usage(
        input=told.get("input_tokens", {}),
        output=told.get("output_tokens", {}),
        total=told.get("total_tokens"),
        cost_in_usd_ticks=told.get("cost_in_usd_ticks"),
    )
