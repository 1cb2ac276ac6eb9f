"""The provider seam: what a provider declares, and the one thing it does.

A provider is one file in this folder with a module-level `PROVIDER`. It declares its models as
data and yields what one request brings, in the order it arrives; it never sees a step, a store or
a notebook.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from imagegen_nb.core.active_cassette import ActiveCassette
from imagegen_nb.core.types import (
    Backend,
    BatchAnswer,
    BatchStatus,
    ImageRequest,
    ProviderEvent,
    VisionAnswer,
    VisionRequest,
)
from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers.capabilities import Model, VisionModel
from imagegen_nb.providers.credentials import Credential, Gateway, Hosted

LARGEST_RESPONSE = 200 * 1024 * 1024
"""Bytes that any answer may have; a run allows more where the images it asks for can need more."""
MORE_TIME = "allow more by Workspace(timeout=...), or --timeout"
"""What helps where the time of a run was over: the form runs in a workspace, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where a request goes and how far it may go: the only host, the key, and the bounds.

    `base_url` is the one origin requests may reach; `largest_response` bounds the bytes of one answer (None:
    `LARGEST_RESPONSE`); `deadline` is the event loop's time by which all must be done (None: no bound);
    `timeout` is the same bound in seconds from the start, for messages. `cassette` is the one the run
    began with; `send_to`, while recording against an emulator, is asked in place of `base_url`. `waiting` is
    told the seconds and the reason when a call has to wait before it may be sent. `query` is what an
    account's address has after its `?`: the transport adds it to every request. `requests_per_minute` is the
    provider's published limit for the account, where the user has set it. `new_path` names a file for the
    bytes of an image that is arriving; without it an answer stays text until its end.
    """

    base_url: str
    credential: Credential
    backend: Backend = "live"
    largest_response: int | None = None
    deadline: float | None = None
    timeout: float = 300.0
    cassette: ActiveCassette | None = None
    send_to: str = ""
    waiting: Callable[[float, str], object] | None = None
    query: str = ""
    requests_per_minute: int | None = None
    new_path: Callable[[], Path | None] | None = None

    @property
    def key(self) -> str:
        """The key in clear, for the one place that builds a request."""
        return self.credential.key.get_secret_value()


class Batches(ABC):
    """How a provider takes many requests at once, to be carried out within a day or so at another price: a
    file with a line for each, and later files of answers. Every method but `lines` sends requests.

    Raises `ProviderError`s: `charge` "none" of one from `create` says that there surely is no such batch.
    """

    most_lines: ClassVar[int]
    """Requests in one batch."""
    largest_file: ClassVar[int]
    """Bytes of the file of requests."""

    @abstractmethod
    def lines(self, key: str, request: ImageRequest) -> list[bytes]:
        """The requests of a run as lines of JSON, without their ends; answers come back with its `key`.

        Reads every declared setting, as `generate` does."""

    @abstractmethod
    async def upload(self, lines: Sequence[bytes], name: str, connection: Connection) -> str:
        """Send the file of a batch that is called `name`, and return what the provider calls the file."""

    @abstractmethod
    async def create(self, file: str, name: str, model: str, connection: Connection) -> BatchStatus:
        """Let the requests of an uploaded file be carried out, as the batch called `name`."""

    @abstractmethod
    async def find(self, names: Collection[str], connection: Connection) -> dict[str, BatchStatus]:
        """The batches of these names that the provider knows, by name."""

    @abstractmethod
    async def look(self, batch: str, connection: Connection) -> BatchStatus:
        """The batch with the provider's id `batch`, as it is now."""

    @abstractmethod
    async def cancel(self, batch: str, connection: Connection) -> None:
        """Let no more requests of a batch be carried out; what was is kept."""

    @abstractmethod
    def answers(
        self, output: str, request_of: Callable[[str], ImageRequest | None], connection: Connection
    ) -> AsyncGenerator[BatchAnswer, None]:
        """What a file of answers holds, one by one as it arrives. `request_of` gives the request of a run, by
        its key; answers for other keys are left out. A line that nobody can read costs only itself."""


class Provider(ABC):
    """One image provider. Subclasses set the class attributes and write `generate`; those whose models look
    at pictures as well write `answer`, and those that take requests in batches have `batches`."""

    name: ClassVar[str]
    label: ClassVar[str]
    models: ClassVar[tuple[Model, ...]]
    vision_models: ClassVar[tuple[VisionModel, ...]] = ()
    """The models that can be asked about a picture; others may be too, where the provider is named."""
    base_url: ClassVar[str]
    """The provider's own address; a loopback emulator serves the same path below `/<name>`."""
    key_variable: ClassVar[str]
    """The environment variable that holds the user's own key."""
    accounts: ClassVar[tuple[type[Hosted], ...]] = (Gateway,)
    """The kinds of hosted account the provider can be reached through."""
    wire_names: ClassVar[Mapping[str, str]] = {}
    """What the provider calls each setting in its requests, by platform key, for a provider whose
    `generate` builds its request with `ImageRequest.wire_settings`; empty for one that reads them itself."""
    takes_files: ClassVar[bool] = False
    """Whether `generate` reads images only by `ProviderResponse.image_data`, and hands on what that gives,
    bytes or a file: then they are decoded into files while they arrive."""
    telemetry_name: ClassVar[str] = ""
    """What OpenTelemetry's conventions call the provider, where that is not its name."""
    rank: ClassVar[int] = 100
    """Where the provider stands in lists; the platform's own order for the built-in ones."""

    def address(self, credential: Credential) -> str:
        """The base URL a credential's calls go to when they go to the live provider, with what an account
        adds to it after a `?`."""
        return credential.base_url or self.base_url

    def emulated_path(self, credential: Credential) -> str:
        """The path of the same base URL on an emulator, below `/<name>`."""
        return urlsplit(self.base_url).path

    def requests_for(self, count: int) -> int:
        """How many requests a run for so many images sends."""
        return 1

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Import what `generate` needs; called in a thread, before the deadline starts to count."""

    @abstractmethod
    def generate(self, request: ImageRequest, connection: Connection) -> AsyncGenerator[ProviderEvent, None]:
        """Ask for `request.count` images and yield what comes: images (and previews), a
        `MissingImages` for those that did not come, and a `ResponseMetadata` per answered request.

        Every declared setting is read from `request.settings`: one that is not read is reported as not sent.
        Raises a `ProviderError` when nothing can come. Never sends a request again itself: the client knows
        what may be sent again, and when.
        """

    @property
    def batches(self) -> Batches | None:
        """How many requests can be submitted at once; None where that is not possible."""
        return None

    @property
    def can_answer(self) -> bool:
        """Whether it has models that can be asked about a picture: then it has an `answer` of its own."""
        return type(self).answer is not Provider.answer

    async def answer(self, request: VisionRequest, connection: Connection) -> VisionAnswer:
        """Ask a model about a picture, in one request, and return what it said.

        Raises a `ProviderError` where no answer came, `InvalidOption` where the provider or the account has
        no way to ask. What came and cannot be used is the answer's `error`, so that its cost is not lost.
        """
        raise InvalidOption(
            f"{self.label} cannot be asked about images: its provider has no `answer`. Use a model of a "
            "provider that has, such as OpenAI, xAI or Google"
        )


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A model and the provider that serves it."""

    provider: Provider = field(repr=False)
    model: Model
