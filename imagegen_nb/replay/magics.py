"""`%cassette` in a notebook: use a cassette, see which is in use, put it away."""

from __future__ import annotations

import shlex
from functools import wraps
from typing import Any, get_args

from imagegen_nb.core.magic_lines import words
from imagegen_nb.errors import ImagegenError, ReplayError
from imagegen_nb.replay import environment
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
        if arguments[1:] and arguments[1] not in get_args(environment.Mode):
            raise ReplayError(
                f"%cassette {line}: {arguments[1]} is not a way to use it; write %cassette "
                f"{shlex.quote(arguments[0])} to replay it, with all behind it to record it, or with once"
            )
        if arguments:
            self.close()
        if arguments and arguments != ["off"]:
            session = use(*arguments)
            session.recording_line = f"%cassette {shlex.quote(arguments[0])} all"
            self.session = session.open()
        return status()

    def close(self) -> None:
        """Close the cassette that `%cassette` has put in use, if any."""
        session, self.session = self.session, None
        if session is not None:
            session.close()


_magic = CassetteMagic()


def register(shell: Any) -> None:
    """Add `%cassette` to an IPython shell."""

    @wraps(_magic.cassette)
    def cassette(line: str) -> Status | None:
        from IPython.core.error import UsageError  # a shell is there, and so is its package

        try:
            return _magic.cassette(line)
        except ImagegenError as error:  # told in a line, without those of this package
            told = "\n".join([str(error), *getattr(error, "__notes__", ())])
        raise UsageError(told)

    shell.register_magic_function(cassette, "line", "cassette")


def unregister() -> None:
    """Close the cassette in use."""
    _magic.close()
