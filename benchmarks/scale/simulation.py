"""One sweep on a model of a provider, in virtual time: how long it takes, and what becomes of its cells."""

from __future__ import annotations

import io
import itertools
import random
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

import imagegen_nb as ig
from benchmarks.scale.provider_model import ProviderModel, Traffic, answering
from benchmarks.scale.virtual_loop import virtual_time

SEED = 20261128
_addresses = itertools.count(1)
_WARM_UP = 120.0
"""Seconds until a sweep goes at its pace: a limit by the minute lets the first ones through at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A sweep and what it runs with. `told` says whether the workspace was told the provider's limit."""

    images: int
    model: ProviderModel
    concurrency: int = 8
    told: bool = True

    @property
    def name(self) -> str:
        """The scenario in a few words."""
        limit = self.model.per_minute
        told = "" if limit is None else f", {limit}/min {'told' if self.told else 'not told'}"
        return f"{self.images} images, {self.concurrency} at once{told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a simulated sweep came to: virtual seconds, requests, and cells by how they ended.

    `a_minute` are the images of a minute once the sweep goes at its pace; None where it ended before.
    """

    seconds: float
    requests: int
    refused: int
    most_under_way: int
    cells: dict[str, int]
    a_minute: float | None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def step() -> ig.ImageGenerationStep:
    """The step of all sweeps here."""
    return ig.ImageGenerationStep(
        prompt="A {{thing}} on warm sand, soft light from the left, seen from a little above",
        model="gpt-image-2",
        image_size="1024x1024",
        image_quality="low",
    )


def sweep(images: int, name: str = "scale") -> ig.Sweep:
    """A sweep of so many cells, each of one image."""
    return ig.Sweep(step(), over={"thing": [f"thing {number}" for number in range(images)]}, name=name)


Traffics = Callable[[ProviderModel, bytes, random.Random], Traffic]


def simulate(scenario: Scenario, folder: Path, seed: int = SEED, *, traffics: Traffics = Traffic) -> Outcome:
    """Run the scenario's sweep in a store in `folder`; `traffics` makes what answers."""
    picture = io.BytesIO()
    Image.new("RGB", (1024, 1024), (90, 120, 60)).save(picture, "PNG")
    traffic = traffics(scenario.model, picture.getvalue(), random.Random(seed))
    limit = scenario.model.per_minute
    workspace = ig.Workspace(
        folder,
        # Nothing listens there, and nothing is sent: each has a rate limiter of its own by its address.
        backend=f"http://127.0.0.1:9/{next(_addresses)}",
        requests_per_minute={"openai": limit} if limit is not None and scenario.told else None,
        budget="1000000 USD",
    )
    cells = sweep(scenario.images)
    with virtual_time(seed) as loop, answering(traffic), workspace:
        cells.run(workspace=workspace, concurrency=scenario.concurrency, progress=False)
        seconds = loop.time()
    return Outcome(
        seconds=seconds,
        requests=traffic.requests,
        refused=traffic.refused,
        most_under_way=traffic.most_under_way,
        cells=cells.counts(),
        a_minute=_pace(traffic.answered_at),
    )


def simulated(scenario: Scenario) -> Outcome:
    """The same in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        return simulate(scenario, Path(folder))


def _pace(answered_at: list[float]) -> float | None:
    """Images a minute between the warm-up and the moment when a sweep has no more cells to begin."""
    begun = [at for at in answered_at if at >= _WARM_UP]
    counted = begun[: len(begun) * 9 // 10]
    if len(counted) < 20:
        return None
    return (len(counted) - 1) * 60 / (counted[-1] - counted[0])
