"""`push`: a step file's images become assets on the platform, and the file says which ones.

The file is the journal. It is written before each upload, which it names as begun, and after it, with the
platform's record. So a push that is cut off goes on with what is missing, and an upload whose answer was lost
is looked for in the platform's list before anything is sent again.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from imagegen_nb.core import images, redaction
from imagegen_nb.core.addresses import host_name, is_loopback
from imagegen_nb.core.atomic_files import user_path
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.errors import (
    AssetNotFound,
    DefinitionError,
    ImageRejected,
    InvalidOption,
    InvalidResponse,
    ProviderError,
    StoreError,
)
from imagegen_nb.platform.client import (
    EMULATOR,
    EMULATOR_HOST,
    PLATFORM,
    File,
    PlatformClient,
    address,
    emulated_workspace,
    is_undecided,
    path_of,
)
from imagegen_nb.platform.push_report import Outcome, Pushed, PushReport
from imagegen_nb.step.output import Asset
from imagegen_nb.step_file import file_in_use
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.step_file.kept_uploads import EMULATED_NOTE, NO_SIGNATURE_NOTE
from imagegen_nb.step_file.load import load_step, read
from imagegen_nb.step_file.provenance import Upload
from imagegen_nb.store.base import AssetRecord, Store
from imagegen_nb.store.open_store import open_store

_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Image:
    """An image of the file whose bytes are proven to be those the file names."""

    index: int
    local: AssetRecord
    data: bytes = field(repr=False)

    @property
    def file(self) -> File:
        return File(self.local.file_name, self.data, self.local.file_type)


@helpful_calls
def push(
    path: str | os.PathLike[str],
    *,
    workspace_id: str | None = None,
    store: Store | str | os.PathLike[str] = "assets",
    base_url: str | None = None,
    dry_run: bool = False,
    emulated_too: bool = False,
) -> PushReport:
    """Upload the images of a step file to the platform's workspace, and write their records into the file.

    The bytes come from `store`, and are sent only if they are whole images with the hashes that the file
    names. What is there already is not sent again; where its address has expired, the platform is asked for
    a new one. `dry_run` sends and writes nothing, and needs no key. Emulated images are refused unless
    `emulated_too`. `base_url="emulator"` pushes to an emulation on this machine, which needs neither a key
    nor a workspace's id; what it gives never counts as being on the platform.

    Raises `InvalidOption`, `DefinitionError` for the file, `StoreError` for bytes that are not at hand,
    `MissingCredential`, and a `ProviderError` for what the platform or the way there says. A file that is
    being pushed is refused as well: what both send would be there twice.
    """
    given: object = path
    if any(hasattr(given, name) for name in ("settings", "output", "steps")):  # in no file
        raise InvalidOption(
            f"path is of type {type(given).__name__}: give the step file of a run, which is written to: "
            'ig.save_step("hero.step.json", step, run=run), then push("hero.step.json")'
        )
    target = user_path(path, DefinitionError)
    if dry_run:
        return _push(target, workspace_id, store, base_url, dry_run, emulated_too)
    with file_in_use.held(target):
        return _push(target, workspace_id, store, base_url, dry_run, emulated_too)


def _push(
    target: Path,
    workspace_id: str | None,
    store: Store | str | os.PathLike[str],
    base_url: str | None,
    dry_run: bool,
    emulated_too: bool,
) -> PushReport:
    is_emulated = base_url == EMULATOR
    host = EMULATOR_HOST if is_emulated else host_name(address(base_url))  # a slip here has other symptoms
    definition = _definition(target)
    workspace = _emulated_workspace(workspace_id) if is_emulated else _workspace(workspace_id)
    if not isinstance(store, Store):
        store = open_store(store)
    chosen = _images(definition, store)
    if not emulated_too and not is_emulated:
        _refuse_emulated(definition, chosen)
    if dry_run:
        told = tuple(_planned(definition, image, workspace) for image in chosen)
        return PushReport(target, host, workspace, told)
    client = PlatformClient(base_url)
    journal = _Journal(target, definition, workspace, client)
    return PushReport(target, client.host, workspace, tuple(journal.push(image) for image in chosen))


def _definition(target: Path) -> StepDefinition:
    if images.sniff(read(target)) is not None:
        raise DefinitionError(
            f"{target.name} is an image: give the step file of its run, which is written to"
        )
    definition = load_step(target)
    if definition.output is None or not definition.output.assets:
        raise DefinitionError(
            f"{target.name} has no images: export the step with its run, save_step(path, step, run=run)"
        )
    return definition


def _workspace(workspace_id: str | None) -> str:
    """The id as the platform has it. It becomes part of an address."""
    try:
        return str(uuid.UUID(workspace_id))
    except (ValueError, AttributeError, TypeError):
        pass
    if not workspace_id:
        raise InvalidOption(
            "workspace_id (--workspace-id) is missing: give the id that the workspace has on Fetch Hive, "
            'or push without one to the emulator: base_url="emulator" (--base-url emulator)'
        )
    raise InvalidOption(
        "workspace_id is not a UUID, such as 38400000-8cf0-11bd-b23e-10b96e4ef00d: give the id that the "
        "workspace has on Fetch Hive"
    )


def _emulated_workspace(workspace_id: str | None) -> str:
    """The emulator's only workspace, which is nobody's: what was pushed there is pushed anew elsewhere."""
    own = emulated_workspace()
    if workspace_id not in (None, own):
        raise InvalidOption("the emulator has a workspace of its own only: leave workspace_id out")
    return own


def _images(definition: StepDefinition, store: Store) -> list[_Image]:
    """The file's images, all of them before any is sent."""
    assert definition.output is not None
    local = {upload.asset_id: upload for upload in definition.provenance.uploads or ()}
    found = []
    for index, asset in enumerate(definition.output.assets):
        upload = local.get(asset.id)
        sha256 = upload.sha256 if upload else (definition.provenance.sha256 or {}).get(asset.id)
        place = f"output.assets.{index}"
        if sha256 is None:
            raise DefinitionError(
                "the file does not say which bytes it is: export the run again", place=place
            )
        record, data = _stored(store, upload.local_id if upload else asset.id)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(
                f"{place}: the store's bytes are not those that the file names; nothing was sent"
            )
        try:
            images.check(data)
        except ImageRejected as error:
            raise StoreError(f"{place}: {error}; nothing was sent") from None
        found.append(_Image(index, record, data))
    return found


