"""Runs without a provider: what the walk would have built, put together from its parts."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from imagegen_nb.core.filenames import file_name
from imagegen_nb.core.images import EXTENSIONS, check
from imagegen_nb.core.plain_data import plain
from imagegen_nb.errors import ImagegenError
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import Asset, OutputError, StepOutput
from imagegen_nb.step.output_settings import used_settings
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import Store
from support.images import picture


def stored_assets(
    store: Store, *files: bytes, label: str = "hero", run_id: str = "run-1"
) -> tuple[Asset, ...]:
    """The files put into `store`, as the output's records."""
    new = []
    for number, data in enumerate(files, 1):
        image = check(data)
        staged = store.stage(image, run_id=run_id, emulated=True)
        name = file_name(label, number, EXTENSIONS[image.media_type])
        new.append(replace(staged, file_name=name))
    return tuple(Asset.of(stored, store) for stored in store.put(new))


def output_of(
    step: ImageGenerationStep, assets: tuple[Asset, ...] = (), error: ImagegenError | None = None
) -> StepOutput:
    """The output of `step` with `assets`, or with `error`."""
    request = step.request(step.prompt)
    dict(request.settings)  # all of them are read, as a provider does
    told = (
        OutputError.of(error, requested=step.image_count, returned=len(assets), blocked=0) if error else None
    )
    return StepOutput(settings=used_settings(step, request, {}), assets=assets, error=told)


def run_of(
    step: ImageGenerationStep,
    store: Store,
    *,
    inputs: dict[str, Any] | None = None,
    error: ImagegenError | None = None,
    identifier: str | None = None,
) -> Run:
    """A finished run of `step` whose images lie in `store`."""
    files = [] if error else [picture(size=(40 + number, 30)) for number in range(step.image_count)]
    run_id = str(uuid.uuid4())
    assets = stored_assets(store, *files, run_id=run_id)
    return Run(
        id=run_id,
        step=step,
        prompt=step.prompt,
        inputs=plain(inputs or {}),
        output=output_of(step, assets, error),
        status="failed" if error else "done",
        requested=step.image_count,
        backend="emulator",
        paid_by="nobody (emulator)",
        started_at="2026-11-21T09:00:00+00:00",
        duration=1.25,
        error=error,
        identifier=identifier,
    )
