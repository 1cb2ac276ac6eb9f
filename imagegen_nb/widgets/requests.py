"""A widget that answers what its page asks, as `requests.js` asks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import ImagegenError
from imagegen_nb.widgets.base import BaseWidget

_LONGEST_ID = 64
_LONGEST_REASON = 200


class AnsweringWidget(BaseWidget):
    """Each message with a `request` gets an answer with the same: what `_answer` returns, or why not."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._on_request)

    def _on_request(self, _widget: object, content: object, _buffers: object) -> None:
        """Answer a message. Whatever a front-end sends, this raises nothing."""
        request = content.get("request") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(request, str) or len(request) > _LONGEST_ID:
            return
        try:
            answer, buffers = self._answer(content)
        # A callback of the user's may raise anything, and an exception in a message handler shows nowhere.
        except Exception as error:  # noqa: BLE001
            summary = error.summary() if isinstance(error, ImagegenError) else ""
            reason = summary or f"{type(error).__name__}: {error}"
            answer, buffers = {"type": "refused", "reason": redact(reason, limit=_LONGEST_REASON)}, []
        self.send({**answer, "request": request}, buffers)

    def _answer(self, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """The answer, and the files that go with it. Raises whatever keeps it from one."""
        raise NotImplementedError
