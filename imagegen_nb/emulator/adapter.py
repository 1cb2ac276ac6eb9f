"""The interface behind which each provider's wire format lies, and how the adapters are found.

A provider is a folder of this package whose ``adapter.py`` holds an ``ADAPTER``; no list names it.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.rendering.drawing import Drawing
    from imagegen_nb.emulator.responses import EmulatedResponse, EncodedImage, HostedImages

_PACKAGE = __name__.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A request to a generation endpoint: `body` is parsed JSON or None, `headers` have lower-case names.

    route: the entry of `Adapter.paths` it matched. model: from the path (Gemini), else None.
    query_key: Google's ``?key=``. base_url: this server's root. retired: whether to refuse models that
    new keys do not get. images: where an image is put to be served by URL.
    """

    path: str
    route: str
    model: str | None
    body: Any
    headers: Mapping[str, str]
    query_key: str | None
    base_url: str
    fault: Fault
    retired: bool
    images: HostedImages

    def api_key(self) -> str:
        """The key that was sent, in clear text; only for the fault that echoes it."""
        bearer = self.headers.get("authorization", "").partition(" ")[2]
        return self.headers.get("x-goog-api-key") or self.headers.get("api-key") or self.query_key or bearer


class Job(Protocol):
    """An accepted request: which images to render, and the response made of them."""

    def drawings(self) -> list[Drawing]:
        """The finished images, in order."""
        ...

    def partial_drawings(self) -> list[list[Drawing]]:
        """The unfinished stages of each image, for streams."""
        ...

    def response_without_images(self) -> EmulatedResponse | None:
        """The response to a fault that leaves no image; None for the others."""
        ...

    def response(
        self, images: Sequence[EncodedImage], partial_images: Sequence[Sequence[EncodedImage]]
    ) -> EmulatedResponse:
        """The success, with the images as they are."""
        ...


class Adapter(ABC):
    """One provider's wire format.

    name: the folder's, and the first part of every path. rank: the place in lists, lowest first, or by name.
    paths: of the generation endpoints below ``/<name>``, in Starlette's notation. streams_images: whether
    `stream_*` faults can be scripted.
    """

    name: ClassVar[str]
    rank: ClassVar[int] = 100
    paths: ClassVar[tuple[str, ...]]
    streams_images: ClassVar[bool] = False

    @abstractmethod
    def accept(self, request: GenerationRequest) -> Job:
        """Check key, model and parameters as the provider does; raises `RequestRejected`."""

    @abstractmethod
    def fault_response(self, request: GenerationRequest) -> EmulatedResponse:
        """The provider's error for a fault that comes before validation."""

    @abstractmethod
    def not_found(self, message: str) -> EmulatedResponse:
        """The provider's 404 for a path it does not have."""

    def response_headers(self, elapsed: float) -> dict[str, str]:
        """What the provider adds to every response to a generation request; `elapsed` in seconds."""
        return {}

    def download(self, path: str, images: HostedImages) -> EmulatedResponse | None:
        """What a GET outside the generation endpoints returns; None where the provider has nothing."""
        return None

    def check_scriptable(self, fault: Fault) -> None:
        """Raise ValueError for a fault that the provider cannot show, not even by an equivalent."""
        if fault.kind in ("stream_error", "stream_cut") and not self.streams_images:
            raise ValueError(f"{fault.kind} cannot be scripted for {self.name}: it does not stream pictures")


@cache
def adapters() -> dict[str, Adapter]:
    """Every provider's adapter by name, in the order of their ranks."""
    folder = str(Path(__file__).parent)
    modules = (f"{_PACKAGE}.{item.name}.adapter" for item in pkgutil.iter_modules([folder]) if item.ispkg)
    loaded: list[Adapter] = [
        importlib.import_module(module).ADAPTER for module in modules if importlib.util.find_spec(module)
    ]
    return {adapter.name: adapter for adapter in sorted(loaded, key=lambda each: (each.rank, each.name))}


def provider_names() -> tuple[str, ...]:
    """The providers that can be emulated."""
    return tuple(adapters())


def adapter_of(name: object) -> Adapter:
    """The adapter of the provider `name`; raises ValueError for one that is not emulated."""
    if not isinstance(name, str) or name not in adapters():
        raise ValueError(f"unknown provider {name!r}; known: {', '.join(provider_names())}")
    return adapters()[name]