def _stored(store: Store, asset_id: str) -> tuple[AssetRecord, bytes]:
    """The record and the bytes of an image, where the store has them."""
    problem = ""
    try:
        record = store.get(asset_id)
    except AssetNotFound as error:
        problem = f"{error}: give the store that the file's run was made in, store=… (--store FOLDER)"
    else:
        try:
            with store.open(asset_id) as file:
                return record, file.read(images.LARGEST_FILE + 1)
        except AssetNotFound as error:
            problem = (
                f"{error}. imagegen-nb store check says what else is missing; run the step again, or give a "
                "copy of the store that has the image, store=… (--store FOLDER)"
            )
    raise AssetNotFound(problem)


def _refuse_emulated(definition: StepDefinition, chosen: Sequence[_Image]) -> None:
    backend = definition.provenance.backend
    if backend in ("emulator", "simulation") or any(image.local.emulated for image in chosen):
        raise InvalidOption(
            "these images were made by an emulator: on Fetch Hive they would only be placeholders. Run the "
            "step with a provider, or ask for it: emulated_too=True (--emulated-too)"
        )


def _planned(definition: StepDefinition, image: _Image, workspace: str) -> Pushed:
    assert definition.output is not None
    asset = definition.output.assets[image.index]
    is_there = _upload_of(definition, asset, workspace) is not None and not _has_expired(asset)
    return _pushed(image, "there already" if is_there else "would be sent")


