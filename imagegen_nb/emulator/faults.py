"""Scripted failures: what can go wrong with a provider, as plain values.

A `Fault` is one entry of a provider's queue; every generation request takes the next one, and an empty queue
means success. *Early* kinds answer without looking at the request; the others need a valid request first,
because they spoil its real answer.

Where a kind has no meaning for a provider, its nearest equivalent is served:

==================  ======================================================================
`fewer`             Gemini makes one picture a call: a candidate without picture (NO_IMAGE)
`text_only`         OpenAI and xAI have no text answer: ``"data": []``
`stream_error`      without ``stream: true`` on OpenAI: `server_error`
`stream_cut`        without ``stream: true`` on OpenAI: `cut`
==================  ======================================================================

Scripting a `stream_*` kind for xAI or Gemini is a ValueError: neither streams pictures.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, Literal, get_args

Provider = Literal["openai", "xai", "gemini"]
PROVIDERS: Final[tuple[Provider, ...]] = get_args(Provider)

FaultKind = Literal[
    "ok", "rate_limit", "quota", "auth", "permission", "server_error", "hang", "delay", "drop", "cut", "drip",
    "moderation", "fewer", "empty", "text_only", "wrong_bytes", "bad_base64", "wrong_type", "truncated_image",
    "html", "truncated_json", "json_list", "redirect", "not_found", "bad_request", "echo_key", "huge", "gzip",
    "stream_error", "stream_cut",
]  # fmt: skip
KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)

#: Kinds answered as soon as the request has been read, whatever it asked for.
EARLY: Final = frozenset[FaultKind](
    {"rate_limit", "quota", "auth", "permission", "server_error", "hang", "drop", "html", "json_list",
     "redirect", "not_found", "bad_request", "echo_key", "huge"}
)  # fmt: skip

#: Kinds with an admissible set of statuses; the first is the default.
STATUSES: Final[dict[FaultKind, tuple[int, ...]]] = {
    "server_error": (500, 502, 503, 504),
    "redirect": (307, 301, 302, 303, 308),
    "quota": (429, 400, 402, 403),
}

#: Kinds that come in several shapes; the first is the default.
VARIANTS: Final[dict[FaultKind, tuple[str, ...]]] = {
    "empty": ("null", "list", "object"),
    "moderation": ("finish", "prompt"),
    "wrong_bytes": ("html", "random"),
    "server_error": ("json", "html"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted answer; parameters a kind does not use are ignored.

    status: HTTP status for `server_error`, `redirect` and (OpenAI) `quota`.
    retry_after, retry_after_ms: header values, sent exactly as written, with `rate_limit` and `server_error`.
    code, message, param: override the provider's own error code (or finish reason), text and parameter name.
    seconds: wait of `delay`; pause before each byte of `drip`.
    images: how many pictures `fewer` still delivers.
    variant: shape of `empty` (null, list, object), `moderation` (finish, prompt; Gemini), `wrong_bytes`
    (html, random) and `server_error` (json, html).
    location: target of `redirect`. size: bytes of `huge`. reset: `drop` with a TCP reset, not a plain close.
    """

    kind: FaultKind
    status: int | None = None
    retry_after: str | None = None
    retry_after_ms: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    seconds: float = 0.05
    images: int = 0
    variant: str | None = None
    location: str = "/_emulator/health"
    size: int = 64 * 1024 * 1024
    reset: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}; known: {', '.join(KINDS)}")
        statuses = STATUSES.get(self.kind)
        if self.status is not None and (statuses is None or self.status not in statuses):
            raise ValueError(f"{self.kind} does not take status {self.status}; allowed: {statuses or 'none'}")
        variants = VARIANTS.get(self.kind)
        if self.variant is not None and (variants is None or self.variant not in variants):
            raise ValueError(f"{self.kind} has no variant {self.variant!r}; allowed: {variants or 'none'}")
        if self.seconds < 0 or self.images < 0 or self.size < 0:
            raise ValueError("seconds, images and size must not be negative")

    @property
    def shape(self) -> str:
        """The variant asked for, or the kind's default; '' for kinds of one shape."""
        return self.variant or VARIANTS.get(self.kind, ("",))[0]

    def status_or_default(self) -> int:
        """The status asked for, or the kind's default; KeyError for kinds without a status."""
        return self.status or STATUSES[self.kind][0]

    @classmethod
    def from_json(cls, item: dict[str, Any]) -> Fault:
        """Build from a JSON object with this class's field names; ValueError on anything else."""
        known = {field.name: field for field in fields(cls)}
        if unknown := sorted(set(item) - set(known)):
            raise ValueError(f"unknown fault fields: {', '.join(unknown)}")
        if "kind" not in item:
            raise ValueError("a fault needs a kind")
        for name, value in item.items():
            default = known[name].default
            wanted = str if default is MISSING or default is None else type(default)
            wanted = int if name == "status" else wanted
            number = wanted is float and type(value) is int
            if value is not None and type(value) is not wanted and not number:
                raise ValueError(f"fault field {name} must be {wanted.__name__}, not {type(value).__name__}")
        return cls(**{name: value for name, value in item.items() if value is not None})


OK: Final = Fault("ok")


def check_scriptable(provider: Provider, fault: Fault) -> None:
    """Raise ValueError where `provider` cannot show `fault`, not even by an equivalent."""
    if provider not in PROVIDERS:
        raise ValueError(f"unknown provider {provider!r}; known: {', '.join(PROVIDERS)}")
    if fault.kind in ("stream_error", "stream_cut") and provider != "openai":
        raise ValueError(f"{fault.kind} cannot be scripted for {provider}: it does not stream pictures")
