"""`%cassette` in a notebook: use one, see what is in use, put it away."""

from __future__ import annotations

import shlex
from typing import Any

from imagegen_nb.errors import ReplayError
from imagegen_nb.replay.opening import status, use
from imagegen_nb.replay.session import Session, Status


class Deck:
    """The cassette a notebook uses, from one cell to another."""

    def __init__(self) -> None:
        self.session: Session | None = None

    def cassette(self, line: str) -> Status | None:
        """Use a cassette from here on, or tell which is in use.

        %cassette hero          replay cassettes/hero
        %cassette hero all      record it anew (once: record it where there is none yet)
        %cassette off           save it and put it away
        %cassette               what is in use, and what it was recorded against
        """
        words = shlex.split(line)
        if len(words) > 2:
            raise ReplayError(f"%cassette {line}: write %cassette NAME, %cassette NAME all, or %cassette off")
        if words:
            self.put_away()
        if words and words != ["off"]:
            self.session = use(words[0], words[1] if len(words) == 2 else None).open()
        return status()

    def put_away(self) -> None:
        """Close what is in use."""
        session, self.session = self.session, None
        if session is not None:
            session.close()


_deck = Deck()


def register(shell: Any) -> None:
    """Add `%cassette` to an IPython shell."""
    shell.register_magic_function(_deck.cassette, "line", "cassette")


def unregister() -> None:
    """Put the cassette away."""
    _deck.put_away()
