"""xAI behind the common face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from imagegen_nb.emulator.responses import Item
from imagegen_nb.emulator.xai import errors, request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.adapter import Call
    from imagegen_nb.emulator.faults import Fault, Provider
    from imagegen_nb.emulator.rendering.drawing import Drawing
    from imagegen_nb.emulator.responses import Answer


@dataclass(frozen=True, slots=True)
class XaiJob:
    """See `Job`."""

    plan: request.XaiPlan
    call: Call

    def drawings(self) -> list[Drawing]:
        """Finished pictures."""
        return self.plan.drawings()

    def sketches(self) -> list[list[Drawing]]:
        """None: xAI does not stream."""
        return []

    def instead(self, fault: Fault) -> Answer | None:
        """Moderation, which is billed, and hollow bodies."""
        if fault.kind == "moderation":
            return errors.fault_error(fault, "", self.plan.ticks(self.plan.n))
        return (
            request.hollow(self.plan, fault.shape or "list") if fault.kind in ("empty", "text_only") else None
        )

    def answer(self, fault: Fault, items: Sequence[Item], sketches: Sequence[Sequence[Item]]) -> Answer:
        """Base64 or links; a withheld picture keeps its place, empty."""
        if fault.kind == "fewer":
            kept = items[: fault.images]
            items = [*kept, *(Item(b"", "", item.drawing) for item in items[len(kept) :])]
        links = [self._link(item.content) if self.plan.as_url and item.data else "" for item in items]
        return request.success(self.plan, items, links)

    def _link(self, content: bytes) -> str:
        return f"{self.call.base}/xai/images/{self.call.state.shelve(content)}.jpeg"


class XaiWire:
    """xAI."""

    provider: ClassVar[Provider] = "xai"

    def refuse(self, fault: Fault, call: Call) -> Answer:
        """``{"code", "error"}``."""
        return errors.fault_error(fault, call.sent_key())

    def check(self, call: Call) -> XaiJob:
        """Key, then body."""
        request.authenticate(call.headers)
        return XaiJob(request.plan(call.body), call)

    def headers(self, elapsed: float) -> dict[str, str]:
        """Request id and timing."""
        return errors.request_headers(elapsed)
