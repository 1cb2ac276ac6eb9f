"""Takes base64 out of a JSON answer while it arrives, so that neither text nor bytes are ever held whole.

An answer of images is a little JSON around megabytes of base64. Each long string of nothing else is decoded
piece by piece, and a short token stands for it in the text that is left. Any other text, and whatever turns
out not to be base64 after all, stays as it came: what reads it afterwards is the same either way.
"""

from __future__ import annotations

import re
import secrets as random_tokens
from collections.abc import Callable, Sequence
from pathlib import Path

import pybase64

from imagegen_nb.core.received_file import ReceivedFile, Receiver
from imagegen_nb.providers.http.decoding import base64_bytes

_SHORTEST = 4096
"""Characters of a string that is worth it; whatever else an answer says is shorter."""
_PIECE = 1 << 17
"""Characters that are decoded at once: TLS brings them in pieces of 16 KiB."""
_HELD_BACK = 8
"""Characters that are decoded at the end of a string, where padding may be missing or doubled."""
_QUOTE = b'"'
_END_OF_TEXT = re.compile(rb'["\\]')


class InlineFiles:
    """Reads a body: `feed` it as it arrives, then `close`; `text` is the JSON, `files` what its tokens mean.

    `new_path` names a file for each string, None to hold the bytes in memory. A string whose bytes hold one
    of the `secrets` stays text, for whoever masks them there.
    """

    def __init__(
        self, new_path: Callable[[], Path | None] | None = None, secrets: Sequence[str] = ()
    ) -> None:
        self.files: dict[str, bytes | ReceivedFile] = {}
        self._text = bytearray()
        self._new_path = new_path
        self._secrets = [secret.encode(errors="surrogatepass") for secret in secrets if secret]
        self._token = random_tokens.token_hex(8)
        self._string = bytearray()
        """The beginning of a string that may be base64; of one that is, what is not decoded yet."""
        self._receiver: Receiver | None = None
        # Not bound: with a reference to itself it would keep its files until garbage is collected.
        self._read = InlineFiles._between_strings

    @property
    def text(self) -> bytes:
        """The body so far, each long string of base64 replaced by its token."""
        return bytes(self._text)

    def feed(self, data: bytes) -> None:
        """Read what comes next."""
        position = 0
        while position < len(data):
            position = self._read(self, data, position)

    def close(self) -> None:
        """The body has ended, maybe in the middle: a string without an end is no image."""
        if self._receiver is not None:
            self._receiver.discard()
            self._receiver = None
        self._leave_as_text()

    # Each reads from `start` as far as it is responsible, and returns where the next one reads on. A copy of
    # what is left would be made for every short string.

    def _between_strings(self, data: bytes, start: int) -> int:
        quote = data.find(_QUOTE, start)
        end = len(data) if quote < 0 else quote + 1
        self._text += data[start:end]
        if quote >= 0:
            self._read = InlineFiles._beginning
        return end

    def _beginning(self, data: bytes, start: int) -> int:
        """A string of which it is not known yet what it is."""
        end = min(len(data), start + _SHORTEST - len(self._string))
        if (end_of_text := _END_OF_TEXT.search(data, start, end)) is not None:
            self._string += data[start : end_of_text.start()]
            self._leave_as_text()
            return end_of_text.start()
        self._string += data[start:end]
        if len(self._string) >= _SHORTEST:
            self._receiver = Receiver(self._new_path, self._secrets)
            self._read = InlineFiles._base64
            if not self._decode():
                self._give_up()
        return end

    def _as_text(self, data: bytes, start: int) -> int:
        """A string that is no base64, up to its end."""
        end = _END_OF_TEXT.search(data, start)
        if end is None:
            self._text += data[start:]
            return len(data)
        self._text += data[start : end.end()]
        self._read = InlineFiles._between_strings if end[0] == _QUOTE else InlineFiles._after_escape
        return end.end()

    def _after_escape(self, data: bytes, start: int) -> int:
        self._text += data[start : start + 1]
        self._read = InlineFiles._as_text
        return start + 1

    def _base64(self, data: bytes, start: int) -> int:
        """A string that has been base64 so far."""
        quote = data.find(_QUOTE, start)
        end = len(data) if quote < 0 else quote
        self._string += data[start:end]
        if quote < 0 and len(self._string) < _PIECE:
            return end
        if not self._decode():
            self._give_up()
            return end
        if quote >= 0 and self._end():
            return quote + 1
        return end

    def _decode(self) -> bool:
        """Decode what has come of the string, but for its end; false where it is no base64."""
        assert self._receiver is not None
        length = (len(self._string) - _HELD_BACK) // 4 * 4
        if length <= 0:
            return True
        try:
            decoded = pybase64.b64decode(memoryview(self._string)[:length], validate=True)
        except ValueError:
            return False
        # Padding in the middle makes it shorter: it would not come back the same.
        if len(decoded) * 4 != length * 3 or not self._receiver.write(decoded):
            return False
        del self._string[:length]
        return True

    def _end(self) -> bool:
        """Put a token in the place of the string, which ends here; false where it is no base64 after all."""
        assert self._receiver is not None
        last = base64_bytes(self._string.decode("latin-1"))
        if last is None or not self._receiver.write(last):
            self._give_up()
            return False
        # Where it was no image, somebody may read it in an error's words.
        token = f"[{self._receiver.size:,} bytes of base64, {self._token}-{len(self.files)}]"
        self.files[token] = self._receiver.finish()
        self._receiver = None
        self._string.clear()
        self._text += token.encode() + _QUOTE
        self._read = InlineFiles._between_strings
        return True

    def _give_up(self) -> None:
        """What was decoded becomes text again; the same text, because only whole groups were decoded."""
        assert self._receiver is not None
        self._text += pybase64.b64encode(self._receiver.take_back())
        self._receiver = None
        rest, self._string = bytes(self._string), bytearray()
        self._read = InlineFiles._as_text
        self.feed(rest)  # its last character may be an escape

    def _leave_as_text(self) -> None:
        self._text += self._string
        self._string.clear()
        self._read = InlineFiles._as_text
