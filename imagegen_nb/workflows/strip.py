"""A workflow as a strip of cards, one a step, from left to right: static, like all that runs show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import islice
from typing import Any, Self

from imagegen_nb.core.html_repr import Tile, html_output
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.words import counted, shortened
from imagegen_nb.runs.run import Run, without_folders
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.sweeps.grid import inline_picture
from imagegen_nb.workflows.function_result import FunctionResult, function_name

_CONTINUES = "continues when it fails"
_LONGEST_TEXT = 200
_MOST_PICTURES = 4
_CARD = (
    'style="vertical-align:top;text-align:left;overflow-wrap:break-word;'
    'min-width:{least}px;max-width:272px;padding:4px 8px"'
)
"""Many of them are wider than a narrow page, which then scrolls: they stay readable."""
_NARROW, _WIDE = 132, 264
"""Pixels of a card with one picture at most, and of one with two beside each other."""
_ARROW = 'style="vertical-align:top;padding:4px"'
_PICTURE = 'style="width:124px;max-width:100%;height:auto;border-radius:4px;margin:4px 4px 0 0"'
"""Two of them stand side by side in a card."""


@dataclass(frozen=True, slots=True)
class Card:
    """A step of the strip. `state` is empty before a run; `pictures` are the first of its images."""

    identifier: str
    title: str
    state: str = ""
    lines: Sequence[str] = ()
    pictures: Sequence[Tile] = ()

    def ended(self, state: str, reason: str) -> Self:
        """The same of a step that ended the workflow before it gave anything."""
        return replace(self, state=state, lines=(reason,))


def card(identifier: str, step: object, result: Run | FunctionResult | None, *, has_run: bool = True) -> Card:
    """The card of a step, with what it gave."""
    title = _title(step)
    if isinstance(result, Run):
        return _card_of_run(identifier, title, result)
    if result is not None:
        given = without_folders(_in_short(result.output))
        return Card(identifier, title, "done", (shortened(given, _LONGEST_TEXT),))
    lines = [shortened(step.prompt, _LONGEST_TEXT)] if isinstance(step, ImageGenerationStep) else []
    if isinstance(step, ImageGenerationStep) and step.on_failure == "continue":
        lines.append(_CONTINUES)
    return Card(identifier, title, "not run" if has_run else "", lines)


def _card_of_run(identifier: str, title: str, run: Run) -> Card:
    lines = [shortened(run.prompt_without_folders, _LONGEST_TEXT)]
    lines += [f"{run.returned} of {counted(run.requested, 'image')}"]
    if run.cassette is None and not run.simulated:  # a replay costs nothing, and shows what recording did
        lines.append(run.cost.short)
    if run.error:
        lines.append(run.error.summary())
    lines += [short.error.summary() for short in run.shortfalls if not run.error]
    if run.error and run.step.on_failure == "continue":
        lines.append(_CONTINUES)
    if len(run.output.assets) > _MOST_PICTURES:
        lines.append(f"the first {_MOST_PICTURES} are shown")
    pictures = run.output.tiles(f"{identifier}.output", shortened(run.prompt_without_folders, _LONGEST_TEXT))
    return Card(identifier, title, run.status, lines, list(islice(pictures, _MOST_PICTURES)))


def _title(step: object) -> str:
    if not isinstance(step, ImageGenerationStep):
        return f"{function_name(step)}() stands in"
    return f"“{step.name}” · {step.model}" if step.name else step.model


def _in_short(value: Any) -> str:
    """Plain data in a few words."""
    if isinstance(value, Mapping) and value:
        return " · ".join(f"{key}: {_in_short(item)}" for key, item in value.items())
    if isinstance(value, list):
        return counted(len(value), "item")
    return "nothing" if value in (None, {}) else str(value)


def html(title: str, notes: Sequence[str], cards: Sequence[Card]) -> str:
    """The strip under a line with title and notes."""
    heading = "".join([f"<strong>{escape(title)}</strong>", *(f"<br>{escape(note)}" for note in notes)])
    arrow = f'<td {_ARROW} aria-hidden="true">→</td>'
    cells = arrow.join(f"<td {_style(card)}>{_inside(card)}</td>" for card in cards)
    return html_output(
        f'<p style="margin:4px 0">{heading}</p>'
        '<table class="ig-strip" aria-label="Steps in their order" style="margin:0">'
        f"<tr>{cells}</tr></table>"
    )


def _style(card: Card) -> str:
    return _CARD.format(least=_WIDE if len(card.pictures) > 1 else _NARROW)


def _inside(card: Card) -> str:
    state = f" · {escape(card.state)}" if card.state else ""
    if card.state in ("failed", "partial", "cancelled"):
        state = f" · <strong>{escape(card.state)}</strong>"
    head = f"<strong>{escape(card.identifier)}</strong>{state}<br><small>{escape(card.title)}</small>"
    pictures = "".join(inline_picture(tile.thumbnail(), tile.alt, _PICTURE) for tile in card.pictures)
    # A prompt may be in a script that runs from right to left, and would turn its neighbours around.
    lines = "".join(f"<br><small><bdi>{escape(line)}</bdi></small>" for line in card.lines)
    return f"{head}{'<br>' if pictures else ''}{pictures}{lines}"


def text(title: str, notes: Sequence[str], cards: Sequence[Card]) -> str:
    """The strip as lines of text, one a step."""
    lines = [title, *(f"  {note}" for note in notes)]
    for card in cards:
        facts = [card.title, *filter(None, [card.state]), *card.lines, *(tile.name for tile in card.pictures)]
        lines.append(f"  {card.identifier}  {'  '.join(facts)}")
    return visible("\n".join(lines))
