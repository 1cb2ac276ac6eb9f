"""A sweep as one HTML file for people without a notebook: all is in it, and nothing runs or is loaded.

What will be said is first collected as plain data, and keys are masked in all of it; then it is written out.
The page's own policy forbids scripts and requests, so that a browser holds it to that.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from imagegen_nb._version import __version__
from imagegen_nb.core import images, larger_picture
from imagegen_nb.core.html_page import as_html, page, section
from imagegen_nb.core.keywords import takes
from imagegen_nb.core.redaction import visible, without_keys
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.words import counted, shortened
from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers import catalog
from imagegen_nb.runs.marks import in_figures
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import thumbnail
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.sweeps import spending
from imagegen_nb.sweeps.axes import INPUTS, label
from imagegen_nb.sweeps.cell import Cell, CellSource
from imagegen_nb.sweeps.cells import Skipped
from imagegen_nb.sweeps.estimate import SweepEstimate
from imagegen_nb.sweeps.grid import marked
from imagegen_nb.sweeps.spending import Spent

Remarks = Callable[[Cell], Mapping[str, object]]
_MOST_WITHOUT_PICTURES = 1_000
"""Cells that have a line in the table below the pictures."""
_MOST_LEFT_OUT = 100
_LONGEST = 2_000
"""Characters of a value or a reason. The step's own prompt stands in full."""
_OUTCOMES = {
    "waiting": "not run",
    "running": "under way",
    "submitted": "in a batch",
    "unknown": "no image, perhaps charged",
}
"""What is said of a cell where its outcome alone would not tell a reader enough."""

_STYLE = """
mark { background: transparent; color: inherit; font-weight: bold; text-decoration: underline; }
.cells { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 280px), 1fr)); gap: 16px; }
.picks { grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); }
.cell { border: 1px solid var(--line); border-radius: 8px; padding: 12px; background: var(--card);
  break-inside: avoid; }
.cell.winner { border: 2px solid var(--good); }
.cell.failed { border-style: dashed; border-color: var(--bad); }
.cell img { display: block; max-width: 100%; max-height: 512px; height: auto; border-radius: 4px; }
.cell details { margin: 0 0 8px; }
.badge { color: var(--good); font-weight: bold; }
.reason { color: var(--bad); }
@media print { .cells { grid-template-columns: repeat(3, 1fr); }
  .picks { grid-template-columns: repeat(2, 1fr); } }
"""


def report(
    sweep: CellSource,
    cells: Collection[Cell],
    skipped: Collection[Skipped],
    *,
    settings: Mapping[str, Any],
    estimate: SweepEstimate,
    stopped: Collection[str] = (),
    winners: Collection[int] = (),
    standings: Mapping[int, str] | None = None,
    most: int = 100,
    remarks: Remarks | None = None,
) -> str:
    """The page. `settings` (and inputs) are what all cells share, `winners` the numbers of cells, `standings`
    what became of them in a rating, by their numbers; `most` the pictures that the others have.

    `stopped` says why cells were not run. `remarks` gives what else is to be said of a cell, as text by what
    it is called. Raises `InvalidOption`.
    """
    if type(most) is not int or most < 0:
        raise InvalidOption(f"most = {most!r}: give a whole number, 0 or more")
    told: object = remarks
    if told is not None and not (callable(told) and takes(told, 1)):
        raise InvalidOption(
            f"remarks is of type {type(told).__name__}: give a function of a cell that returns texts by "
            'name, e.g. lambda cell: {"Light": "too hard"}'
        )
    wanted = sorted(cells, key=lambda cell: cell.number not in winners)  # the winners have theirs in any case
    listed = wanted[: len(winners) + most + _MOST_WITHOUT_PICTURES]
    # No key stands in a variable here: a traceback with locals would show it.
    said = without_keys(
        {
            "title": sweep.title,
            "notes": [*_notes(cells, skipped), *stopped, f"estimate: {estimate}", _spent(cells)],
            "written": f"Written {utc_now()} by imagegen-nb {__version__}",
            "settings": [
                [_name(name), label(value)] for name, value in settings.items() if name not in sweep.axes
            ],
            "cells": [
                _said_of(
                    one,
                    one.number in winners,
                    {
                        **_opinions(one, (standings or {}).get(one.number, "")),
                        **(_remarked(remarks, one) if remarks else {}),
                    },
                )
                for one in listed
            ],
            "more cells": len(wanted) - len(listed),
            "left out": [str(one) for one in islice(skipped, _MOST_LEFT_OUT)],
            "more left out": max(len(skipped) - _MOST_LEFT_OUT, 0),
        },
        catalog.keys_in_use(),
    )
    for one, values in zip(said["cells"], _differences(said["cells"]), strict=True):
        one["values"] = values
    return _page(said, _thumbnails(listed, winners, most))