def _upload_of(definition: StepDefinition, asset: Asset, workspace: str) -> Upload | None:
    """The upload that this record came of, in this workspace."""
    for upload in definition.provenance.uploads or ():
        if upload.asset_id == asset.id and upload.workspace_id == workspace:
            return upload
    return None


def _pushed(image: _Image, outcome: Outcome, asset: Asset | None = None) -> Pushed:
    sha256 = hashlib.sha256(image.data).hexdigest()
    return Pushed(image.index, image.local.file_name, len(image.data), sha256, outcome, asset)


class _Journal:
    """The file while images are pushed: each change is written before anything else is asked."""

    def __init__(
        self, path: Path, definition: StepDefinition, workspace: str, client: PlatformClient
    ) -> None:
        self.path, self.definition, self.workspace, self.client = path, definition, workspace, client
        self.address = path_of("public", "workspaces", workspace, "assets")
        self._listed: list[Asset] | None = None

    def push(self, image: _Image) -> Pushed:
        """See to it that one image is there, and that the file says so."""
        asset = self._asset(image)
        upload = _upload_of(self.definition, asset, self.workspace)
        if upload is not None:
            if not _has_expired(asset):
                return _pushed(image, "there already", asset)
            fresh = next((one for one in self._list() if one.id == asset.id and not _has_expired(one)), None)
            if fresh is not None:
                return self._keep(image, upload, fresh, "refreshed")
        begun = self._begun(image)
        if begun is not None and (lost := self._find_lost(image, begun)) is not None:
            return self._keep(image, begun, lost, "found")
        return self._send(image, begun)

    def _asset(self, image: _Image) -> Asset:
        assert self.definition.output is not None
        return self.definition.output.assets[image.index]

    def _begun(self, image: _Image) -> Upload | None:
        """The upload of this image whose outcome nobody knows."""
        uploads = self.definition.provenance.uploads or ()
        open_ones = (one for one in uploads if one.asset_id is None and one.workspace_id == self.workspace)
        return next((one for one in open_ones if one.local_id == image.local.id), None)

    def _send(self, image: _Image, begun: Upload | None) -> Pushed:
        upload = Upload(
            sha256=hashlib.sha256(image.data).hexdigest(),
            local_id=image.local.id,
            local_url=image.local.file_url,
            workspace_id=self.workspace,
            started_at=utc_now(),
        )
        self._write([*self._others(begun), upload])
        try:
            answer = self.client.post(self.address, file=image.file)
            asset = _record(answer.get("asset", answer) if isinstance(answer, dict) else None, image)
        except ProviderError as error:
            if not is_undecided(error):  # it is surely not there: the next push need not look for it
                self._write(self._others(upload))
            raise
        return self._keep(image, upload, asset, "uploaded")

    def _keep(self, image: _Image, upload: Upload, asset: Asset, outcome: Outcome) -> Pushed:
        """Write the platform's record in the place of the local one."""
        done = upload.model_copy(update={"asset_id": asset.id})
        was = self._asset(image).id
        others = [one for one in self._others(upload) if one.asset_id is None or one.asset_id != was]
        self._write([*others, done], image, asset)
        return _pushed(image, outcome, asset)

    def _others(self, upload: Upload | None) -> list[Upload]:
        return [one for one in self.definition.provenance.uploads or () if one != upload]

    def _write(
        self, uploads: Sequence[Upload], image: _Image | None = None, asset: Asset | None = None
    ) -> None:
        definition = self.definition
        output, provenance = definition.output, definition.provenance
        assert output is not None
        changes: dict[str, Any] = {"uploads": list(uploads) or None}
        if image is not None and asset is not None:
            written, is_signed = _unsigned(asset)
            records = list(output.assets)
            old, records[image.index] = records[image.index].id, written
            output = output.model_copy(update={"assets": tuple(records)})
            hashes = {key: value for key, value in (provenance.sha256 or {}).items() if key != old}
            changes["sha256"] = {**hashes, asset.id: hashlib.sha256(image.data).hexdigest()}
            notes = [note for note in provenance.notes or () if note != EMULATED_NOTE]
            notes += [NO_SIGNATURE_NOTE] if is_signed else []
            notes += [EMULATED_NOTE] if self.client.emulator else []
            changes["notes"] = list(dict.fromkeys(notes)) or None
        document = definition.document.model_copy(
            update={"provenance": provenance.model_copy(update=changes)}
        )
        self.definition = StepDefinition(document, definition.step, output, definition.changes)
        self.definition.write_to(self.path)

    def _list(self) -> list[Asset]:
        """The workspace's assets, asked for once; what is no record is passed over."""
        if self._listed is None:
            answer = self.client.get(self.address)
            records = answer.get("assets") if isinstance(answer, dict) else None
            if not isinstance(records, list):
                raise InvalidResponse("the answer holds no list of assets", provider=PLATFORM)
            found = (_asset_or_none(record) for record in records)
            self._listed = [asset for asset in found if asset is not None]
        return self._listed

    def _find_lost(self, image: _Image, begun: Upload) -> Asset | None:
        """The asset that an upload without an answer became: the newest of this name and size since then.

        A guess: the platform tells no hash. Another that was uploaded under the same name, with as many
        bytes, at the same time would be taken for it; those that the file knows are not.
        """
        taken = {upload.asset_id for upload in self.definition.provenance.uploads or ()}
        since = datetime.fromisoformat(begun.started_at) - _CLOCKS_DIFFER
        found = [
            (uploaded, asset.id, asset)
            for asset in self._list()
            if asset.id not in taken
            and (asset.file_name, asset.file_size) == (image.local.file_name, len(image.data))
            and (uploaded := _time(asset, "uploaded_at")) is not None
            and uploaded >= since
        ]
        return max(found)[2] if found else None


