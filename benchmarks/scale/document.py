"""Writes the tables of docs/scale.md between their marks, out of the figures that are kept beside it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from benchmarks.environments import ROOT
from benchmarks.scale import plan
from benchmarks.scale.simulation import step
from imagegen_nb.sweeps.axes import MOST_CELLS

DOCUMENT = ROOT / "docs" / "scale.md"
FIGURES = ROOT / "docs" / "scale" / "figures.json"
_PART = re.compile(r"(<!-- ([a-z ]+): \./dev scale writes this -->\n).*?(<!-- end -->)", re.DOTALL)
_UNITS = ((86_400 * 365, "years"), (86_400, "days"), (3_600, "h"), (60, "min"), (1, "s"))
_GB = 1e9
_BLOCK = 4096
"""Bytes of the disk's smallest part, which a manifest takes."""
_PUT, _GET, _GB_MONTH = 0.005 / 1000, 0.0004 / 1000, 0.023
"""USD of a request and of a GB for a month in S3's standard class: an assumption, as in docs/stores.md."""
_PUTS_OF_A_RUN = 3
"""Its image and two entries of the log (docs/stores.md); a segment for each 64 entries comes on top."""
_SEGMENT = 64
_MONEY = (
    ("gpt-image-2", "low"),
    ("gpt-image-2", "medium"),
    ("gpt-image-2", "high"),
    ("grok-imagine-image", None),
)


def figures() -> dict[str, Any]:
    """The figures that are kept; none at first."""
    if not FIGURES.exists():
        return {}
    found: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return found


def keep(found: dict[str, Any]) -> None:
    """Keep the figures beside the document."""
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(_rounded(found), indent=1) + "\n", encoding="utf-8")


def write(found: dict[str, Any]) -> None:
    """Write the document's parts from these figures."""
    DOCUMENT.write_text(text(found), encoding="utf-8")


def text(found: dict[str, Any]) -> str:
    """The document with its parts made from these figures."""

    def part(match: re.Match[str]) -> str:
        return f"{match[1]}\n{PARTS[match[2]](found)}\n\n{match[3]}"

    return _PART.sub(part, DOCUMENT.read_text(encoding="utf-8"))


def _rounded(value: Any) -> Any:
    """Figures in as many digits as they are worth."""
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


# The parts


def _times(found: dict[str, Any]) -> str:
    """How long a sweep takes in one process, by the provider's limit."""
    by_limit = {limit: _of_limit(found, limit) for limit in plan.LIMITS}
    rows = [["images", *(f"{limit} a minute" for limit in plan.LIMITS)]]
    rows += [
        [f"{images:,}", *(_time_of(by_limit[limit], images) for limit in plan.LIMITS)]
        for images in plan.SIZES
    ]
    largest = {limit: runs[max(runs)] for limit, runs in by_limit.items()}
    rows += [
        ["`concurrency`", *(f"{one['concurrency']}" for one in largest.values())],
        ["images a minute, in one process", *(f"{_pace(one):.3g}" for one in largest.values())],
        ["processes that use the limit up", *(f"{_processes(limit)}" for limit in plan.LIMITS)],
        ["10,000,000 by so many", *(duration(plan.SIZES[-1] / limit * 60) for limit in plan.LIMITS)],
    ]
    return f"Simulated on {found['simulated on']}; ≈ is computed.\n\n{_table(rows)}"


def _of_limit(found: dict[str, Any], limit: int) -> dict[int, dict[str, Any]]:
    """The simulated sweeps with a limit that the workspace was told, by their images."""
    chosen = [
        one
        for one in found["simulated"]
        if one["per_minute"] == limit and one["told"] and not one["failing"] and _keeps_up(one)
    ]
    return {one["images"]: one for one in chosen}


def _keeps_up(one: dict[str, Any]) -> bool:
    return set(one["cells"]) == {"done"}


def _pace(one: dict[str, Any]) -> float:
    return float(one["a_minute"])


def _time_of(simulated: dict[int, dict[str, Any]], images: int) -> str:
    if images in simulated:
        return duration(simulated[images]["seconds"])
    longest = simulated[max(simulated)]
    rest = images - longest["images"]
    return f"≈ {duration(longest['seconds'] + rest / _pace(longest) * 60)}"


def _processes(limit: int) -> int:
    return math.ceil(plan.wanted_at_once(limit) / plan.MOST_AT_ONCE)


