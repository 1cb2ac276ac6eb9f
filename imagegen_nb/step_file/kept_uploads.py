"""What an older step file knows of the platform is kept by the one that replaces it, for the same images.

Without it the platform would have each image twice after the next push.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from imagegen_nb.core.atomic_files import user_path
from imagegen_nb.errors import DefinitionError
from imagegen_nb.step.output import Asset, StepOutput
from imagegen_nb.step_file import file_in_use, replaced_file
from imagegen_nb.step_file.document import LARGEST_FILE, Provenance, SavedStep, StepDefinition, Upload

NO_SIGNATURE_NOTE = (
    "the platform's file_url addresses were signed for a while; they stand here without their signatures, "
    "and open on the platform, where paths give them anew"
)
EMULATED_NOTE = (
    "the assets' ids and addresses are those of an emulation of the platform: they lead nowhere, and the "
    "images are on no platform"
)


def save_with_uploads(
    definition: StepDefinition, path: str | os.PathLike[str], *, overwrite: bool
) -> SavedStep:
    """`definition.save`, with the platform's records of those images that the file that it replaces says were
    uploaded: those with the same hash. A file that says no such thing changes nothing."""
    target = replaced_file.named(user_path(path, DefinitionError), "step")
    with file_in_use.held(target):  # what is read of it is what is replaced
        return _with_uploads_of(definition, target).write_to(target, overwrite=overwrite)


def _with_uploads_of(definition: StepDefinition, target: Path) -> StepDefinition:
    older = _older(target)
    if older is None or definition.output is None:
        return definition
    output, provenance = older
    records = {asset.id: asset for asset in output.assets}
    left = [one for one in provenance.uploads or () if one.asset_id is None or one.asset_id in records]
    known = definition.provenance.sha256 or {}
    assets: list[Asset] = []
    hashes: dict[str, str] = {}
    kept: list[Upload] = []
    for asset in definition.output.assets:
        record, sha256 = asset, known.get(asset.id)
        for upload in _first_of_each_kind(left, sha256):
            left.remove(upload)
            kept.append(upload.model_copy(update={"local_id": asset.id, "local_url": asset.file_url}))
            record = record if upload.asset_id is None else records[upload.asset_id]
        assets.append(record)
        if sha256 is not None:
            hashes[record.id] = sha256
    if not kept:
        return definition
    notes = list(definition.provenance.notes or ())
    if any(upload.asset_id for upload in kept):
        notes += [note for note in provenance.notes or () if note in (NO_SIGNATURE_NOTE, EMULATED_NOTE)]
    changes = {"uploads": kept, "sha256": hashes, "notes": notes or None}
    return StepDefinition(
        definition.document.model_copy(
            update={"provenance": definition.provenance.model_copy(update=changes)}
        ),
        definition.step,
        definition.output.model_copy(update={"assets": tuple(assets)}),
        definition.changes,
    )


def _first_of_each_kind(uploads: list[Upload], sha256: str | None) -> list[Upload]:
    """Of these bytes, one upload that is there, and one whose outcome nobody knows."""
    same = [upload for upload in uploads if upload.sha256 == sha256]
    done = [upload for upload in same if upload.asset_id is not None]
    begun = [upload for upload in same if upload.asset_id is None]
    return [*done[:1], *begun[:1]]


def _older(target: Path) -> tuple[StepOutput, Provenance] | None:
    """What the file at `target` has of an output and where it came from, if it has both as they should be."""
    document = replaced_file.document_in(target, LARGEST_FILE) or {}
    try:
        return (
            StepOutput.model_validate(document.get("output")),
            Provenance.model_validate(document.get("provenance")),
        )
    except ValidationError:
        return None
