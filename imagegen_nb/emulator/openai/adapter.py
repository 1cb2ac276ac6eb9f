"""OpenAI behind the emulator's common interface."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from imagegen_nb.emulator.adapter import Adapter, GenerationRequest
from imagegen_nb.emulator.openai import answers, errors, response
from imagegen_nb.emulator.openai.request import (
    OpenAIRequest,
    authenticate,
    authenticate_at_azure,
    parse_request,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.rendering.drawing import Drawing
    from imagegen_nb.emulator.responses import EmulatedResponse, EncodedImage

_AZURE: Final = "/openai/deployments/{deployment}/images/generations"


@dataclass(frozen=True, slots=True)
class _Job:
    """See `imagegen_nb.emulator.adapter.Job`."""

    request: OpenAIRequest
    fault: Fault

    def drawings(self) -> list[Drawing]:
        """The finished images."""
        return self.request.drawings()

    def partial_drawings(self) -> list[list[Drawing]]:
        """Partial images, when streaming."""
        stages = range(self.request.partial_images)
        return [[drawing.partial(stage) for stage in stages] for drawing in self.drawings()]

    def response_without_images(self) -> EmulatedResponse | None:
        """Moderation and empty bodies; a stream fault without a stream."""
        fault = self.fault
        if fault.kind == "moderation":
            return errors.fault_error(fault)
        if fault.kind == "stream_error" and not self.request.stream:
            return errors.fault_error(replace(fault, kind="server_error"))
        if fault.kind in ("empty", "text_only"):
            if self.request.stream:
                return response.stream(self.request, [], [])
            return response.empty_success(self.request, fault.variant_or_default() or "list")
        return None

    def response(
        self, images: Sequence[EncodedImage], partial_images: Sequence[Sequence[EncodedImage]]
    ) -> EmulatedResponse:
        """JSON, or events when streaming."""
        fault = self.fault
        if fault.kind == "fewer":
            images = images[: fault.images]
        if not self.request.stream:
            return response.success(self.request, images)
        streamed = response.stream(self.request, images, partial_images)
        if fault.kind not in ("stream_error", "stream_cut"):
            return streamed
        first = response.partial_frame(self.request, partial_images[0][0], 0)
        last = (response.error_frame(fault),) if fault.kind == "stream_error" else ()
        return replace(streamed, frames=(first, *last))


class OpenAIAdapter(Adapter):
    """OpenAI's Images API, also at the path of Azure's classic deployments, and questions about pictures."""

    name: ClassVar[str] = "openai"
    rank: ClassVar[int] = 0
    paths: ClassVar[tuple[str, ...]] = ("/v1/images/generations", _AZURE, answers.PATH)
    streams_images: ClassVar[bool] = True

    def accept(self, request: GenerationRequest) -> _Job | answers.AnswerJob:
        """Key, then body."""
        if request.route == answers.PATH:
            authenticate(request.headers)
            return answers.AnswerJob(answers.parse_question(request.body), request.fault)
        if request.route == _AZURE:
            authenticate_at_azure(request.headers)
        else:
            authenticate(request.headers)
        parsed = parse_request(request.body)
        if parsed.stream and request.fault.kind in ("stream_error", "stream_cut"):
            # Both come after a first partial image, whether one was asked for or not.
            parsed = replace(parsed, partial_images=max(1, parsed.partial_images))
        return _Job(parsed, request.fault)

    def fault_response(self, request: GenerationRequest) -> EmulatedResponse:
        """``{"error": {...}}``."""
        return errors.fault_error(request.fault, request.api_key())

    def not_found(self, message: str) -> EmulatedResponse:
        """The 404 of an unknown path."""
        return errors.error(404, message, "unknown_url")

    def response_headers(self, elapsed: float) -> dict[str, str]:
        """Request id, timing, rate limits."""
        return response.response_headers(elapsed)


ADAPTER: Final = OpenAIAdapter()
