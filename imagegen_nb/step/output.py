"""The step's output: `{settings, assets}` as the platform gives it to later steps."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from imagegen_nb.core import content_credentials, html_repr, images
from imagegen_nb.core.atomic_files import explain, explain_writing, user_path, write_durably
from imagegen_nb.core.filenames import image_ending_meant, kind_named
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.near_attributes import NearAttributes
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.words import counted
from imagegen_nb.errors import AssetNotFound, ImagegenError, InvalidOption, ProviderError, StoreError
from imagegen_nb.step import provenance
from imagegen_nb.step.output_settings import OPEN, OutputSettings
from imagegen_nb.store import thumbnails
from imagegen_nb.store.base import AssetRecord, Store

if TYPE_CHECKING:
    from PIL import Image

    from imagegen_nb.core.credentials_check import CredentialsReport

DEFAULT_IDENTIFIER = "step_1"
"""The name of a step that was given none, so that a path always names one."""
_LARGEST_NUMBER = 2**53 - 1
"""The largest whole number every reader of JSON understands."""
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
"""Of the files that an image can be saved as."""
_MOST_CREDENTIALS = 100_000
_credentials: dict[str, bool] = {}
"""Whether a file has content credentials, by its hash: it is asked wherever an image is shown."""


@helpful_calls
class Asset(NearAttributes, BaseModel):
    """An uploaded image's record: the platform's five keys; further ones are kept as they come.

    `file_size` is in bytes, `file_type` a MIME type, `file_url` a `file://` address for images kept
    locally. The methods give the bytes where the store that holds them is at hand.
    """

    model_config = OPEN

    id: str
    file_url: str
    file_name: str
    file_size: int = Field(ge=0, le=_LARGEST_NUMBER)
    file_type: str

    _store: Store | None = PrivateAttr(None)
    _stored: AssetRecord | None = PrivateAttr(None)
    _replayed: bool = PrivateAttr(False)

    @classmethod
    def of(cls, stored: AssetRecord, store: Store, *, replayed: bool = False) -> Asset:
        """The record of a stored image, with its bytes at hand."""
        record = cls(**{name: getattr(stored, name) for name in cls.model_fields})
        record._replayed = replayed
        return record.attached(stored, store)

    def attached(self, stored: AssetRecord, store: Store) -> Asset:
        """A copy whose bytes are found in `store`."""
        copy = self.model_copy()
        copy._store, copy._stored = store, stored
        return copy

    @property
    def stored(self) -> AssetRecord | None:
        """The store's record (SHA-256, pixels, run id, emulated); None for an imported asset."""
        return self._stored

    @property
    def replayed(self) -> bool:
        """Whether the run took it out of a cassette, so that the same run gives the same pixels."""
        return self._replayed

    def bytes(self) -> bytes:
        """The whole file. Raises `AssetNotFound` when its store is not at hand."""
        if self._store is None:
            raise AssetNotFound(
                f"the bytes of {self.file_name} are not available: this record was imported. "
                "Load it with the workspace that made it: load_step(path, workspace=ws)"
            )
        # An image that was sent to the platform has another id there than in its store.
        with self._store.open(self._stored.id if self._stored else self.id) as file:
            return file.read()

    @property
    def path(self) -> Path:
        """The file in the store, under its content's hash; `save` writes one under a readable name.

        Raises `AssetNotFound` where the image is not in a file on this machine, as in a bucket.
        """
        files = local_files([self])
        if not files:
            raise AssetNotFound(
                f"{self.file_name} is not in a file on this machine, but at {self.file_url}: save(path) "
                "writes one"
            )
        return files[0]

    def image(self) -> Image.Image:
        """The picture as a loaded Pillow image. Raises as `bytes` does."""
        return images.decode(self.bytes())

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False, embed: bool = False) -> Path:
        """Write the file to `path`; into a folder it goes under `file_name`. Returns where it is.

        A name that ends in `.png`, `.jpg`, `.jpeg` or `.webp` gets a file of that kind: an image of another
        is converted, unless that would lose something beside the precision of its pixels. One that promises
        what no image is, such as `.txt`, is refused, and so are other kinds of image (`.gif`) and slips
        (`.jpgg`); one without an ending, such as `lamp` and `lamp.v2`, gets the image's own.

        With `embed` the file also says which step made it, with its inputs, so that `load_step(path)` gives
        it back; that a model made it, in IPTC's words; and the line that image viewers and AUTOMATIC1111
        show. Its pixels stay as they are, and keys are masked. A file with content credentials is never
        changed, which would make them read as tampered with: the step stands in `<path>.step.json` then.

        A file that is there with the same bytes stays. Raises `StoreError` when something else is there
        (unless `overwrite`) or cannot be written, and with `embed` where the store does not know the step.
        """
        target = user_path(path, StoreError)
        if target.is_dir():
            target /= Path(self.file_name).name
        elif meant := image_ending_meant(target.name, _ENDINGS):
            raise StoreError(
                f"cannot save to {target}: {target.suffix} is no kind of image; did you mean "
                f"{target.with_suffix(meant).name}?"
            )
        elif not kind_named(target.name) and self.file_type in images.EXTENSIONS:
            target = target.with_name(f"{target.name}.{images.EXTENSIONS[self.file_type]}")
        files = self._files(target, embed=embed)
        reason = ""
        try:
            if not overwrite and (taken := _taken(files)):
                target, reason = taken, "another file is there; pass overwrite=True, or another name"
            else:
                for file, content in files.items():
                    write_durably(file, content)
        except OSError as error:
            reason = explain_writing(error, target.parent)
        if not reason:
            return target
        raise StoreError(f"cannot save to {target}: {reason}")

    def _files(self, target: Path, *, embed: bool) -> dict[Path, builtins.bytes]:
        """What to write where the file is to be at `target`."""
        data = self._as_named(target)
        return self._with_step(target, data) if embed else {target: data}

    def _as_named(self, target: Path) -> builtins.bytes:
        """The file's bytes, of the kind that the name says. Raises `StoreError` where that cannot be."""
        data, wanted = self.bytes(), kind_named(target.name)
        actual = images.sniff(data)
        if wanted in ("", actual):
            return data
        own_name = f"save it as {target.with_suffix('.' + images.EXTENSIONS[actual or self.file_type]).name}"
        if wanted not in images.EXTENSIONS:
            by_hand = ", or convert the picture yourself: asset.image().save(path)"
            raise StoreError(
                f"cannot save to {target}: it is {actual}, and can become PNG, JPEG or WebP; "
                f"{own_name}{by_hand if wanted.startswith('image/') else ''}"
            )
        converted = images.check(data, store_as=wanted)
        lost = [*converted.lost]
        if wanted == "image/jpeg" and images.shows_what_is_behind(data):
            lost.append("its transparency")
        if not lost:
            return converted.data
        raise StoreError(
            f"cannot save to {target}: as {wanted} the image would lose {', '.join(lost)}; {own_name}, or "
            "accept that: asset.image().save(path)"
        )

    def _with_step(self, target: Path, data: builtins.bytes) -> dict[Path, builtins.bytes]:
        """What to write so that the file says which step made it."""
        run = self._store.find_run(self._stored.run_id) if self._store and self._stored else None
        if run is None or self._stored is None or not run.settings_json:
            raise StoreError(
                f"{self.file_name} comes from a run whose step the store does not have: save it "
                "without embed=True"
            )
        return provenance.files(target, data, run, self._stored)

    def signed(self, expires_in: int = 3600) -> Asset:
        """A copy for others: its `file_url` is an https address that anybody can open for `expires_in`
        seconds (at most 7 days), until `file_url_expires_at`, an ISO 8601 time in UTC.

        Such an address is a secret, so that it stands nowhere but in this copy. Raises `StoreError` where the
        store signs no addresses, as a folder does not.
        """
        if type(expires_in) is not int or expires_in < 1:
            raise InvalidOption(f"expires_in = {expires_in!r}: give a whole number of seconds, 1 or more")
        if self._store is None or self._stored is None:
            raise StoreError(f"{self.file_name} was imported: only the store that has it can sign its URL")
        address = self._store.signed_address(self._stored, expires_in)
        if address is None:
            raise StoreError(f"{self.file_name} is in a store that cannot sign URLs; one in a bucket can")
        return self.model_copy(update={"file_url": address.url, "file_url_expires_at": address.expires_at})

    @property
    def has_content_credentials(self) -> bool | None:
        """Whether the file has content credentials (C2PA), which are not verified; None where its bytes are
        not at hand."""
        if self._store is None or self._stored is None:
            return None
        return _has_credentials(self._store, self._stored)

    def verify_content_credentials(
        self, *, trust_anchors: str | os.PathLike[str] | None = None
    ) -> CredentialsReport:
        """Whether the file is as it was signed, and by whom, by C2PA's own library (the extra `c2pa`). No
        server is asked. `trust_anchors` is a file of certificates (PEM) of who is trusted; without one an
        intact file is `valid`, whoever signed it.

        Raises as `bytes` does, and `InvalidOption` without the library, or for anchors that are not usable.
        """
        from imagegen_nb.core.credentials_check import verify

        return verify(self.bytes(), self.file_type, None if trust_anchors is None else _read(trust_anchors))

    def __eq__(self, other: object) -> bool:
        # A record is what it says; where its bytes are at hand does not matter.
        return isinstance(other, Asset) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return visible(f"<Asset {self.file_name} {'  '.join(self.facts())}>")

    __str__ = __repr__

    def as_context(self) -> dict[str, Any]:
        """The record as plain data, for a prompt that names it directly."""
        return self.model_dump(mode="json")

    def facts(self) -> list[str]:
        """What there is to say about the file, without anything that changes between equal runs."""
        stored = self._stored
        facts = [f"{stored.width}×{stored.height}"] if stored else []
        facts += [self.file_type.removeprefix("image/"), html_repr.byte_size(self.file_size)]
        facts += [content_credentials.PRESENT] if self.has_content_credentials else []
        return facts + ([f"sha256 {stored.sha256[:8]}"] if stored else [])


