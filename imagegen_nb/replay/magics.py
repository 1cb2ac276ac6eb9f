"""`%cassette` in a notebook: use a cassette, see which is in use, put it away."""

from __future__ import annotations

from typing import Any

from imagegen_nb.core.magic_lines import words
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay.session import Session, Status, status, use


class CassetteMagic:
    """Keeps the cassette of a notebook in use from one cell to the next."""

    def __init__(self) -> None:
        self.session: Session | None = None

    def cassette(self, line: str) -> Status | None:
        """Use a cassette from here on, or tell which is in use.

        %cassette hero          replay cassettes/hero
        %cassette hero all      record it anew (once: record it where there is none yet)
        %cassette off           save it and put it away
        %cassette               what is in use, and what it was recorded against

        A `# comment` may stand behind any of them.
        """
        try:
            arguments = words(line)
        except ValueError as error:
            raise ReplayError(f"%cassette {line}: {error}") from None
        if len(arguments) > 2:
            raise ReplayError(f"%cassette {line}: write %cassette NAME, %cassette NAME all, or %cassette off")
        if arguments:
            self.close()
        if arguments and arguments != ["off"]:
            self.session = use(*arguments).open()
        return status()

    def close(self) -> None:
        """Close the cassette that `%cassette` has put in use, if any."""
        session, self.session = self.session, None
        if session is not None:
            session.close()


_magic = CassetteMagic()


def register(shell: Any) -> None:
    """Add `%cassette` to an IPython shell."""
    shell.register_magic_function(_magic.cassette, "line", "cassette")


def unregister() -> None:
    """Close the cassette in use."""
    _magic.close()
