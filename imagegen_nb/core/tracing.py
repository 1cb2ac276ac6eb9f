"""Spans of OpenTelemetry, for a program that uses it: otherwise nothing is imported and nothing happens.

Names and attributes are those of OpenTelemetry's conventions for generative AI clients and for HTTP clients
(semantic-conventions-genai 0.1.0, semantic-conventions 1.44.0). What they have no name for begins with
`imagegen_nb.`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from imagegen_nb._version import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Span

Attribute = str | bool | int | float
_PORTS = {"https": 443, "http": 80}


@contextmanager
def span(name: str, attributes: Mapping[str, Attribute | None]) -> Iterator[Recorder]:
    """A span of a call to a server, the parent of those that are opened inside the block.

    An exception that passes ends it as an error, by its class only: its message may hold anything. What reads
    spans is the user's, and may fail: an image that was paid for is not lost by it.
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:  # nobody in this process can read spans
        yield Recorder(None)
        return
    recorder = Recorder(None)
    with suppress(Exception):
        tracer = trace.get_tracer("imagegen_nb", __version__)
        recorder = Recorder(
            tracer.start_span(name, kind=trace.SpanKind.CLIENT, attributes=_known(attributes))
        )
    try:
        with recorder.as_current():
            yield recorder
    except BaseException as error:
        recorder.fail(type(error).__name__)
        raise
    finally:
        recorder.end()


class Recorder:
    """An open span, or nothing in its place."""

    def __init__(self, opened: Span | None) -> None:
        self._span = opened
        self._has_failed = False

    def as_current(self) -> AbstractContextManager[object]:
        """Makes it the parent of spans that are opened inside the block."""
        if self._span is None:
            return nullcontext()
        from opentelemetry.trace import use_span

        return use_span(self._span, record_exception=False, set_status_on_exception=False)

    def end(self) -> None:
        """Close it, which hands it to the user's processors."""
        if self._span is not None:
            with suppress(Exception):
                self._span.end()

    @property
    def is_recording(self) -> bool:
        """Whether anybody wants to know."""
        return self._span is not None and self._span.is_recording()

    def set(self, attributes: Mapping[str, Attribute | None]) -> None:
        """Add attributes; one that is None is not known."""
        if self._span is not None:
            with suppress(Exception):
                self._span.set_attributes(_known(attributes))

    def fail(self, kind: str, message: str = "") -> None:
        """Mark it as failed by an error of a kind; the message holds no key. The first counts."""
        if self._span is not None and not self._has_failed:
            self._has_failed = True
            from opentelemetry.trace import Status, StatusCode

            with suppress(Exception):
                self._span.set_attribute("error.type", kind)
                self._span.set_status(Status(StatusCode.ERROR, message or None))


def server_of(url: str) -> dict[str, Attribute | None]:
    """The attributes that say which server is asked."""
    parts = urlsplit(url)
    return {"server.address": parts.hostname, "server.port": parts.port or _PORTS.get(parts.scheme)}


def _known(attributes: Mapping[str, Attribute | None]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
