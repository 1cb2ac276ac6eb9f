"""The present moment as the toolkit writes it down, the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """The time in UTC as ISO 8601 with seconds and offset: `2026-11-26T14:05:09+00:00`."""
    return datetime.now(UTC).isoformat(timespec="seconds")