def _others(found: dict[str, Any]) -> str:
    """What else was simulated."""
    rows = [["limit a minute", "`concurrency`", "images", "time", "a minute", "requests", "429", "cells"]]
    told = [id(one) for limit in plan.LIMITS for one in _of_limit(found, limit).values()]
    for one in (one for one in found["simulated"] if id(one) not in told):
        limit = "none" if one["per_minute"] is None else f"{one['per_minute']}"
        limit += "" if one["per_minute"] is None or one["told"] else ", not set"
        limit += f", {one['failing']:.0%} end as a 500" if one["failing"] else ""
        cells = ", ".join(f"{count:,} {name}" for name, count in one["cells"].items())
        pace = "" if one["a_minute"] is None else f"{_pace(one):.3g}"
        facts = (f"{one['requests']:,}", f"{one['refused']:,}", cells)
        many = (f"{one['concurrency']}", f"{one['images']:,}", duration(one["seconds"]), pace)
        rows.append([limit, *many, *facts])
    return _table(rows)


def _money(found: dict[str, Any]) -> str:
    """What the images cost, by the list prices that the toolkit has."""
    each = [_price(model, quality) for model, quality in _MONEY]
    named = [f"{model}{f', {quality}' if quality else ''}" for model, quality in _MONEY]
    rows = [["images of 1024²", *named]]
    rows += [
        [f"{images:,}", *(f"{images * one:,.{2 if images < 10_000 else 0}f}" for one in each)]
        for images in plan.SIZES
    ]
    return f"In USD, the most that `sweep.estimate()` says.\n\n{_table(rows)}"


def _price(model: str, quality: str | None) -> Decimal:
    size = "1024x1024" if model.startswith("gpt") else None
    chosen = step().replace(model=model, image_quality=quality, image_size=size)
    high = chosen.estimate({"thing": "thing 1"}).high
    assert high is not None, model
    return high


def _space(found: dict[str, Any]) -> str:
    """What a store takes, by its images."""
    picture, manifest = found["bytes"]["picture"], found["bytes"]["manifest"]
    index = _largest(found["folders"], "index bytes")
    log = _largest(found["urls"], "log bytes")
    memory = _of_each(found["urls"], "open", "mb")
    rows = [
        [
            *("images of 1024²", "files, GB", "index, GB", "number of files", "bucket, GB", "USD a month"),
            *("requests, USD", "memory of each process"),
        ]
    ]
    for images in plan.SIZES:
        bucket = images * (picture + 2 * log)
        puts = images * (_PUTS_OF_A_RUN + 2 / _SEGMENT)
        of_folder = [amount(images * picture / _GB), amount(images * index / _GB), f"{2 * images:,}"]
        money = [amount(bucket / _GB * _GB_MONTH), amount(puts * _PUT)]
        rows.append([f"{images:,}", *of_folder, amount(bucket / _GB), *money, mega(images * memory)])
    told = (
        f"Computed from one image of {picture / 1e6:.2g} MB (as PNG; a WebP or JPEG is smaller), "
        f"{index:,.0f} bytes of index and a manifest of {manifest:,} bytes ({_BLOCK:,} on the disk) for a "
        f"run in a folder, {log:,.0f} bytes of log for one below a URL (there twice), and "
        f"{memory * 1000:.2g} KB of memory for each run below a URL."
    )
    return f"{told}\n\n{_table(rows)}"


def _largest(stores: dict[str, Any], what: str) -> float:
    """Bytes of a run in the largest store."""
    runs = max(stores, key=int)
    return float(stores[runs][what]) / int(runs)


def _of_each(stores: dict[str, Any], what: str, unit: str) -> float:
    """What one run adds, from the smallest store to the largest."""
    there = [runs for runs, store in stores.items() if what in store]
    low, high = min(there, key=int), max(there, key=int)
    return float(stores[high][what][unit] - stores[low][what][unit]) / (int(high) - int(low))


_IN_A_FOLDER = {
    "open": "open a store, count its runs",
    "start and end": "begin and end a run under a budget",
    "history shown": "`ws.history()` in a notebook",
    "history searched": "`ws.history(text)` to its end",
    "sweep made": "`Sweep(...)`",
    "estimate": "`sweep.estimate()`",
    "load": "`sweep.load()`",
    "grid": "the sweep shown",
    "table": "`to_frame()`, `to_csv()`",
    "report": "`sweep.report()`",
}

_OF_ALL_RUNS = ("history searched",)
"""What grows with the store; the others do with the sweep, or not at all."""


