"""A response before it becomes HTTP, what it is made of, and the images that are served by URL."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imagegen_nb.emulator.rendering.drawing import Drawing

#: The creation time in every response (Unix time, 2026-01-01). Fixed, so that the same request gets the same
#: body, and a recording changes only where something did.
CREATED_AT: Final = 1_767_225_600

#: How many images stay downloadable; the oldest go first, like a provider's temporary links. A page of a
#: batch's results has no more.
_HOSTED_IMAGES: Final = 1000


@dataclass(frozen=True, slots=True)
class EmulatedResponse:
    """Status, headers and body. Several `frames` (events of a stream) are sent spread over the latency."""

    frames: tuple[bytes, ...]
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The whole body."""
        return b"".join(self.frames)

    def with_headers(self, headers: Mapping[str, str]) -> EmulatedResponse:
        """The same with `headers` added."""
        return replace(self, headers={**self.headers, **headers})


def json_response(body: Any, status: int = 200, media_type: str = "application/json") -> EmulatedResponse:
    """A response of compact JSON; ASCII, as a prompt may hold a lone surrogate, which UTF-8 cannot."""
    content = json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode()
    return EmulatedResponse((content,), status, media_type)


class RequestRejected(Exception):
    """The provider does not accept the request; `response` is its error."""

    def __init__(self, response: EmulatedResponse) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image in a response: its bytes, their base64 text ('' when withheld), and what it claims to show."""

    content: bytes
    base64: str
    drawing: Drawing

    @classmethod
    def encode(cls, content: bytes, drawing: Drawing) -> EncodedImage:
        """`content` with its base64 text."""
        return cls(content, base64.b64encode(content).decode("ascii"), drawing)


class HostedImages:
    """Images served by URL for a while; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._images: OrderedDict[str, bytes] = OrderedDict()

    def add(self, content: bytes) -> str:
        """Make an image downloadable; returns its name, the same for the same bytes."""
        name = hashlib.sha256(content).hexdigest()[:32]
        with self._lock:
            self._images[name] = content
            self._images.move_to_end(name)
            while len(self._images) > _HOSTED_IMAGES:
                self._images.popitem(last=False)
        return name

    def expire(self) -> None:
        """Forget all images, as a provider does after a while."""
        with self._lock:
            self._images.clear()

    def get(self, name: str) -> bytes | None:
        """The image of that name; None when it was never added, or has expired."""
        with self._lock:
            return self._images.get(name)