def _thumbnails(cells: Iterable[Cell], winners: Collection[int], most: int) -> dict[int, list[bytes | None]]:
    """The pictures of those cells that have theirs on the page, by the cells' numbers."""
    shown, pictures = dict[int, list[bytes | None]](), 0
    for cell in cells:
        assets = cell.assets
        pictures += 0 if cell.number in winners else len(assets)
        if pictures > most:
            break
        shown[cell.number] = [thumbnail(asset, images.LIVE) for asset in assets]
    return shown


def _notes(cells: Iterable[Cell], skipped: Collection[Skipped]) -> list[str]:
    """What became of the whole, for a reader who cannot run anything."""
    counts = Counter(_OUTCOMES.get(cell.outcome, cell.outcome) for cell in cells)
    reused = sum(cell.reused for cell in cells)
    notes = [" · ".join(f"{count:,} {outcome}" for outcome, count in counts.items())]
    notes += [f"{reused:,} of them reused: made earlier by the same call"] if reused else []
    return [*notes, f"{len(skipped):,} left out: they cannot be run"] if skipped else notes


def _remarked(remarks: Remarks, cell: Cell) -> Mapping[str, object]:
    said: object = remarks(cell)
    if isinstance(said, Mapping):
        return said
    raise InvalidOption(
        f"remarks returned a value of type {type(said).__name__} for cell {cell.number}: return texts by "
        'name, e.g. {"Light": "too hard"}, or {} where there is nothing to say'
    )


def _said_of(cell: Cell, is_winner: bool, remarks: Mapping[str, object]) -> dict[str, Any]:
    result, run = cell.result, cell.run
    outcome = _OUTCOMES.get(result.outcome, result.outcome)
    if run is not None and result.outcome in ("done", "partial"):
        outcome += f", {run.returned} of {counted(run.requested, 'image')}"
    facts = {
        **{name: shortened(str(text), _LONGEST) for name, text in remarks.items()},
        # Of the others it would say the same words again and again.
        **({"Prompt as sent": run.prompt} if is_winner and run is not None and cell.step.variables else {}),
        "Outcome": outcome + (", reused" if result.reused else ""),
        "Estimate": cell.estimate.short,
        "Cost": _cost(cell, run),
    }
    return {
        "number": cell.number,
        "repeat": f"repeat {cell.repeat}" if cell._sweep.repeats > 1 else "",
        "winner": is_winner,
        "failed": result.outcome in ("failed", "unknown"),
        "axes": [_name(axis) for axis in cell.values],
        "texts": [label(value) for value in cell.values.values()],
        "facts": facts,
        "reason": shortened(result.error, _LONGEST),
        "warnings": list(run.warnings) if run is not None else [],
        "images": [[asset.file_name, *asset.facts()] for asset in cell.assets],
        "alt": f"cell {cell.number}: {cell.label}",
    }


def _opinions(cell: Cell, standing: str) -> dict[str, str]:
    """What people and judges said of a cell."""
    scores = {f"Score by {judge}": in_figures(number) for judge, number in cell.scores.items()}
    said = {"Starred": "★" if cell.starred else "", "Note": cell.note, "Rating": standing, **scores}
    return {name: text for name, text in said.items() if text}


def _name(axis: str) -> str:
    """An axis as the platform calls it, or an input by its name."""
    return ImageGenerationStep.labels().get(axis, axis.removeprefix(INPUTS))


def _cost(cell: Cell, run: Run | None) -> str:
    if run is None:
        return "nothing yet" if cell.charge == "none" else "cost unknown"
    return f"nothing more; the earlier run: {run.cost!r}" if cell.reused else repr(run.cost)


def _spent(cells: Iterable[Cell]) -> str:
    costs = [cost for cell in cells if not cell.reused and (cost := cell.cost) is not None]
    return spending.told([Spent(cost.amount, cost.at_least, cost.synthetic, cost.replayed) for cost in costs])


def _differences(cells: list[dict[str, Any]]) -> list[list[str]]:
    """The values of each cell as HTML, with the words marked in which an axis's values differ."""
    axes = cells[0]["axes"] if cells else []
    columns = []
    for place in range(len(axes)):
        texts = [visible(cell["texts"][place]) for cell in cells]
        distinct = list(dict.fromkeys(texts))
        html = dict(zip(distinct, marked(distinct, _LONGEST), strict=True))
        columns.append([html[text] for text in texts])
    return [list(values) for values in zip(*columns, strict=True)] if columns else [[] for _ in cells]


