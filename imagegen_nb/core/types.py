"""The plain values that travel between the floors: what is asked of a provider and what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from imagegen_nb.errors import ImagegenError, ProviderError

if TYPE_CHECKING:
    from imagegen_nb.core.received_file import ReceivedFile

ChargeType = Literal["hosted", "personal"]
"""Whose account pays: the workspace's hosted credit, or the user's own provider key."""

OnFailure = Literal["terminate", "continue"]
"""What a failing step does: raise `StepFailed`, or return a run whose output carries the error."""

Backend = Literal["live", "emulator", "simulation"]
"""Where requests went: the providers' own hosts (or a gateway), a loopback emulator, or nowhere at all."""

SYNTHETIC_BACKENDS: Mapping[str, str] = {"emulator": "EMULATED", "simulation": "SIMULATED"}
"""The backends whose images no provider made, and how whatever shows such images says so."""


SettingValue = str | int | float
"""What a setting can be set to."""


class RequestSettings(Mapping[str, SettingValue]):
    """The settings of a request, by platform key, which remembers the ones that were read.

    A run compares what was set with what its provider read: a setting that was not read cannot have been
    sent. Reading a setting that is unset counts too, because it shows that the provider knows it. Going
    through all of them counts as reading each.
    """

    __slots__ = ("_read", "_read_all", "_values")

    def __init__(self, values: Mapping[str, SettingValue]) -> None:
        self._values = dict(values)
        self._read: set[str] = set()
        self._read_all = False

    def __getitem__(self, key: str) -> SettingValue:
        self._read.add(key)
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        self._read_all = True
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return self._values == (other._values if isinstance(other, RequestSettings) else other)

    __hash__ = None  # type: ignore[assignment]  # as any mapping

    def __repr__(self) -> str:
        return repr(self._values)

    def unmarked(self) -> dict[str, SettingValue]:
        """A copy, made without counting as reading any."""
        return dict(self._values)

    def was_read(self, key: str) -> bool:
        """Whether the provider asked for the value of `key`."""
        return self._read_all or key in self._read

    @property
    def unread(self) -> dict[str, SettingValue]:
        """The settings that are set and that nobody has read."""
        return {key: value for key, value in self._values.items() if not self.was_read(key)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """What a provider is asked for: plain values.

    `settings` holds the model's declared settings that are set, by platform key (`image_size`, …);
    an unset one is not in it. `partial_images` above 0 asks for that many streamed previews.
    """

    model: str
    prompt: str
    count: int = 1
    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    partial_images: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.settings, RequestSettings):
            object.__setattr__(self, "settings", RequestSettings(self.settings))

    @property
    def tracked_settings(self) -> RequestSettings:
        """The settings with what was read of them."""
        assert isinstance(self.settings, RequestSettings)
        return self.settings

    def wire_settings(self, wire_names: Mapping[str, str]) -> dict[str, SettingValue]:
        """The settings that are set, by the provider's own names: `wire_names` has one for each key."""
        values = {name: self.settings.get(key) for key, name in wire_names.items()}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used, as the provider reports it.

    `input` and `output` are tokens by modality (`text`, `image`, …), `total` all tokens,
    `cost_in_usd_ticks` xAI's own price (10,000,000,000 ticks are one US dollar). A figure the
    provider did not report is absent, never zero.
    """

    input: Mapping[str, int] = field(default_factory=dict)
    output: Mapping[str, int] = field(default_factory=dict)
    total: int | None = None
    cost_in_usd_ticks: int | None = None

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=_sum_by_key(self.input, other.input),
            output=_sum_by_key(self.output, other.output),
            total=_sum(self.total, other.total),
            cost_in_usd_ticks=_sum(self.cost_in_usd_ticks, other.cost_in_usd_ticks),
        )

    def as_dict(self) -> dict[str, Any]:
        """The reported figures only, ready for JSON."""
        values = {
            "input_tokens": dict(self.input),
            "output_tokens": dict(self.output),
            "total_tokens": self.total,
            "cost_in_usd_ticks": self.cost_in_usd_ticks,
        }
        return {name: value for name, value in values.items() if value not in (None, {})}


def backend_mark(backend: str | None) -> str:
    """The end of a title that says that no provider made the images; empty for a live backend."""
    mark = SYNTHETIC_BACKENDS.get(backend or "", "")
    return f" · {mark}" if mark else ""


def _sum(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else a + b


def _sum_by_key(a: Mapping[str, int], b: Mapping[str, int]) -> Mapping[str, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in (*a, *(k for k in b if k not in a))}


@dataclass(frozen=True, slots=True)
class PartialImage:
    """An unfinished picture on its way: `index` counts previews from 0."""

    index: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """One finished image as the provider sent it, not yet checked; `index` counts from 0.

    `data` are its bytes, or the file that they were written to as they arrived.
    """

    index: int
    data: bytes | ReceivedFile = field(repr=False)
    declared_type: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class MissingImages:
    """Why `count` of the requested images did not come."""

    error: ImagegenError
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseMetadata:
    """What one request used and what the provider said about it.

    `echoed` holds the settings the provider names in its answer, by platform key; what was sent as
    `auto` is concrete there. `answered_by` is the model that answered, `reported` the usage as it came.
    """

    usage: Usage = Usage()
    request_id: str | None = None
    answered_by: str | None = None
    echoed: Mapping[str, SettingValue] = field(default_factory=dict)
    reported: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProviderWarning:
    """Something about an answer that its reader should know although its images could be used."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionRequest:
    """A question about one picture, for a model that looks at pictures: plain values.

    `image` is a whole PNG or JPEG, `media_type` its MIME type. `schema` is the JSON Schema of the object that
    the answer has to be; every field is required. `most_tokens` bounds the answer, thoughts included.
    """

    model: str
    question: str
    image: bytes = field(repr=False)
    media_type: str
    schema: Mapping[str, Any]
    most_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionAnswer:
    """What a model said of a picture: its `text`, which may be anything, and what the request used.

    `error` says why there is no text that can be used, where the provider itself says so: what it cost stands
    in `metadata` all the same.
    """

    text: str
    metadata: ResponseMetadata
    error: ProviderError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """A batch as its provider describes it.

    `id` is the provider's, `name` the one that was given, empty where it is not told. `ended` says that
    nothing more is carried out; `status` is the provider's own word. `expires_at` is an ISO 8601 time in UTC,
    empty where it is not known. `done`, `failed` and `total` count requests, None where they are not told.
    `outputs` name the files that hold answers, and `reason` says why it failed as a whole.
    `may_be_charged` says that a request without an answer may have been carried out all the same, and
    `may_grow` that its provider counts requests only as it reads the file of them.
    """

    id: str
    name: str
    status: str
    ended: bool
    may_be_charged: bool = False
    may_grow: bool = False
    expires_at: str = ""
    done: int | None = None
    failed: int | None = None
    total: int | None = None
    outputs: tuple[str, ...] = ()
    reason: str = ""


ProviderEvent = PartialImage | GeneratedImage | MissingImages | ResponseMetadata | ProviderWarning
"""What `Provider.generate` yields, in the order things happen."""


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What one request of a batch brought. `key` is that of its run, `part` which of the run's requests it
    was; `error` is there where it failed as a whole."""

    key: str
    part: int
    events: Sequence[ProviderEvent] = ()
    error: ProviderError | None = None
