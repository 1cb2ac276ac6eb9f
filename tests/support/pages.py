"""The blocks of a page of the documents, as a reader goes through them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

RUN = ("python", "ipython", "sh")
FILES = ("toml", "csv", "json", "ini")
SHOWN = ("console", "text", "diff", "yaml", "{toctree}", "{eval-rst}", "{include}")
_ENDINGS = {"python": ".py"} | {kind: f".{kind}" for kind in FILES}
_BLOCK = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"`([\w./-]+\.\w+)`:\s*$")


class Block(NamedTuple):
    """Its language and text, and the file of such an ending that the words before it name, if any."""

    kind: str
    text: str
    file: str


def blocks(path: Path) -> Iterator[Block]:
    """Those of a page, from its top."""
    text = path.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        name = _NAME.search(text, max(0, found.start() - 200), found.start())
        is_file = name is not None and name[1].endswith(_ENDINGS.get(found[2], "\0"))
        yield Block(found[2], textwrap.dedent(found[3]), name[1] if name and is_file else "")
