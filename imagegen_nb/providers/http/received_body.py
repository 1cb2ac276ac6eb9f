"""The body of an answer as it arrives: bounded, unpacked, and without the images, which lie in files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from imagegen_nb.core.received_file import ReceivedFile
from imagegen_nb.providers.http.content_encoding import is_packed, unpack
from imagegen_nb.providers.http.inline_files import InlineFiles

_ENOUGH_TO_TELL = 64
"""Bytes from which it can be told whether a body is packed."""


class ReceivedBody:
    """Takes a body in, chunk by chunk, up to `cap` bytes, until it is closed.

    `encoding` is what the answer says of itself. With `new_path`, images go into files of that name, or into
    memory where there can be none, and stand in `files` under the tokens that the text has for them. What is
    packed, or holds one of the `secrets`, stays text.
    """

    def __init__(
        self,
        encoding: str,
        cap: int,
        new_path: Callable[[], Path | None] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self.size = 0
        self._encoding = encoding
        self._cap = cap
        self._inline = InlineFiles(new_path, secrets)
        self._is_kept_whole: bool | None = None if new_path is not None else True
        """Whether the body is read when its end has come; None while it is not known yet."""
        self._chunks: list[bytes] = []
        """The chunks of a body that is kept whole, or of which it is not known yet."""

    @property
    def is_too_large(self) -> bool:
        """Whether more has come than is allowed."""
        return self.size > self._cap

    @property
    def files(self) -> Mapping[str, bytes | ReceivedFile]:
        """The images, by their tokens in the text."""
        return self._inline.files

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes; those past the bound are dropped."""
        self.size += len(chunk)
        if self.is_too_large:
            return
        if self._is_kept_whole is not False:
            self._chunks.append(chunk)
        if self._is_kept_whole is None and self.size >= _ENOUGH_TO_TELL:
            chunk = b"".join(self._chunks)
            self._is_kept_whole = is_packed(chunk, self._encoding)
            self._chunks = [chunk] if self._is_kept_whole else []
        if self._is_kept_whole is False:
            self._inline.feed(chunk)

    def close(self) -> None:
        """No more comes: what has no end yet is given up."""
        self._inline.close()

    def text(self) -> bytes | None:
        """The text of what has come; None where it cannot be unpacked.

        It is longer than the bound where it unfolds to more than that.
        """
        if self._is_kept_whole is False:
            return self._inline.text
        return unpack(b"".join(self._chunks), self._encoding, self._cap)