def taken_by_another(asset: Asset, target: Path, *, embed: bool) -> Path | None:
    """A file, of those that saving `asset` to `target` writes, in whose place another one is."""
    return _taken(asset._files(target, embed=embed))


def _taken(files: Mapping[Path, bytes]) -> Path | None:
    there = (path for path in files if path.exists())
    return next((path for path in there if not path.is_file() or path.read_bytes() != files[path]), None)


def _has_credentials(store: Store, stored: AssetRecord) -> bool | None:
    """Read from the file once, and then known by its hash."""
    if (known := _credentials.get(stored.sha256)) is not None:
        return known
    try:
        with store.open(stored.id) as file:
            found = content_credentials.are_in(file)
    except (ImagegenError, OSError):
        return None
    if len(_credentials) >= _MOST_CREDENTIALS:
        _credentials.clear()
    _credentials[stored.sha256] = found
    return found


def _read(path: str | os.PathLike[str]) -> str:
    try:
        return user_path(path, InvalidOption).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = explain(error) if isinstance(error, OSError) else "it is no text"
    raise InvalidOption(f"trust_anchors = {os.fspath(path)!r}: it cannot be read: {reason}")


def store_of(asset: Asset) -> Store | None:
    """The store that has an asset's bytes; None where it is not at hand."""
    return asset._store


