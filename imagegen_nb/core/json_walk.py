"""The one walk over plain JSON: every value of a document, with its path written only when somebody asks.

And how deep a document may be nested that is not only walked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Children = Callable[[Any], Iterable[tuple[str | int, Any]]]
"""What a value holds, as pairs of a name or position and the value there; nothing for a leaf."""

DEEPEST = 300
"""Lists and objects within each other, in a document from elsewhere that is read by what recurses."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the way to it: the node that holds it, and its name (text) or position (a number) there.

    Paths are put together from those links on demand: written out for every value of a deep document, they
    would take the square of its size.
    """

    value: Any
    parent: Node | None = None
    key: str | int = ""
    length: int = 0
    """Characters of `dotted`."""

    @property
    def keys(self) -> tuple[str | int, ...]:
        """The names and positions from the root to here; empty for the root."""
        keys: list[str | int] = []
        node = self
        while node.parent is not None:
            keys.append(node.key)
            node = node.parent
        return tuple(reversed(keys))

    @property
    def dotted(self) -> str:
        """The path as templates write it: `output.assets.0.file_url`."""
        return ".".join(map(str, self.keys))

    @property
    def bracketed(self) -> str:
        """The path as JSON tools write it: `contents[0].parts[0].text`."""
        return bracketed(self.keys)


def bracketed(keys: Iterable[str | int]) -> str:
    """Names and positions as JSON tools write them: `contents[0].parts[0].text`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")


def children(value: Any) -> Iterable[tuple[str | int, Any]]:
    """The members of an object and the items of an array, in their order."""
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, list):
        return enumerate(value)
    return ()


def walk(document: Any, children: Children = children) -> Iterator[Node]:
    """Every value of `document`, itself first, containers before what they hold, in the document's order.

    Linear in time, and safe for any depth: nothing recurses. `children` says what a value holds where the
    document is more than dicts and lists.
    """
    pending = [Node(document)]
    while pending:
        node = pending.pop()
        yield node
        below = node.length + 1 if node.parent else 0
        inner = [Node(value, node, key, below + len(str(key))) for key, value in children(node.value)]
        pending.extend(reversed(inner))


def is_deep(document: Any, deepest: int = DEEPEST) -> bool:
    """Whether `document` is nested deeper than `deepest` lists and objects; looks no further down."""
    level = [document]
    for _ in range(deepest + 1):
        level = [value for value in level if isinstance(value, dict | list)]
        if not level:
            return False
        level = [value for outer in level for _, value in children(outer)]
    return True


def bounded(document: Any) -> Any:
    """`document` itself, for what recurses over it.

    Raises RecursionError where it is nested deeper than `DEEPEST`. Python's own JSON reader, which does so at
    about a thousand levels in 3.11, reads nine thousand in 3.13 and tens of thousands in 3.14.
    """
    if is_deep(document):
        raise RecursionError(f"nested deeper than {DEEPEST} levels")
    return document
