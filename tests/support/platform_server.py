"""The platform's emulation, which tests have refuse, break off, lose answers, and call back oddly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from imagegen_nb.emulator.workflow_platform import Answer, PlatformEmulator

WORKSPACE = "38400000-8cf0-11bd-b23e-10b96e4ef00d"
KEY = "fhk_0123456789abcdef0123456789abcdef"
SECRET = "whsec_0123456789abcdef"
SIGNED = "?X-Amz-Expires=3600&X-Amz-Signature=" + "0123456789abcdef" * 4
Callback = tuple[Any, str | None]
"""The document or bytes of a callback, and the signature in place of the right one."""


class PlatformServer(PlatformEmulator):
    """How it is to behave, beside what it was asked and what it has."""

    WORKSPACE, KEY, SECRET = WORKSPACE, KEY, SECRET

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Answer | str] = []
        """What the next requests get instead: a status with a document, "drop" for no answer at all, or
        "lose" for none although all was done."""
        self.signature = ""
        self.workflow: Callable[[dict[str, Any]], Answer] | None = None
        self.callbacks: Callable[[dict[str, Any]], list[Callback]] | None = None
        """What is called back of a run, in this order and before the invoke is answered."""
        self.called_back: list[int] = []
        """The statuses that callbacks were answered with."""
        self.told: list[Answer] = []
        """What is told of a run that is asked for, in turn; the last one from then on."""

    def handle(self, method: str, path: str, headers: Any, body: bytes) -> Answer | None:
        scripted = self.answers.pop(0) if self.answers else None
        if scripted is None:
            return super().handle(method, path, headers, body)
        self.requests.append((method, path))
        if isinstance(scripted, tuple):
            return scripted
        answer = self.route(method, path, headers, body) if scripted == "lose" else None
        assert answer is not None or scripted == "drop"
        return None

    def invoke(self, document: dict[str, Any]) -> Answer:
        if self.workflow is None:
            return super().invoke(document)
        self.invocations.append(document)
        return self.workflow(document)

    def told_run(self, run_id: str) -> Answer:
        if not self.told:
            return super().told_run(run_id)
        return self.told.pop(0) if len(self.told) > 1 else self.told[0]

    def deliver(self, run: dict[str, Any], url: str) -> None:
        if self.callbacks is None:
            return super().deliver(run, url)
        for document, signature in self.callbacks(run):
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.called_back.append(self.call_back(url, body, signature))
        return None

    def fresh(self, asset: dict[str, Any]) -> dict[str, Any]:
        record = super().fresh(asset)
        return {**record, "file_url": record["file_url"] + self.signature}


@contextmanager
def served() -> Iterator[PlatformServer]:
    """The emulation on a loopback port."""
    with PlatformServer() as platform:
        yield platform