def is_at_hand(asset: Asset) -> bool:
    """Whether the bytes are where they should be. Cheap: that they are damaged shows when they are read."""
    return asset._store is not None and asset._stored is not None and asset._store.holds(asset._stored)


def local_files(assets: Iterable[Asset]) -> tuple[Path, ...]:
    """The files of those assets whose store keeps files on this machine."""
    addresses = [urlsplit(asset.file_url) for asset in assets]
    return tuple(Path(unquote(address.path)) for address in addresses if address.scheme == "file")


def thumbnail(asset: Asset, size: images.ThumbnailSize) -> bytes | None:
    """A small WebP, made once and then kept; None when the bytes are not at hand or damaged."""
    if asset._store is None or asset._stored is None:
        return None
    return thumbnails.thumbnail(asset._store, asset._stored, size)


def kept_thumbnail(asset: Asset, size: images.ThumbnailSize) -> bytes | None:
    """The same if it has been made before, else None."""
    if asset._store is None or asset._stored is None:
        return None
    return thumbnails.kept(asset._store, asset._stored, size)


class OutputError(BaseModel):
    """Why a step failed, for later steps: plain, redacted text and numbers.

    `kind` is one of the toolkit's error kinds, `charge` says whether money may have been spent,
    `returned` of `requested` images arrived, `blocked` were refused by a safety system.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: str
    message: str
    provider: str | None = None
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    charge: str = "none"
    requested: int = Field(ge=0)
    returned: int = Field(ge=0)
    blocked: int = Field(ge=0)

    @classmethod
    def of(
        cls, error: ImagegenError, *, requested: int, returned: int, blocked: int, asked: bool = False
    ) -> OutputError:
        """The plain form of an error that ended a run; `asked` says that a provider had been called."""
        facts: dict[str, Any] = {"kind": error.kind, "message": str(error)}
        facts["charge"] = "unknown" if asked else "none"
        if isinstance(error, ProviderError):
            names = ("message", "provider", "status", "code", "request_id", "charge")
            facts |= {name: getattr(error, name) for name in names}
        return cls(**facts, requested=requested, returned=returned, blocked=blocked)


class _Assets(tuple[Asset, ...]):
    """A tuple that says how many images there are when one is asked for that is not there."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        try:
            return super().__getitem__(index)
        except IndexError:
            has = f"it has {counted(len(self), 'image')}" if self else "it has no image"
        raise IndexError(f"there is no assets[{index}] in the output: {has}")

    def __call__(self, *_values: object, **_more: object) -> Any:
        raise InvalidOption("assets is a tuple: write it without ()")


