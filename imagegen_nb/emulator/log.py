"""The request log: proof of what really arrived, with every key replaced by a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imagegen_nb.emulator.faults import FaultKind, Provider

SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-goog-api-key", "x-api-key", "api-key", "cookie"}
)


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One generation request, as it arrived.

    path: without the query, where Google allows a key. model: as asked for, None when absent.
    body: the parsed JSON, None when it was none. headers: lower-case names; secrets as ``sha256:ab12cd34``.
    fault: the kind of the scripted entry it took (``ok`` when the queue was empty). at: monotonic seconds.
    """

    provider: Provider
    method: str
    path: str
    model: str | None
    body: Any
    headers: dict[str, str]
    fault: FaultKind
    at: float

    def to_json(self) -> dict[str, Any]:
        """The same, as a JSON object."""
        return asdict(self)


def fingerprint(secret: str) -> str:
    """A short, stable stand-in for `secret`: tells keys apart, reveals none."""
    return "sha256:" + hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def safe_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Header names in lower case, secret values fingerprinted; repeated names joined by a comma."""
    merged: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        shown = fingerprint(value) if lower in SECRET_HEADERS else value
        merged[lower] = f"{merged[lower]}, {shown}" if lower in merged else shown
    return merged
