"""The ledger entries of a run: one when it begins, with the bytes to reserve, and one when it has ended.

A question about an image has entries too: it costs money, and makes no images.

The store keeps the ledger. This module decides what an entry says: bytes, state, charge.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache

from imagegen_nb.core import images
from imagegen_nb.core.money import to_ticks
from imagegen_nb.core.stored_size import UNCOMPRESSED
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.types import SYNTHETIC_BACKENDS, Backend
from imagegen_nb.errors import Charge, ImagegenError, ProviderError
from imagegen_nb.providers.base import LARGEST_RESPONSE
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import LedgerEntry, RunState

_METADATA = 8 * 1024 * 1024
"""Bytes beside the pixels of an image, such as content credentials, and beside the images of an answer."""
QUESTION = "question"
"""What the ledger has as the `call` of every question: they are found by it, and none is ever reused."""


def opening_entry(
    run_id: str,
    step: ImageGenerationStep,
    backend: Backend,
    *,
    replaying: bool,
    ceiling: Decimal | None = None,
) -> LedgerEntry:
    """The entry of a run that is about to begin; `ceiling` is the most that it can cost, None where nothing
    bounds it."""
    begun = question_entry(
        run_id, step.entry.provider.name, step.model, backend, replaying=replaying, ceiling=ceiling
    )
    return replace(begun, count=step.image_count, estimate=step.stored_size.reserved, call="")


def question_entry(
    run_id: str,
    provider: str,
    model: str,
    backend: Backend,
    *,
    replaying: bool,
    ceiling: Decimal | None = None,
) -> LedgerEntry:
    """The entry of a question that is about to be asked: it makes no images, and needs no room for any."""
    return LedgerEntry(
        run_id=run_id,
        provider=provider,
        model=model,
        count=0,
        estimate=0,
        emulated=backend in SYNTHETIC_BACKENDS,
        state="calling",
        # A replay asks nobody. Any other call that never ends may have cost money.
        charge="none" if replaying else "unknown",
        started_at=utc_now(),
        session=session(),
        ceiling_ticks=0 if replaying else None if ceiling is None else to_ticks(ceiling),
        call=QUESTION,
    )


def makes_images(entry: LedgerEntry) -> bool:
    """Whether an entry is of a run that was to make images; a question about one makes none."""
    return entry.count > 0


def session() -> str:
    """A name for this kernel or script, which a budget can be for; a forked process is another."""
    return f"{os.getpid()}-{_of_process(os.getpid())}"


@cache
def _of_process(_pid: int) -> str:
    return uuid.uuid4().hex[:12]


def largest_response(step: ImageGenerationStep, partial_images: int) -> int:
    """Bytes that the answer to a run's request may have: every image and preview as large as the settings
    allow, uncompressed and in base64.

    A fixed bound would refuse what was asked for, made and charged.
    """
    most = getattr(step.entry.model.settings.get("image_size"), "most_pixels", images.MOST_PIXELS)
    largest_image = (step.pixels or most) * UNCOMPRESSED + _METADATA
    in_base64 = (step.image_count + partial_images) * largest_image * 4 // 3
    return max(LARGEST_RESPONSE, in_base64 + _METADATA)


def closing_entry(
    begun: LedgerEntry,
    *,
    called: bool,
    kept: bool,
    cancelled: bool,
    errors: Iterable[ImagegenError],
    cost: Decimal | None = None,
) -> LedgerEntry:
    """The entry of a run that has ended: `called` says that its provider was asked, `kept` that images were
    stored, `errors` why others did not come, `cost` the amount where it is known."""
    state: RunState = "done" if kept else "failed"
    if cancelled:
        state = "interrupted" if called else "cancelled"
    if begun.charge == "none" or not called:
        charge: Charge = "none"
    elif kept:
        charge = "charged"
    else:
        charge = _worst([error.charge for error in errors if isinstance(error, ProviderError)], cancelled)
    amount = 0 if charge == "none" else None if cost is None or cancelled else to_ticks(cost)
    return replace(begun, state=state, charge=charge, cost_ticks=amount)


def _worst(charges: list[Charge], cancelled: bool) -> Charge:
    """The charge of a run of several calls: if one was charged, the run was."""
    if "charged" in charges:
        return "charged"
    return "unknown" if cancelled or not charges or "unknown" in charges else "none"
