"""Row 8: a cassette that is saved after each cell of a notebook while it is recorded."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.cases import GROWTH, Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.clients import KEY, MODELS
from benchmarks.rows.replay import ask_all
from benchmarks.server import address

_HERE = "benchmarks.rows.saves"


def cases(scale: Scale) -> list[Case]:
    """Two numbers of cells: the time of a save must not depend on what was saved before."""
    pixels, sizes = scale.pick((64, (1, 3)), (1024, (10, 30)))
    arguments = {"pixels": pixels}
    return [
        Case(
            row=8,
            name="saves",
            contenders=(
                Contender(name="ours", role="ours", function=f"{_HERE}:ours", arguments=arguments),
                Contender(name="vcrpy", role="peer", function=f"{_HERE}:of_vcrpy", arguments=arguments),
            ),
            figures=(
                Figure(
                    what=f"all saves of {sizes[-1]} cells of {pixels}²",
                    metric="all_s",
                    unit="s",
                    aims=(Aim(2.0),),
                ),
                Figure(
                    what="one save, by cells before",
                    metric="each_ms",
                    unit="ms",
                    grows=True,
                    aims=(Aim(1.5, GROWTH),),
                ),
            ),
            sizes=sizes,
            counted="cells",
            rounds=scale.pick(1, 2),
        )
    ]


def ours(setting: Setting, *, pixels: int) -> Metrics:
    """A session that records, saved as it is after each cell."""
    from imagegen_nb import Workspace
    from imagegen_nb.replay import Session

    workspace = Workspace(setting.folder / "store", backend=f"{setting.server}/{pixels}-png-0")
    taken = 0.0
    with Session(setting.folder / "cassette", "all") as session, asyncio.Runner() as runner:
        for number in range(setting.size):
            runner.run(ask_all(workspace, [number]))
            began = time.perf_counter()
            session.save()
            taken += time.perf_counter() - began
    return _metrics(taken, setting.size)


def of_vcrpy(setting: Setting, *, pixels: int) -> Metrics:
    """A cassette that is opened for each cell, and closed after it, which is when vcrpy saves."""
    import vcr
    from openai import OpenAI

    client = OpenAI(api_key=KEY, base_url=address(setting.server, "openai", pixels))
    taken = 0.0
    for number in range(setting.size):
        cassette: Any = vcr.use_cassette(
            str(setting.folder / "cassette.yaml"),
            record_mode="new_episodes",
            match_on=("method", "uri", "body"),
        )
        with cassette:
            client.images.generate(model=MODELS["openai"], prompt=f"number {number}")
            began = time.perf_counter()
        taken += time.perf_counter() - began
    return _metrics(taken, setting.size)


def _metrics(taken: float, saves: int) -> Metrics:
    return {"all_s": taken, "each_ms": taken / saves * 1000}
