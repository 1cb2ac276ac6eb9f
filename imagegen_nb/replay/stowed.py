"""A recording with its images out of line, as it is searched for keys and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from imagegen_nb.replay import blobs, bodies
from imagegen_nb.replay.recording import Recording


@dataclass(frozen=True, slots=True)
class Stowed:
    """The bodies of `recording` as texts with placeholders, and the images behind them by file name."""

    recording: Recording
    request: str = field(repr=False)
    sent_images: dict[str, bytes] = field(repr=False)
    answer: str = field(repr=False)
    received_images: dict[str, bytes] = field(repr=False)

    @property
    def images(self) -> dict[str, bytes]:
        """All that stand beside the text."""
        return self.sent_images | self.received_images

    def entry(self) -> dict[str, Any]:
        """The recording as it stands in the file."""
        recording = self.recording
        entry: dict[str, Any] = {
            "request": {
                "method": recording.method,
                "url": recording.url,
                "call": recording.call,
                "body": bodies.to_document(self.request),
            },
            "answer": {
                "status": recording.status,
                "headers": dict(sorted(recording.headers.items())),
                "body": bodies.to_document(self.answer),
            },
        }
        if recording.ended:
            entry["answer"] |= {"ended": recording.ended, "sent": recording.sent}
        return entry


def stow(recording: Recording) -> Stowed:
    """Take the images out of a recording's bodies."""
    return Stowed(recording, *blobs.extract(recording.request_body), *blobs.extract(recording.response_body))
