"""Scripted failures: what can go wrong with a provider, as plain values.

A `Fault` is one entry of a provider's queue; every generation request takes the next one, and an empty queue
means success. Some kinds come before validation, whatever was asked for; the others need a valid request,
because they change its real response.

Where a kind has no meaning for a provider, its nearest equivalent is served:

==================  ======================================================================
`fewer`             Gemini makes one picture a call: a candidate without picture (NO_IMAGE)
`text_only`         OpenAI and xAI never respond with text: ``"data": []``
`stream_error`      without ``stream: true`` on OpenAI: `server_error`
`stream_cut`        without ``stream: true`` on OpenAI: `cut`
==================  ======================================================================

A question about a picture is answered with text: `moderation` is then a refusal (variant `prompt`: an error,
or a block), `empty` an answer without text, `text_only` one that is no JSON, and kinds that are about images
change nothing.

Scripting a `stream_*` kind for a provider that does not stream images is a ValueError.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, Literal, get_args

FaultKind = Literal[
    "ok", "rate_limit", "quota", "auth", "permission", "server_error", "hang", "delay", "drop", "cut", "drip",
    "moderation", "fewer", "empty", "text_only", "wrong_bytes", "bad_base64", "wrong_type", "truncated_image",
    "html", "truncated_json", "json_list", "redirect", "not_found", "bad_request", "echo_key", "huge", "gzip",
    "stream_error", "stream_cut",
]  # fmt: skip
KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)

#: Kinds served as soon as the request has been read, whatever it asked for.
BEFORE_VALIDATION: Final = frozenset[FaultKind](
    {"rate_limit", "quota", "auth", "permission", "server_error", "hang", "drop", "html", "json_list",
     "redirect", "not_found", "bad_request", "echo_key", "huge"}
)  # fmt: skip

#: Kinds with a choice of statuses; the first is the default.
STATUSES: Final[dict[FaultKind, tuple[int, ...]]] = {
    "server_error": (500, 502, 503, 504),
    "redirect": (307, 301, 302, 303, 308),
    "quota": (429, 400, 402, 403),
    "not_found": (404, 410),
}

#: Kinds with a choice of variants; the first is the default.
VARIANTS: Final[dict[FaultKind, tuple[str, ...]]] = {
    "empty": ("null", "list", "object"),
    "moderation": ("finish", "prompt"),
    "wrong_bytes": ("html", "random"),
    "server_error": ("json", "html"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted failure; parameters a kind does not use are ignored.

    status: HTTP status for `server_error`, `redirect`, `not_found` and (OpenAI) `quota`.
    retry_after, retry_after_ms: header values, sent exactly as written, with `rate_limit` and `server_error`.
    code, message, param: override the provider's own error code (or finish reason), text and parameter name.
    seconds: wait of `delay`; pause before each byte of `drip`.
    images: how many images `fewer` still delivers.
    variant: of `empty` (null, list, object), `moderation` (finish, prompt; Gemini), `wrong_bytes`
    (html, random) and `server_error` (json, html).
    sent: the part of the body that `cut` and `truncated_json` send, from 0 to 1.
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
    sent: float = 0.25
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
        if not 0 <= self.sent <= 1:
            raise ValueError("sent is a part of the whole, from 0 to 1")
        if self.seconds < 0 or self.images < 0 or self.size < 0:
            raise ValueError("seconds, images and size must not be negative")

    def variant_or_default(self) -> str:
        """The variant asked for, or the kind's default; '' for kinds without variants."""
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
            expected = str if default is MISSING or default is None else type(default)
            expected = int if name == "status" else expected
            int_for_float = expected is float and type(value) is int
            if value is not None and type(value) is not expected and not int_for_float:
                raise ValueError(
                    f"fault field {name} must be {expected.__name__}, not {type(value).__name__}"
                )
        return cls(**{name: value for name, value in item.items() if value is not None})


OK: Final = Fault("ok")
