"""Draws the plots of docs/performance.md. Runs where matplotlib is: in the peers' environment."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OURS, _OTHERS = "#0b6e99", ("#b04a5a", "#8a8a8a", "#c9a227")
_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "imagegen-nb",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass
class Bar:
    """One ratio: our figure over `base`'s, and the most it should be."""

    what: str
    base: str
    ratio: float
    aim: float | None


@dataclass
class Curves:
    """A figure over the number of something: for each contender, its value at each size."""

    what: str
    unit: str
    counted: str
    values: dict[str, dict[str, float]]
    ours: str


@dataclass
class Plots:
    """All that is drawn."""

    bars: list[Bar]
    curves: list[Curves]


def draw_ratios(bars: list[Bar], path: Path) -> None:
    """One bar for each line of the table that has a ratio; a stroke where its aim is."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 0.24 * len(bars) + 1))
    places = range(len(bars))
    axes.barh(places, [bar.ratio for bar in bars], color=_OURS, height=0.6)
    for place, bar in zip(places, bars, strict=True):
        if bar.aim is not None:
            axes.plot([bar.aim, bar.aim], [place - 0.42, place + 0.42], color=_OTHERS[0], linewidth=2)
    axes.axvline(1, color=_OTHERS[1], linewidth=0.8, linestyle=":")
    axes.set_yticks(places, [f"{bar.what} ÷ {bar.base}" for bar in bars])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("ours / theirs (logarithmic); the strokes are the aims")
    _save(figure, path)


def draw_growth(curves: list[Curves], path: Path) -> None:
    """A small plot for each figure that should not grow."""
    import matplotlib.pyplot as plt

    columns = 3
    rows = -(-len(curves) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(9, 2.4 * rows), squeeze=False)
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
    for axes, each in zip(grid.flat, curves, strict=False):
        colours = iter(_OTHERS)
        for name, values in each.values.items():
            sizes = sorted(values, key=int)
            colour = _OURS if name == each.ours else next(colours)
            heights = [values[size] for size in sizes]
            axes.plot([int(size) for size in sizes], heights, marker="o", color=colour, label=name)
        axes.set_xscale("symlog")
        axes.set_ylim(bottom=0)
        axes.set_title(each.what, fontsize=9)
        axes.set_xlabel(each.counted)
        axes.set_ylabel(each.unit)
        axes.legend(fontsize=7, frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Read the plots from the first argument, write them into the folder of the second."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(_STYLE)
    data = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folder = Path(sys.argv[2])
    draw_ratios([Bar(**bar) for bar in data["bars"]], folder / "ratios.svg")
    draw_growth([Curves(**each) for each in data["curves"]], folder / "growth.svg")


if __name__ == "__main__":
    main()
