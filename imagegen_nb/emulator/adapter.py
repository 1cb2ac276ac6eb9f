"""One face for three wire formats, so that the way from request to answer is written once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imagegen_nb.emulator.faults import Fault, Provider
    from imagegen_nb.emulator.rendering.drawing import Drawing
    from imagegen_nb.emulator.responses import Answer, Item
    from imagegen_nb.emulator.state import State


@dataclass(frozen=True, slots=True)
class Call:
    """A generation request as read: `body` is parsed JSON or None, `headers` have lower-case names.

    model: from the path (Gemini), else None. query_key: Google's ``?key=``. base: this server's root URL.
    """

    path: str
    model: str | None
    body: Any
    headers: Mapping[str, str]
    query_key: str | None
    base: str
    fault: Fault
    state: State

    def sent_key(self) -> str:
        """Whatever key came along, in clear; only ever used to echo it when a fault says so."""
        bearer = self.headers.get("authorization", "").partition(" ")[2]
        return self.headers.get("x-goog-api-key") or self.query_key or bearer


class Job(Protocol):
    """A checked request that knows its pictures and how to answer with them."""

    def drawings(self) -> list[Drawing]:
        """Finished pictures, in order."""
        ...

    def sketches(self) -> list[list[Drawing]]:
        """Unfinished pictures of each one, for streams."""
        ...

    def instead(self, fault: Fault) -> Answer | None:
        """The answer of a fault that leaves no picture, None for the others."""
        ...

    def answer(self, fault: Fault, items: Sequence[Item], sketches: Sequence[Sequence[Item]]) -> Answer:
        """The success, with the pictures as they are."""
        ...


class Wire(Protocol):
    """A provider: how it refuses, checks and signs."""

    provider: ClassVar[Provider]

    def refuse(self, fault: Fault, call: Call) -> Answer:
        """The provider's error for an early fault."""
        ...

    def check(self, call: Call) -> Job:
        """Key, model and parameters; raises Refusal."""
        ...

    def headers(self, elapsed: float) -> dict[str, str]:
        """Headers of every answer; `elapsed` in seconds."""
        ...