def _page(said: dict[str, Any], shown: Mapping[int, list[bytes | None]]) -> str:
    cells = said["cells"]
    winners = [cell for cell in cells if cell["winner"]]
    others = [cell for cell in cells if cell["number"] in shown and not cell["winner"]]
    without = [cell for cell in cells if cell["number"] not in shown][:_MOST_WITHOUT_PICTURES]
    more = said["more cells"] + len(cells) - len(winners) - len(others) - len(without)
    sections = [
        section("Picked" if winners else "", _cards(winners, shown, "cells picks")),
        section("The step", _pairs((as_html(name), as_html(value)) for name, value in said["settings"])),
        section(("All other cells" if winners else "Cells") if others else "", _cards(others, shown)),
        section("Cells without a picture here" if without else "", _table(without, more)),
        section("Left out" if said["left out"] else "", _left_out(said)),
    ]
    style = _STYLE + larger_picture.STYLE_OF_ONE
    return page(said["title"], said["notes"], "".join(sections), said["written"], style=style)


def _cards(
    cells: Iterable[dict[str, Any]], shown: Mapping[int, list[bytes | None]], kind: str = "cells"
) -> str:
    return f'<div class="{kind}">{"".join(_card(cell, shown[cell["number"]]) for cell in cells)}</div>'


def _card(cell: dict[str, Any], pictures: list[bytes | None]) -> str:
    kinds = "".join(f" {kind}" for kind in ("winner", "failed") if cell[kind])
    badge = ' <span class="badge">★ picked</span>' if cell["winner"] else ""
    repeat = f' <span class="dim">{as_html(cell["repeat"])}</span>' if cell["repeat"] else ""
    drawn = "".join(
        f'{_picture(data, cell["alt"])}<p class="dim">{as_html(" · ".join(facts))}</p>'
        for data, facts in zip(pictures, cell["images"], strict=True)
    )
    reason = f'<p class="reason">{as_html(cell["reason"])}</p>' if cell["reason"] else ""
    warnings = "".join(f"<p>{as_html(warning)}</p>" for warning in cell["warnings"])
    values = zip(map(as_html, cell["axes"]), cell["values"], strict=True)
    facts = ((as_html(name), as_html(text)) for name, text in cell["facts"].items())
    return (
        f'<article class="cell{kinds}"><h3>Cell {cell["number"]}{repeat}{badge}</h3>{drawn}{reason}'
        f"{_pairs([*values, *facts])}{warnings}</article>"
    )


def _picture(data: bytes | None, alt: str) -> str:
    if data is None:
        return "<p><em>image stored elsewhere</em></p>"
    drawn = f'<img src="data:image/webp;base64,{b64encode(data).decode()}" alt="{as_html(alt)}">'
    return larger_picture.opening_itself(drawn, data)


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, both as HTML."""
    lines = (f'<dt>{name}</dt><dd dir="auto">{value}</dd>' for name, value in pairs)
    return f"<dl>{''.join(lines)}</dl>"


def _table(cells: list[dict[str, Any]], more: int) -> str:
    if not cells:
        return ""
    # Not each cell has been remarked upon.
    facts = dict.fromkeys(name for cell in cells for name in cell["facts"])
    heads = ["Cell", *cells[0]["axes"], *facts, "Reason"]
    head = "".join(f'<th scope="col">{as_html(name)}</th>' for name in heads)
    rows = []
    for cell in cells:
        texts = [f"{cell['number']} {cell['repeat']}".strip()]
        after = [*(cell["facts"].get(name, "") for name in facts), cell["reason"]]
        columns = [*map(as_html, texts), *cell["values"], *map(as_html, after)]
        rows.append(f"<tr>{''.join(f'<td>{column}</td>' for column in columns)}</tr>")
    rest = f"<p>… and {counted(more, 'more cell')}, not shown here</p>" if more > 0 else ""
    # Reached by keyboard: it scrolls where the page is narrow.
    return (
        '<div class="wide" tabindex="0" role="region" aria-label="Cells without a picture"><table><thead><tr>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{rest}"
    )


def _left_out(said: dict[str, Any]) -> str:
    lines = "".join(f"<li>{as_html(line)}</li>" for line in said["left out"])
    more = said["more left out"]
    return f"<ul>{lines}</ul>" + (f"<p>… and {more:,} more</p>" if more else "")