def _time(asset: Asset, key: str) -> datetime | None:
    value = (asset.model_extra or {}).get(key)
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _has_expired(asset: Asset) -> bool:
    expires = _time(asset, "file_url_expires_at")
    return expires is not None and expires <= datetime.now(UTC)


def _record(said: object, image: _Image) -> Asset:
    """The platform's record of an image that was just sent; what it leaves out is known of the image."""
    known = {"file_type": image.local.file_type, "file_size": len(image.data)}
    stated = (
        {key: value for key, value in said.items() if value is not None} if isinstance(said, dict) else {}
    )
    asset = _asset_or_none(known | stated)
    if asset is None:
        raise InvalidResponse(
            "the answer holds no asset with id, file_name and a file_url on the web; the image may be there",
            provider=PLATFORM,
        )
    if asset.file_size != len(image.data):
        raise InvalidResponse(
            f"the platform says that {asset.file_size:,} of {len(image.data):,} bytes arrived",
            provider=PLATFORM,
        )
    if trouble := (asset.model_extra or {}).get("error_message"):
        raise InvalidResponse(
            f"the platform took the file and says: {redaction.redact(str(trouble), limit=200)}",
            provider=PLATFORM,
        )
    return asset


def _asset_or_none(record: object) -> Asset | None:
    if not isinstance(record, Mapping):
        return None
    try:
        asset = Asset(**{"file_type": "", "file_size": 0, **record})
    except (TypeError, ValidationError):
        return None
    url = asset.file_url
    is_on_the_web = urlsplit(url).scheme == "https" or (urlsplit(url).scheme == "http" and is_loopback(url))
    return asset if is_on_the_web and re.fullmatch(r"[A-Za-z0-9._-]{1,100}", asset.id) else None


def _unsigned(asset: Asset) -> tuple[Asset, bool]:
    """The record as it may be written, and whether its address lost a signature: who has one can open it.

    How the platform signs is not documented: whatever follows the `?` of an address that expires is taken
    for a part of it.
    """
    expires = bool(urlsplit(asset.file_url).query and _time(asset, "file_url_expires_at"))
    if not expires and redaction.find(asset.file_url) is None:
        return asset, False
    bare = urlunsplit(urlsplit(asset.file_url)._replace(query="", fragment=""))
    return asset.model_copy(update={"file_url": bare}), True
