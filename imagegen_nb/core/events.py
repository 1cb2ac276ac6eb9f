"""What a run tells while it goes on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from imagegen_nb.core.images import CheckedImage
from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import ImagegenError

EventKind = Literal["queued", "started", "waiting", "partial", "image", "failed", "cancelled", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One moment of a run.

    `queued` and `started` carry `requested`; `waiting` the `seconds` until a request may be sent, and the
    `reason`; `partial` the preview's `index` and encoded `data`;
    `image` the `index` and the checked `image`; `failed` the `error`; `failed`, `cancelled` and
    `done` the `run` (an `imagegen_nb.Run`) as far as it came. Delivered on the toolkit's own thread.
    """

    kind: EventKind
    run_id: str
    requested: int
    seconds: float | None = None
    reason: str = ""
    index: int | None = None
    data: bytes | None = field(default=None, repr=False)
    image: CheckedImage | None = None
    error: ImagegenError | None = None
    run: Any = field(default=None, repr=False)


@dataclass(slots=True)
class Voice:
    """Tells the user's callback what happens. A callback that fails is noted once in `complaints`,
    without the `keys` in use, and does not cost the run."""

    on_event: Callable[[RunEvent], object] | None
    run_id: str
    requested: int
    keys: Callable[[], Sequence[str]] = field(repr=False)
    complaints: list[str] = field(default_factory=list)

    def tell(self, kind: EventKind, **facts: Any) -> None:
        """Deliver one event."""
        if self.on_event is None:
            return
        try:
            self.on_event(RunEvent(kind=kind, run_id=self.run_id, requested=self.requested, **facts))
        # The user's code may raise anything; even sys.exit() must not stop the loop all runs share.
        except BaseException as error:  # noqa: BLE001
            if not self.complaints:
                said = f"on_event raised {type(error).__name__}: {error}"
                self.complaints.append(redact(said, self.keys(), limit=200))
                if kind in ("done", "failed", "cancelled"):  # the run is built: this is the only trace
                    with suppress(Warning):
                        warnings.warn(self.complaints[0], RuntimeWarning, stacklevel=1)
