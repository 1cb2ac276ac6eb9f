"""What a run reports while it goes on: the events, and how they reach the user's callback."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from imagegen_nb.core.images import CheckedImage
from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import ImagegenError

EventKind = Literal["queued", "started", "waiting", "partial", "image", "failed", "cancelled", "done"]
RunT = TypeVar("RunT")
"""The type of run, an `imagegen_nb.Run`: this package cannot name it, because runs are built on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent(Generic[RunT]):
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
    run: RunT | None = field(default=None, repr=False)


@dataclass(slots=True)
class EventEmitter(Generic[RunT]):
    """Calls the user's `on_event`. A callback that raises does not stop the run: the first failure is
    noted in `callback_errors`, with every one of `keys()` masked."""

    on_event: Callable[[RunEvent[RunT]], object] | None
    run_id: str
    requested: int
    keys: Callable[[], Sequence[str]] = field(repr=False)
    callback_errors: list[str] = field(default_factory=list)

    def emit(self, kind: EventKind, **fields: Any) -> None:
        """Deliver one event; `fields` are those of `RunEvent` that this kind carries."""
        if self.on_event is None:
            return
        try:
            self.on_event(RunEvent(kind=kind, run_id=self.run_id, requested=self.requested, **fields))
        # The user's code may raise anything; even sys.exit() must not stop the loop all runs share.
        except BaseException as error:  # noqa: BLE001
            if not self.callback_errors:
                message = f"on_event raised {type(error).__name__}: {error}"
                self.callback_errors.append(redact(message, self.keys(), limit=200))
                if kind in ("done", "failed", "cancelled"):  # too late for the run's own warnings
                    with suppress(Warning):
                        warnings.warn(self.callback_errors[0], RuntimeWarning, stacklevel=1)