@helpful_calls
class StepOutput(BaseModel):
    """What later steps see: `settings`, `assets`, and `error` only when the step failed.

    `model_dump_json()` is the platform's object. Positions of `assets` are the dot-numbers of
    template paths: `output.assets[0].file_url` is `{{step_2.output.assets.0.file_url}}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    settings: OutputSettings
    assets: Annotated[tuple[Asset, ...], AfterValidator(_Assets)] = Field(strict=False)
    error: OutputError | None = None

    if not TYPE_CHECKING:  # a checker would take every name for one that an output has

        def __getattr__(self, name: str) -> Any:
            has = "it has settings, assets (the images, each with file_url, path and save) and error"
            if hasattr(Asset, name) or name in Asset.model_fields:
                has = f"write output.assets[0].{name}, or that of another image"
            raise AttributeError(f"an output has no {name}: {has}", name=name, obj=self)

    @model_serializer(mode="wrap")
    def _platform_object(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if self.error is None:
            data.pop("error", None)
        return data

    def signed(self, expires_in: int = 3600) -> StepOutput:
        """A copy whose assets have addresses that anybody can open for a while, as the platform's have; see
        `Asset.signed`, which it raises as."""
        return self.model_copy(update={"assets": tuple(asset.signed(expires_in) for asset in self.assets)})

    def as_context(self) -> dict[str, Any]:
        """The output as plain data, for a prompt that names it directly."""
        return self.model_dump(mode="json")

    def tiles(self, prefix: str, alt: str) -> Iterator[html_repr.Tile]:
        """The first assets as pictures to show; `prefix` is the path to this output."""
        for index, asset in enumerate(self.assets[: html_repr.tiles_shown(len(self.assets))]):
            yield html_repr.Tile(
                name=asset.file_name,
                alt=f"{alt} ({index + 1} of {len(self.assets)})",
                path=f"{prefix}.assets.{index}.file_url",
                facts=asset.facts(),
                thumbnail=partial(thumbnail, asset, images.STATIC),
                larger=partial(thumbnail, asset, images.LIVE),
            )

    def _title(self) -> str:
        count = len(self.assets)
        outcome = f"failed: {self.error.kind}" if self.error else counted(count, "image")
        return f"Output of {self.settings.model} · {outcome}"

    def __repr__(self) -> str:
        tiles = list(self.tiles(f"{DEFAULT_IDENTIFIER}.output", ""))
        return html_repr.text(self._title(), [], tiles, len(self.assets))

    def _repr_html_(self) -> str:
        tiles = list(self.tiles(f"{DEFAULT_IDENTIFIER}.output", "Generated image"))
        return html_repr.html(self._title(), [], tiles, len(self.assets))
