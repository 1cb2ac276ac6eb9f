"""Google's two surfaces behind the common face."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from imagegen_nb.emulator.gemini import errors, request, response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.adapter import Call
    from imagegen_nb.emulator.faults import Fault, Provider
    from imagegen_nb.emulator.rendering.drawing import Drawing
    from imagegen_nb.emulator.responses import Answer, Item

CALL_NUMBER: Final = "x-imagegen-nb-call"
#: A client may number its calls: Google's model answers equal requests differently, this server would not.


@dataclass(frozen=True, slots=True)
class GeminiJob:
    """See `Job`."""

    plan: request.GeminiPlan

    def drawings(self) -> list[Drawing]:
        """One picture, or none for text alone."""
        drawings = self.plan.drawings()
        if self.plan.number is None:
            return drawings
        return [replace(drawing, index=self.plan.number, count=0) for drawing in drawings]

    def sketches(self) -> list[list[Drawing]]:
        """None: pictures are not streamed."""
        return []

    def instead(self, fault: Fault) -> Answer | None:
        """Blocks, words alone, hollow bodies."""
        match fault.kind:
            case "moderation":
                return response.moderated(self.plan, fault)
            case "text_only":
                return response.text_only(self.plan)
            case "empty":
                return response.hollow(self.plan, fault.shape)
            case "fewer" if fault.images == 0:
                return response.finished(self.plan, "NO_IMAGE")
            case _:
                return None

    def answer(self, fault: Fault, items: Sequence[Item], sketches: Sequence[Sequence[Item]]) -> Answer:
        """One candidate."""
        return response.success(self.plan, items)


@dataclass(frozen=True, slots=True)
class GeminiWire:
    """Google, on one of its two surfaces."""

    vertex: bool
    provider: ClassVar[Provider] = "gemini"

    def refuse(self, fault: Fault, call: Call) -> Answer:
        """``{"error": {"code", "status", ...}}``; a model not found is named."""
        if fault.kind == "not_found" and not fault.message:
            return request.not_found(call.model or "", call.path, vertex=self.vertex)
        return errors.fault_error(fault, call.sent_key(), vertex=self.vertex)

    def check(self, call: Call) -> GeminiJob:
        """Key, model, then body."""
        request.authenticate(call.headers, call.query_key, vertex=self.vertex)
        model = call.model or ""
        request.check_model(model, call.path, vertex=self.vertex, retired=call.state.retired)
        number = call.headers.get(CALL_NUMBER, "")
        plan = request.plan(model, call.body, vertex=self.vertex)
        numbered = int(number) if number.isdecimal() and len(number) < 4 else None
        return GeminiJob(replace(plan, number=numbered))

    def headers(self, elapsed: float) -> dict[str, str]:
        """Google sends no request id, only timing."""
        return {"server-timing": f"gfet4t7; dur={round(elapsed * 1000)}"}
