"""What recorded calls used, in the providers' own figures. Prices are theirs; none is known here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from imagegen_nb.core.types import Usage
from imagegen_nb.replay.recording import Recording, json_object


def usage_of(recordings: Iterable[Recording]) -> Usage:
    """The tokens, and the price where a provider tells it, of all `recordings`."""
    return sum((_reported(recording) for recording in recordings), Usage())


def _reported(recording: Recording) -> Usage:
    answers = [json_object(recording.answer)]
    if recording.streamed:
        lines = recording.answer.splitlines()
        answers = [json_object(line.removeprefix(b"data:")) for line in lines if line.startswith(b"data:")]
    reports = [answer.get("usage") or answer.get("usageMetadata") for answer in answers]
    return sum((_usage(report) for report in reports if isinstance(report, dict)), Usage())


def _usage(report: Mapping[str, Any]) -> Usage:
    total = report.get("total_tokens", report.get("totalTokenCount"))
    ticks = report.get("cost_in_usd_ticks")
    return Usage(
        total=total if isinstance(total, int) else None,
        cost_in_usd_ticks=ticks if isinstance(ticks, int) else None,
    )
