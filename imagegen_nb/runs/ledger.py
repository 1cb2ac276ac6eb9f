"""What a run may need and cost: the room reserved for it, and the ledger's entry for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.types import SYNTHETIC_BACKENDS, Backend
from imagegen_nb.errors import Charge, ImagegenError, ProviderError
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import LedgerEntry, RunState

_UNCOMPRESSED = 4
"""Bytes of a pixel in a PNG that no compression helps: one a channel."""
_LOSSY = {"jpeg": 2, "webp": 2}
"""Bytes of a pixel that these formats stay below also at their best quality."""
_LEFT_OPEN = 1536 * 1024
"""Pixels of the largest image the models make where the size, or all but its ratio, is left to them."""


def entry(run_id: str, step: ImageGenerationStep, backend: Backend, *, replaying: bool) -> LedgerEntry:
    """A run that is about to begin, as the ledger is to hold it."""
    return LedgerEntry(
        run_id=run_id,
        provider=step.entry.provider.name,
        model=step.model,
        count=step.image_count,
        estimate=estimate(step),
        emulated=backend in SYNTHETIC_BACKENDS,
        state="calling",
        # A replay asks nobody. Of any other run that never ends it must be said that it may have cost.
        charge="none" if replaying else "unknown",
        started_at=utc_now(),
    )


def estimate(step: ImageGenerationStep) -> int:
    """Bytes to reserve for the images of a run: their number times what one of their size and format takes
    at most. Were it less than what comes, runs side by side could pass the limit together."""
    width, _, height = (step.effective("image_size") or "").partition("x")
    pixels = int(width) * int(height) if width.isdecimal() and height.isdecimal() else _LEFT_OPEN
    stored_as = step.entry.model.stored_as or ""
    kind = stored_as.removeprefix("image/") or step.effective("image_output_format")
    return step.image_count * pixels * _LOSSY.get(kind, _UNCOMPRESSED)


def ended(
    begun: LedgerEntry,
    *,
    called: bool,
    kept: bool,
    cancelled: bool,
    errors: Iterable[ImagegenError],
) -> LedgerEntry:
    """How the ledger is to hold a run that is over: `called` says that its provider had been asked, `kept`
    that images came, `errors` why others did not."""
    state: RunState = "done" if kept else "failed"
    if cancelled:
        state = "interrupted" if called else "cancelled"
    if begun.charge == "none" or not called:
        charge: Charge = "none"
    elif kept:
        charge = "charged"
    else:
        charge = _worst([error.charge for error in errors if isinstance(error, ProviderError)], cancelled)
    return replace(begun, state=state, charge=charge)


def _worst(charges: list[Charge], cancelled: bool) -> Charge:
    """What to believe of several calls: one that was charged says so for all."""
    if "charged" in charges:
        return "charged"
    return "unknown" if cancelled or not charges or "unknown" in charges else "none"
