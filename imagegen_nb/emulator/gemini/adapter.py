"""Google's two surfaces behind the emulator's common interface: the Gemini Developer API and Vertex AI.

The same path serves images and questions about them: the model tells which.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from imagegen_nb.emulator.adapter import Adapter, GenerationRequest
from imagegen_nb.emulator.gemini import answers, errors, response
from imagegen_nb.emulator.gemini.request import (
    GeminiRequest,
    authenticate,
    check_model,
    model_not_found,
    parse_request,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.rendering.drawing import Drawing
    from imagegen_nb.emulator.responses import EmulatedResponse, EncodedImage

_DEVELOPER_PATHS: Final = tuple(
    f"/{version}/models/{{model}}:generateContent" for version in ("v1beta", "v1")
)
_VERTEX_PATHS: Final = tuple(
    f"/{version}/{scope}publishers/google/models/{{model}}:generateContent"
    for version in ("v1beta1", "v1")
    for scope in ("projects/{project}/locations/{location}/", "")
)

#: A client may number its calls: Google's model makes a new image of an equal request, this server would not.
CALL_NUMBER: Final = "x-imagegen-nb-call"


@dataclass(frozen=True, slots=True)
class _Job:
    """See `imagegen_nb.emulator.adapter.Job`."""

    request: GeminiRequest
    fault: Fault

    def drawings(self) -> list[Drawing]:
        """One image, or none for text alone."""
        drawings = self.request.drawings()
        if self.request.call_number is None:
            return drawings
        return [replace(drawing, index=self.request.call_number, count=0) for drawing in drawings]

    def partial_drawings(self) -> list[list[Drawing]]:
        """None: images are not streamed."""
        return []

    def response_without_images(self) -> EmulatedResponse | None:
        """Blocks, text alone, empty bodies."""
        match self.fault.kind:
            case "moderation":
                return response.moderated(self.request, self.fault)
            case "text_only":
                return response.text_only(self.request)
            case "empty":
                return response.empty_success(self.request, self.fault.variant_or_default())
            case "fewer" if self.fault.images == 0:
                return response.finished(self.request, "NO_IMAGE")
            case _:
                return None

    def response(
        self, images: Sequence[EncodedImage], partial_images: Sequence[Sequence[EncodedImage]]
    ) -> EmulatedResponse:
        """One candidate."""
        return response.success(self.request, images)


class GeminiAdapter(Adapter):
    """Google's `generateContent`, on both surfaces."""

    name: ClassVar[str] = "gemini"
    rank: ClassVar[int] = 2
    paths: ClassVar[tuple[str, ...]] = (*_DEVELOPER_PATHS, *_VERTEX_PATHS)

    def accept(self, request: GenerationRequest) -> _Job | answers.AnswerJob:
        """Key, model, then body."""
        vertex, model = request.route in _VERTEX_PATHS, request.model or ""
        authenticate(request.headers, request.query_key, vertex=vertex)
        if model in answers.MODELS:
            return answers.AnswerJob(
                answers.parse_question(model, request.body, vertex=vertex), request.fault
            )
        check_model(model, request.path, vertex=vertex, retired=request.retired)
        parsed = parse_request(model, request.body, vertex=vertex)
        number = request.headers.get(CALL_NUMBER, "")
        call_number = int(number) if number.isdecimal() and len(number) < 4 else None
        return _Job(replace(parsed, call_number=call_number), request.fault)

    def fault_response(self, request: GenerationRequest) -> EmulatedResponse:
        """``{"error": {"code", "status", ...}}``; a model not found is named."""
        fault, vertex = request.fault, request.route in _VERTEX_PATHS
        if fault.kind == "not_found" and not fault.message:
            return model_not_found(request.model or "", request.path, vertex=vertex)
        return errors.fault_error(fault, request.api_key(), request.model or "", vertex=vertex)

    def not_found(self, message: str) -> EmulatedResponse:
        """The 404 of an unknown path; Google does not name it."""
        return errors.error(404, "Requested entity was not found.")

    def response_headers(self, elapsed: float) -> dict[str, str]:
        """Google sends no request id, only timing."""
        return {"server-timing": f"gfet4t7; dur={round(elapsed * 1000)}"}


ADAPTER: Final = GeminiAdapter()
