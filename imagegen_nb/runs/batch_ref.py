"""Which batch of its provider a run is in: what the ledger keeps of it, from before it is uploaded."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from imagegen_nb.store.base import LedgerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRef:
    """A provider's batch. `name` is ours, given before there is one: by it a batch is found again that was
    made and not noted. `id` is the provider's, empty until it is known; `expires_at` is an ISO 8601 time in
    UTC, empty where it is not told."""

    name: str
    id: str = ""
    expires_at: str = ""

    @classmethod
    def of(cls, told: object) -> BatchRef | None:
        """Out of what the ledger keeps of a run; None for a run that is in no batch."""
        if not isinstance(told, dict) or not isinstance(told.get("name"), str):
            return None
        return cls(name=told["name"], id=str(told.get("id", "")), expires_at=str(told.get("expires_at", "")))

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {name: value for name, value in asdict(self).items() if value}


def ref_of(entry: LedgerEntry) -> BatchRef | None:
    """The batch that a run in the ledger is or was in; None for one by itself."""
    if '"batch"' not in entry.result_json:
        return None
    try:
        told = json.loads(entry.result_json)
    except ValueError:
        return None
    return BatchRef.of(told.get("batch")) if isinstance(told, dict) else None
