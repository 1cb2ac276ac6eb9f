"""xAI behind the emulator's common interface."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from imagegen_nb.emulator.adapter import Adapter, GenerationRequest
from imagegen_nb.emulator.responses import EmulatedResponse, EncodedImage, HostedImages
from imagegen_nb.emulator.xai import answers, errors, response
from imagegen_nb.emulator.xai.request import XaiRequest, authenticate, parse_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.rendering.drawing import Drawing

_IMAGE_PATH: Final = "/xai/images/{}.jpeg"


@dataclass(frozen=True, slots=True)
class _Job:
    """See `imagegen_nb.emulator.adapter.Job`."""

    request: XaiRequest
    http: GenerationRequest

    def drawings(self) -> list[Drawing]:
        """The finished images."""
        return self.request.drawings()

    def partial_drawings(self) -> list[list[Drawing]]:
        """None: xAI does not stream."""
        return []

    def response_without_images(self) -> EmulatedResponse | None:
        """Moderation, which is billed, and empty bodies."""
        fault = self.http.fault
        if fault.kind == "moderation":
            return errors.fault_error(fault, ticks=self.request.ticks(self.request.n))
        if fault.kind in ("empty", "text_only"):
            return response.empty_success(self.request, fault.variant_or_default() or "list")
        return None

    def response(
        self, images: Sequence[EncodedImage], partial_images: Sequence[Sequence[EncodedImage]]
    ) -> EmulatedResponse:
        """Base64 or links; a withheld image keeps its place, empty."""
        fault = self.http.fault
        if fault.kind == "fewer":
            delivered, withheld = images[: fault.images], images[fault.images :]
            images = [*delivered, *(EncodedImage(b"", "", image.drawing) for image in withheld)]
        links = [
            self._link(image.content) if self.request.as_url and image.base64 else "" for image in images
        ]
        return response.success(self.request, images, links)

    def _link(self, content: bytes) -> str:
        return self.http.base_url + _IMAGE_PATH.format(self.http.images.add(content))


class XaiAdapter(Adapter):
    """xAI's image API, and questions about pictures."""

    name: ClassVar[str] = "xai"
    rank: ClassVar[int] = 1
    paths: ClassVar[tuple[str, ...]] = ("/v1/images/generations", answers.PATH)

    def accept(self, request: GenerationRequest) -> _Job | answers.AnswerJob:
        """Key, then body."""
        authenticate(request.headers)
        if request.route == answers.PATH:
            return answers.AnswerJob(answers.parse_question(request.body), request.fault)
        return _Job(parse_request(request.body), request)

    def fault_response(self, request: GenerationRequest) -> EmulatedResponse:
        """``{"code", "error"}``."""
        return errors.fault_error(request.fault, request.api_key())

    def not_found(self, message: str) -> EmulatedResponse:
        """The 404 of an unknown path."""
        return errors.error(404, "not-found", message)

    def download(self, path: str, images: HostedImages) -> EmulatedResponse | None:
        """The image of a link, as long as it is kept."""
        link = re.fullmatch(_IMAGE_PATH.format("([^/]+)"), path)
        if link is None:
            return None
        content = images.get(link[1])
        if content is None:
            return errors.error(404, "not-found", "This image has expired.")
        return EmulatedResponse((content,), media_type="image/jpeg")

    def response_headers(self, elapsed: float) -> dict[str, str]:
        """Request id and timing."""
        return response.response_headers(elapsed)


ADAPTER: Final = XaiAdapter()