def _measured(found: dict[str, Any], place: str) -> str:
    stores = found[place]
    rows = [["", *(f"{int(runs):,}" for runs in stores), "memory at the most"]]
    for name, words in _IN_A_FOLDER.items():
        there = {runs: store[name] for runs, store in stores.items() if name in store}
        cells = [short(there[runs]["seconds"]) if runs in there else "" for runs in stores]
        most = max(map(int, there))
        most_ever = 10**9 if name in _OF_ALL_RUNS else MOST_CELLS
        for column, size in enumerate(map(int, stores)):
            if size > most:
                longer = min(size, most_ever) / min(most, most_ever)
                cells[column] = f"≈ {short(there[str(most)]['seconds'] * longer)}"
        rows.append([words, *cells, mega(there[str(most)]["mb"])])
    return f"Measured on {found['measured on']}.\n\n{_table(rows)}"


def _folders(found: dict[str, Any]) -> str:
    return _measured(found, "folders")


def _urls(found: dict[str, Any]) -> str:
    return _measured(found, "urls")


def _changes(found: dict[str, Any]) -> str:
    """What becomes the limit, and what to change then; in the order in which one meets it."""
    memory = _of_each(found["urls"], "open", "mb")
    opening = _of_each(found["urls"], "open", "seconds")
    searched = _of_each(found["folders"], "history searched", "seconds")
    table = found["folders"]["1000"]["table"]["seconds"] / 1_000
    report = found["folders"]["1000"]["report"]["seconds"] / 1_000
    mean = plan.model(None).mean_latency
    alone = plan.MOST_AT_ONCE / mean * 60
    largest = 100_000
    rows = [
        ["from", "what becomes the limit", "what to change"],
        [
            "10",
            "eight at a time",
            f"`concurrency=`: the limit a minute ÷ 60 × {mean:.0f} s, and a fifth more; never more than five "
            "times the limit, or calls run out of time while they wait for their turn",
        ],
        [
            "100",
            "429s, where the limit is not set",
            '`Workspace(requests_per_minute={"openai": 50})`: then no call is refused',
        ],
        [
            "1,000",
            "the provider's limit, and money",
            '`budget="50 USD"`; a higher tier; half the price in a batch',
        ],
        [
            f"{alone:.0f} a minute",
            f"one process: {plan.MOST_AT_ONCE} runs of {mean:.0f} s under way",
            "parts of the sweep in several kernels, each with its share of the limit set",
        ],
        [
            f"{60 / plan.CPU:,.0f} a minute",
            f"one core: {plan.CPU * 1000:.0f} ms of CPU for an image",
            "`executor=`, or parts in several kernels: as many processes as cores",
        ],
        [
            "10,000",
            f"tables and reports: {table * 1000:.2g} and {report * 1000:.2g} ms of CPU a cell",
            "look with `grid(only=…)`; export in parts",
        ],
        [
            f"{MOST_CELLS:,}",
            "the size of a sweep: it may have no more cells",
            'parts with names of their own: `Sweep(..., rows=part, name="night-07")`',
        ],
        [
            f"{largest:,}",
            f"the log of a store by URL, in memory: {mega(largest * memory)}, "
            f"{duration(largest * opening)} of CPU to open",
            "a prefix for each part: `s3://bucket/night-07`; budgets then hold for each by itself",
        ],
        [
            "1,000,000",
            f"a search through all runs: {duration(1_000_000 * searched)} of CPU; one folder of as many "
            "manifests; rebuilding and checking the index",
            "a store for each part, and a backup of `index.sqlite3` instead of a rebuild",
        ],
        [
            "10,000,000",
            "the provider: see how long it takes below",
            "other accounts, a batch, a contract; nothing here makes it faster",
        ],
    ]
    return _table(rows)


PARTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "times": _times,
    "other scenarios": _others,
    "money": _money,
    "space": _space,
    "folders": _folders,
    "urls": _urls,
    "changes": _changes,
}


# In words


def duration(seconds: float) -> str:
    """Seconds in the largest unit of which there is more than one."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= 2 * size), _UNITS[-1])
    return f"{_digits(seconds / size)} {unit}"


def short(seconds: float) -> str:
    """The same, in milliseconds where they are few."""
    return duration(seconds) if seconds >= 2 else f"{_digits(seconds * 1000)} ms"


def mega(megabytes: float) -> str:
    """Memory, in GB where there is much."""
    return f"{_digits(megabytes / 1000)} GB" if megabytes >= 1000 else f"{_digits(megabytes)} MB"


def amount(value: float) -> str:
    """Three digits, or whole."""
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.2g}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.2g}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *others = rows
    lines = [head, ["---"] * len(head), *others]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
