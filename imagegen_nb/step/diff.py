"""What differs between two steps, setting by setting, and their prompts word by word."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape
from typing import Any

from imagegen_nb.core.html_repr import html_output, wrapping
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.redaction import mask, visible
from imagegen_nb.errors import InvalidOption
from imagegen_nb.step.step import ImageGenerationStep

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_WORDS = 4_000
"""Of each prompt; comparing more takes the square of it, and nobody reads that."""
_STYLE = "vertical-align:top;text-align:left;padding:2px 12px 2px 0"
_NAME = 'style="vertical-align:top;text-align:left;padding:2px 12px 2px 0;white-space:nowrap"'
_CHANGED = 'style="font-weight:bold;text-decoration:{}"'


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that differs. A value is None where it is unset; `a_used` and `b_used` are then the model's
    default, where it is known."""

    setting: str
    a: Any
    b: Any
    a_used: Any = None
    b_used: Any = None

    def __str__(self) -> str:
        return f"{self.setting}: {_told(self.a, self.a_used)} → {_told(self.b, self.b_used)}"


@dataclass(frozen=True, slots=True, repr=False)
class StepDiff:
    """The settings in which `b` differs from `a`, in the platform's order. It is false where none does."""

    a: ImageGenerationStep
    b: ImageGenerationStep
    changes: tuple[Change, ...]

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __contains__(self, setting: object) -> bool:
        return any(change.setting == setting for change in self.changes)

    def __getitem__(self, setting: str) -> Change:
        for change in self.changes:
            if change.setting == setting:
                return change
        raise KeyError(setting)

    def as_dict(self) -> dict[str, tuple[Any, Any]]:
        """The two values of each setting that differs."""
        return {change.setting: (change.a, change.b) for change in self.changes}

    @property
    def title(self) -> str:
        """How many settings differ, in a line."""
        count = len(self.changes)
        return (
            f"{count} setting{' differs' if count == 1 else 's differ'}" if count else "the steps are equal"
        )

    def __repr__(self) -> str:
        return visible("\n".join([f"Diff · {self.title}", *(f"  {change}" for change in self.changes)]))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td {_NAME}>{escape(change.setting)}</td>{_cells(change)}</tr>" for change in self.changes
        )
        head = f"<tr>{''.join(_cell(name, name) for name in ('', 'a', 'b'))}</tr>" if rows else ""
        table = f'<table style="margin:0">{head}{rows}</table>' if rows else ""
        heading = f'<p style="margin:4px 0"><strong>{escape(f"Diff · {self.title}")}</strong></p>'
        return html_output(f"{heading}{table}")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


@helpful_calls
def diff(a: ImageGenerationStep, b: ImageGenerationStep) -> StepDiff:
    """What differs between two steps: iterate over its changes, or show it in a notebook.

    A setting that one step leaves unset, and the other sets to the model's default, differs: what is sent
    does. Raises `InvalidOption` for anything but steps.
    """
    given: tuple[tuple[str, object], ...] = (("a", a), ("b", b))
    for name, step in given:
        if not isinstance(step, ImageGenerationStep):
            hint = "use its .step" if hasattr(step, "step") else "give a step"
            if isinstance(step, str | bytes | os.PathLike) or hasattr(step, "file_url"):
                hint = "give a step; ig.step_from(...) reads that of an image or a step file"
            raise InvalidOption(f"diff: {name} is of type {type(step).__name__}: {hint}")
    changes = []
    for setting in type(a).model_fields:
        ours, theirs = getattr(a, setting), getattr(b, setting)
        if ours != theirs:
            used = (_default(a, setting, ours), _default(b, setting, theirs))
            changes.append(Change(setting, ours, theirs, *used))
    return StepDiff(a, b, tuple(changes))


def words_that_differ(a: str, b: str) -> Iterator[tuple[bool, str, str]]:
    """The texts in pieces: whether they are equal, the piece of `a` and that of `b`."""
    ours, theirs = _WORDS.findall(a), _WORDS.findall(b)
    if max(len(ours), len(theirs)) > _MOST_WORDS:
        yield a == b, a, b
        return
    for tag, i, j, k, m in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        yield tag == "equal", "".join(ours[i:j]), "".join(theirs[k:m])


def _default(step: ImageGenerationStep, setting: str, value: Any) -> Any:
    return step.effective(setting) if value is None else None


def _told(value: Any, used: Any) -> str:
    if value is None:
        return "unset" if used is None else f"unset ({used!r} by default)"
    return mask(repr(value))


def _cells(change: Change) -> str:
    if isinstance(change.a, str) and isinstance(change.b, str) and " " in change.a + change.b:
        a, b = mask(change.a), mask(change.b)
        pieces = list(words_that_differ(a, b))
        ours = "".join(_marked(piece, "del", equal=equal) for equal, piece, _ in pieces)
        theirs = "".join(_marked(piece, "ins", equal=equal) for equal, _, piece in pieces)
    else:
        a, b = _told(change.a, change.a_used), _told(change.b, change.b_used)
        ours, theirs = escape(a), f"<strong>{escape(b)}</strong>"
    return f"{_cell(ours, a)}{_cell(theirs, b)}"


def _cell(html: str, text: str) -> str:
    return f'<td style="{_STYLE};{wrapping(text)}">{html}</td>'


def _marked(text: str, tag: str, *, equal: bool) -> str:
    if not text:
        return ""
    line = {"del": "line-through", "ins": "underline"}[tag]
    shown = escape(text)
    return shown if equal else f"<{tag} {_CHANGED.format(line)}>{shown}</{tag}>"
