"""The line of a magic, as IPython hands it on: with the comment behind it, if there is one."""

from __future__ import annotations

import re
import shlex

_PART = re.compile(
    r"""(?P<comment>(?<!\S)\#) | "(?:\\.|[^"\\])*" | '[^']*' | \\. | .""", re.VERBOSE | re.DOTALL
)


def words(line: str) -> list[str]:
    """The words of a line, split as a shell does. A `#` before a word begins a comment, one in quotes or
    within a word does not. Raises ValueError for quotes without an end."""
    for part in _PART.finditer(line):
        if part["comment"]:
            return shlex.split(line[: part.start()])
    return shlex.split(line)
