"""What one entry of an object store's log says, as JSON: the changes that one process made at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError

from imagegen_nb.core.opinions import Judgement, Mark, PickedCell, Score
from imagegen_nb.errors import Charge, InvalidOption, StoreError
from imagegen_nb.store.base import CHANGED_AT_THE_END, AssetRecord, LedgerEntry, RunState
from imagegen_nb.store.paths import blob_name

LARGEST = 4_000_000
"""Bytes of an entry: a run's records take some hundred each, its prompt and inputs at most a megabyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMark:
    """The star and the note that an image has from now on."""

    image: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended, in the words of its ledger entry."""

    run_id: str
    state: RunState
    charge: Charge
    ended_at: str
    result_json: str = ""
    cost_ticks: int | None = None

    @classmethod
    def of(cls, run: LedgerEntry) -> Self:
        """The end of a run, out of the entry that it has from then on."""
        return cls(run_id=run.run_id, **{name: getattr(run, name) for name in CHANGED_AT_THE_END})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that happened: a run began or ended with images, somebody said something of one, or files are
    deleted.

    `taken_back` is the id of a comparison, `unpicked` that of a pick. From `tidying` on, which names the
    lease of who deletes, no run may begin until `tidied` names the same.
    """

    begun: LedgerEntry | None = None
    ended: RunEnd | None = None
    assets: tuple[AssetRecord, ...] = ()
    mark: ImageMark | None = None
    judgement: Judgement | None = None
    taken_back: str | None = None
    score: Score | None = None
    tidying: str | None = None
    tidied: str | None = None
    picked: PickedCell | None = None
    unpicked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry: who wrote it, and what happened. The `key` is random: by it a writer knows its own entry
    again where the answer to writing it was lost."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    layout: Literal[1] = 1
    key: str
    owner: str
    changes: tuple[Change, ...]


def dump(entry: Entry) -> bytes:
    """The entry as one line of JSON. Raises `StoreError` for what could not be read again: everybody who uses
    the store reads every entry."""
    document = _plain(entry)
    for change in document["changes"]:
        for asset in change.get("assets", ()):  # relative: the bucket may be copied
            asset["file_url"] = ""
    try:
        data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except (UnicodeEncodeError, ValueError, TypeError):
        data = b""
    if not data or len(data) > LARGEST:
        why = "it is larger than 4 MB" if data else "it is not text that UTF-8 can hold"
        raise StoreError(f"the store cannot keep this: {why}")
    load(data, "what was to be written", str)
    return data


def load(data: bytes, name: str, address: Callable[[str], str]) -> Entry:
    """An entry as it was written, its images' addresses made by `address` out of their keys. Raises
    `StoreError` for one that is damaged, or of a later version."""
    try:
        entry = _adapter().validate_json(data, strict=True)
        for asset in (asset for change in entry.changes for asset in change.assets):
            # Nobody has them yet, and copies would take longer than to check the text.
            object.__setattr__(asset, "file_url", address(blob_name(asset.sha256, asset.file_type)))
    except (ValidationError, InvalidOption, StoreError):
        pass
    else:
        return entry
    raise StoreError(f"{name} is damaged, or of a later version of imagegen-nb: upgrade, or restore it")


def _plain(value: Any) -> Any:
    """Plain data, without fields that are as their class has them anyway."""
    if is_dataclass(value):
        contents = ((field, getattr(value, field.name)) for field in fields(value))
        return {
            field.name: _plain(content)
            for field, content in contents
            if field.default is MISSING or content != field.default
        }
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return dict(value) if hasattr(value, "keys") else value


@cache
def _adapter() -> TypeAdapter[Entry]:
    return TypeAdapter(Entry)
