"""Export: a step, and a run of it, as a step file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from imagegen_nb.core import user_warnings
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.variable_paths import check_identifier
from imagegen_nb.errors import DefinitionError, DefinitionWarning, InvalidOption, VariableError
from imagegen_nb.runs import local_addresses
from imagegen_nb.runs.run import Run
from imagegen_nb.step.provenance import FORMAT, VERSION
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.declarations import declaration_of, own_settings_note
from imagegen_nb.step_file.document import (
    Generator,
    SavedStep,
    StepDefinition,
    StepDocument,
    as_definition_error,
)
from imagegen_nb.step_file.provenance import Provenance


@helpful_calls
def save_step(
    path: str | os.PathLike[str],
    step: ImageGenerationStep,
    *,
    run: Run | None = None,
    identifier: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> SavedStep:
    """Export `step`, with `run`'s inputs and output where one is given; to `hero.step.json` where the path is
    `hero`.

    `identifier` is the name later steps use (`step_2`). The file is the toolkit's own format: the
    platform has no public importer. An older file of the same step (of its settings or its name) is replaced,
    anything else only with `overwrite`; what it knows of images on the platform is kept for those that are
    the same. Raises `DefinitionError`, also while the file is being pushed, and its kind `SecretFound` when
    the text holds a key.
    """
    if isinstance(step, StepDefinition):
        raise DefinitionError("this is a whole step file already: write it with definition.save(path)")
    defined = define(step, run=run, identifier=identifier, inputs=inputs)
    return defined.save(path, overwrite=overwrite)


def define(
    step: ImageGenerationStep,
    *,
    run: Run | None = None,
    identifier: str | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> StepDefinition:
    """The definition `save_step` writes."""
    if not isinstance(step, ImageGenerationStep):
        raise InvalidOption(f"step is of type {type(step).__name__}: write save_step(path, step, run=run)")
    if run is not None and not isinstance(run, Run):
        raise InvalidOption(
            f"run is of type {type(run).__name__}: pass what step.run() gave, or write an imported "
            "step file with definition.save(path)"
        )
    try:
        check_identifier(identifier)
    except InvalidOption as error:
        raise DefinitionError(str(error)) from None
    if run is not None and image_settings(run.step) != image_settings(step):
        raise DefinitionError(
            "the run was made with other settings than this step has. Run the step again, or export "
            "run.step, or leave run out"
        )
    if not step.entry.model.offered:
        message = (
            f"{step.model} is not offered by the platform's step: the exported step cannot be rebuilt there"
        )
        user_warnings.warn(message, DefinitionWarning)
    output = run.output if run else None
    try:
        plain_inputs = plain(inputs if inputs is not None else run.inputs if run else {})
        document = StepDocument(
            format=FORMAT,
            version=VERSION,
            exported_at=utc_now(),
            generator=Generator(),
            declaration=declaration_of(step),
            step=step.settings(),
            inputs=plain_inputs,
            output=None,
            provenance=_provenance(step, run, identifier),
        )
    except VariableError as error:
        raise DefinitionError(str(error), place="inputs") from None
    except ValidationError as error:
        raise as_definition_error(error) from None
    return StepDefinition(document, step, output)


def image_settings(step: ImageGenerationStep) -> dict[str, Any]:
    """The settings that shape a step's images. Only the others may differ between a run and its export."""
    return step.model_dump(exclude={"name", "charge_type", "on_failure"})


def _provenance(step: ImageGenerationStep, run: Run | None, identifier: str | None) -> Provenance:
    notes = [note for note in (step.declaration_note, own_settings_note(step)) if note]
    if run is None:
        return Provenance(identifier=identifier, notes=notes or None)
    assets = run.output.assets
    if run.backend == "live" and run.cassette is None:  # what a replay writes has to be the same
        notes.append(f"the run's cost by the provider's own account: {run.cost.short}")
    if run.emulated:
        how = "made up, and nothing was run" if run.simulated else "made by an emulator"
        notes.append(f"the images were {how}; no provider was called")
    if any(asset.file_url.startswith("file:") for asset in assets):
        notes.append(
            "file_url addresses are files on the machine that made them; other machines cannot open them"
        )
    if any(local_addresses.kinds(asset.file_url) == (local_addresses.BUCKET,) for asset in assets):
        notes.append("file_url addresses are objects in a bucket; they open with its credentials only")
    return Provenance(
        identifier=identifier or run.identifier,
        run_id=run.id,
        status=run.status,
        backend=run.backend,
        answered_by=run.answered_by,
        paid_by=run.paid_by,
        requested=run.requested,
        returned=run.returned,
        blocked=run.blocked,
        usage=run.usage.as_dict(),
        request_ids=list(run.request_ids),
        started_at=run.started_at,
        duration=round(run.duration, 3),
        sha256={asset.id: asset.stored.sha256 for asset in assets if asset.stored},
        notes=notes or None,
    )
