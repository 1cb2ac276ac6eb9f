"""What is simulated and what is measured, and at which sizes."""

from __future__ import annotations

import math

from benchmarks.scale.provider_model import ProviderModel
from benchmarks.scale.simulation import Scenario

LATENCY, SPREAD = 20.0, 0.5
"""Seconds that an image takes, as its median, and the standard deviation of its logarithm: an assumption. No
provider publishes more than "up to two minutes"; with these nine of ten images take 9 to 46 s."""
CPU = 0.055
"""Seconds of CPU that an image costs a process with 64 under way: row 5 of docs/performance.md."""
LIMITS = (5, 20, 50, 150, 250)
"""Images a minute that OpenAI's tiers 1 to 5 may ask of gpt-image-2, by a report of April 2026."""
MOST_AT_ONCE = 64
"""What `concurrency` may be at most, and how many runs a process has under way at most."""
SIMULATED = (10, 100, 1_000)
SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
FOLDERS = (10, 1_000, 10_000, 100_000, 1_000_000)
URLS = (1_000, 10_000)


def model(per_minute: int | None, failing: float = 0.0) -> ProviderModel:
    """The provider of all scenarios, with a limit."""
    return ProviderModel(latency=LATENCY, spread=SPREAD, cpu=CPU, per_minute=per_minute, failing=failing)


def wanted_at_once(per_minute: int) -> int:
    """Images that have to be under way for a limit to be used: those of the mean latency, and a few more."""
    return math.ceil(per_minute / 60 * model(None).mean_latency * 1.2) + 2


def scenarios() -> list[Scenario]:
    """All that is simulated."""
    return [
        *(
            Scenario(
                images=images,
                model=model(limit),
                concurrency=min(MOST_AT_ONCE, max(8, wanted_at_once(limit))),
            )
            for limit in LIMITS
            for images in SIMULATED
        ),
        *(Scenario(images=1_000, model=model(None), concurrency=many) for many in (8, MOST_AT_ONCE)),
        Scenario(images=300, model=model(5), told=False, concurrency=8),
        Scenario(images=300, model=model(50), told=False, concurrency=MOST_AT_ONCE),
        Scenario(images=300, model=model(5), concurrency=MOST_AT_ONCE),
        Scenario(images=1_000, model=model(50, failing=0.02), concurrency=wanted_at_once(50)),
    ]
