"""Ledger entries and records for tests of stores, without a run behind them."""

from __future__ import annotations

import uuid
from typing import Any

from imagegen_nb.store.base import LedgerEntry, NewAsset, Store


def entry(run_id: str = "", **changes: Any) -> LedgerEntry:
    """A run under way that was not begun yet."""
    facts: dict[str, Any] = {
        "run_id": run_id or str(uuid.uuid4()),
        "provider": "openai",
        "model": "gpt-image-2",
        "count": 2,
        "estimate": 1_000,
        "emulated": True,
        "state": "calling",
        "charge": "unknown",
        "started_at": "2026-11-21T09:00:00+00:00",
    }
    return LedgerEntry(**{**facts, **changes})


def new(store: Store, data: bytes, **changes: Any) -> NewAsset:
    """A record to be, with its bytes down."""
    facts: dict[str, Any] = {
        "blob": store.stage(data, "image/png"),
        "file_name": "hero-1.png",
        "width": 64,
        "height": 48,
        "run_id": "run-1",
        "emulated": True,
    }
    return NewAsset(**{**facts, **changes})
