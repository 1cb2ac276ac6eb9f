"""What an older step file knows of the platform is kept by the one that replaces it, for the same images.

Without it the platform would have each image twice after the next push.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from imagegen_nb.step.output import Asset, StepOutput
from imagegen_nb.step_file import replaced_file
from imagegen_nb.step_file.provenance import Provenance, Upload

NO_SIGNATURE_NOTE = (
    "the platform's file_url addresses were signed for a while; they stand here without their signatures, "
    "and open on the platform, where paths give them anew"
)
EMULATED_NOTE = (
    "the assets' ids and addresses are those of an emulation of the platform: they lead nowhere, and the "
    "images are on no platform"
)


def of(
    output: StepOutput, provenance: Provenance, target: Path, largest: int
) -> tuple[StepOutput, Provenance]:
    """The output, and where it came from, with the platform's records of those images that the file at
    `target` says were uploaded: those with the same hash. `largest` is in bytes.

    What the output has of the platform itself, as one that was imported after a push, stays as it is.
    """
    older = _older(target, largest)
    if older is None:
        return output, provenance
    records = {asset.id: asset for asset in older[0].assets}
    left = [one for one in older[1].uploads or () if one.asset_id is None or one.asset_id in records]
    own = list(provenance.uploads or ())
    known = provenance.sha256 or {}
    assets: list[Asset] = []
    hashes: dict[str, str] = {}
    kept: list[Upload] = []
    for asset in output.assets:
        record, sha256 = asset, known.get(asset.id)
        is_there = any(upload.asset_id == asset.id for upload in own)
        for upload in () if is_there else _first_of_each_kind(left, sha256):
            left.remove(upload)
            kept.append(upload.model_copy(update={"local_id": asset.id, "local_url": asset.file_url}))
            record = record if upload.asset_id is None else records[upload.asset_id]
        assets.append(record)
        if sha256 is not None:
            hashes[record.id] = sha256
    if not kept:
        return output, provenance
    found = {upload.sha256 for upload in kept}
    # What was begun when the output was imported may have ended since.
    uploads = [one for one in own if one.asset_id is not None or one.sha256 not in found] + kept
    notes = list(provenance.notes or ())
    if any(upload.asset_id for upload in kept):
        added = [note for note in older[1].notes or () if note in (NO_SIGNATURE_NOTE, EMULATED_NOTE)]
        notes += [note for note in added if note not in notes]
    changes = {"uploads": uploads, "sha256": hashes, "notes": notes or None}
    return (
        output.model_copy(update={"assets": tuple(assets)}),
        provenance.model_copy(update=changes),
    )


def _first_of_each_kind(uploads: list[Upload], sha256: str | None) -> list[Upload]:
    """Of these bytes, one upload that is there, and one whose outcome nobody knows."""
    same = [upload for upload in uploads if upload.sha256 == sha256]
    done = [upload for upload in same if upload.asset_id is not None]
    begun = [upload for upload in same if upload.asset_id is None]
    return [*done[:1], *begun[:1]]


def _older(target: Path, largest: int) -> tuple[StepOutput, Provenance] | None:
    """What the file at `target` has of an output and where it came from, if it has both as they should be."""
    document = replaced_file.document_in(target, largest) or {}
    try:
        return (
            StepOutput.model_validate(document.get("output")),
            Provenance.model_validate(document.get("provenance")),
        )
    except ValidationError:
        return None
