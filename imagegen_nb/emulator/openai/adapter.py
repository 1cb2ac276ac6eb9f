"""OpenAI behind the common face."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from imagegen_nb.emulator.openai import errors, request, response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.adapter import Call
    from imagegen_nb.emulator.faults import Fault, Provider
    from imagegen_nb.emulator.rendering.drawing import Drawing
    from imagegen_nb.emulator.responses import Answer, Item


@dataclass(frozen=True, slots=True)
class OpenAIJob:
    """See `Job`."""

    plan: request.OpenAIPlan

    def drawings(self) -> list[Drawing]:
        """Finished pictures."""
        return self.plan.drawings()

    def sketches(self) -> list[list[Drawing]]:
        """Partial images, when streaming."""
        stages = range(self.plan.partial_images)
        return [[drawing.partial(stage) for stage in stages] for drawing in self.drawings()]

    def instead(self, fault: Fault) -> Answer | None:
        """Moderation and hollow bodies; a stream fault without a stream."""
        if fault.kind == "moderation":
            return errors.fault_error(fault, "")
        if fault.kind == "stream_error" and not self.plan.stream:
            return errors.fault_error(replace(fault, kind="server_error"), "")
        if fault.kind in ("empty", "text_only"):
            shape = fault.shape or "list"
            return (
                response.stream(self.plan, [], []) if self.plan.stream else response.hollow(self.plan, shape)
            )
        return None

    def answer(self, fault: Fault, items: Sequence[Item], sketches: Sequence[Sequence[Item]]) -> Answer:
        """JSON, or events when streaming."""
        if fault.kind == "fewer":
            items = items[: fault.images]
        if not self.plan.stream:
            return response.success(self.plan, items)
        whole = response.stream(self.plan, items, sketches)
        if fault.kind not in ("stream_error", "stream_cut"):
            return whole
        first = response.partial_frame(self.plan, sketches[0][0], 0)
        last = (response.error_frame(fault),) if fault.kind == "stream_error" else ()
        return replace(whole, frames=(first, *last))


class OpenAIWire:
    """OpenAI."""

    provider: ClassVar[Provider] = "openai"

    def refuse(self, fault: Fault, call: Call) -> Answer:
        """``{"error": {...}}``."""
        return errors.fault_error(fault, call.sent_key())

    def check(self, call: Call) -> OpenAIJob:
        """Key, then body."""
        request.authenticate(call.headers)
        plan = request.plan(call.body)
        if plan.stream and call.fault.kind in ("stream_error", "stream_cut"):
            plan = replace(plan, partial_images=max(1, plan.partial_images))  # both need one to send first
        return OpenAIJob(plan)

    def headers(self, elapsed: float) -> dict[str, str]:
        """Request id, timing, rate limits."""
        return errors.request_headers(elapsed)
