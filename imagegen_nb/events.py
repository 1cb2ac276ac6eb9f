"""What a run tells while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from imagegen_nb.errors import ImagegenError
from imagegen_nb.images import CheckedImage

EventKind = Literal["queued", "started", "partial", "image", "failed", "cancelled", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One moment of a run.

    `queued` and `started` carry `requested`; `partial` the preview's `index` and encoded `data`;
    `image` the `index` and the checked `image`; `failed` the `error`; `failed`, `cancelled` and
    `done` the `run` (an `imagegen_nb.Run`) as far as it came. Delivered on the toolkit's own thread.
    """

    kind: EventKind
    run_id: str
    requested: int
    index: int | None = None
    data: bytes | None = field(default=None, repr=False)
    image: CheckedImage | None = None
    error: ImagegenError | None = None
    run: Any = field(default=None, repr=False)
