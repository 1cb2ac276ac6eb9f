"""An answer before it becomes HTTP: status, headers and body frames, and the refusal that carries one."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imagegen_nb.emulator.rendering.drawing import Drawing

#: When every answer says it was made (Unix time, 2026-01-01): the same request gets the same body, so that
#: what is recorded of it changes only where something did.
MADE_AT: Final = 1_767_225_600


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `frames` are sent one after another, spread over the latency (events of a stream)."""

    frames: tuple[bytes, ...]
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The whole body."""
        return b"".join(self.frames)

    def with_headers(self, headers: Mapping[str, str]) -> Answer:
        """The same with `headers` added."""
        return replace(self, headers={**self.headers, **headers})


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of compact JSON."""
    content = json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode()
    return Answer((content,), status, headers=headers or {})


class Refusal(Exception):
    """The provider says no; `answer` is what it says."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Item:
    """One picture on its way out: its bytes, their base64 text ('' when withheld), what it claims to be."""

    content: bytes
    data: str
    drawing: Drawing

    @classmethod
    def of(cls, content: bytes, drawing: Drawing) -> Item:
        """Encode `content`."""
        return cls(content, base64.b64encode(content).decode("ascii"), drawing)
