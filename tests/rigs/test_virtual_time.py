"""Sweeps in virtual time and against the emulator in real time: as long, with as many requests.

A busy machine takes longer, or lets answers overtake each other, so one of a few real runs has to agree.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.scale import provider_model
from benchmarks.scale.provider_model import ProviderModel, Traffic
from benchmarks.scale.simulation import Scenario, Traffics, simulate, sweep
from imagegen_nb import Workspace
from imagegen_nb.emulator import Emulator
from imagegen_nb.emulator.faults import Fault
from imagegen_nb.providers.http import rate_limiter

_LATENCY = 0.8
_REFUSED = range(5)
"""The requests that a provider refuses for a second: the four that leave together, and the first one after
the wait. The pace keeps that one apart from the next, so which comes first is no accident."""
_TOLERANCE = (0.1, 1.0)
"""What the real sweep may take longer: a part of the virtual one, and seconds for what its code takes."""
_ATTEMPTS = 4


class _Refusing(Traffic):
    """Refuses what the emulator's script refuses."""

    def _too_early(self) -> float:
        return 1.0 if self.requests - 1 in _REFUSED else 0.0


@dataclass(frozen=True)
class Case:
    """A sweep, how the emulator is scripted for it, and the model that answers as it does."""

    images: int
    concurrency: int
    per_minute: int | None = None
    script: tuple[Fault, ...] = ()
    traffic: Traffics = Traffic


CASES = {
    "several at once": Case(12, 4),
    "a limit that is told": Case(7, 4, per_minute=3),
    "refusals": Case(
        12,
        4,
        script=tuple(Fault("rate_limit", retry_after="1") for _ in _REFUSED),
        traffic=_Refusing,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_virtual_time_agrees_with_real_time(
    name: str, tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    for counting in (rate_limiter, provider_model):  # nobody waits for real minutes
        monkeypatch.setattr(counting, "_MINUTE", 2.0)
    scenario = Scenario(
        images=case.images,
        concurrency=case.concurrency,
        # The emulator takes its time for refusals too.
        model=ProviderModel(latency=_LATENCY, refuses_after=_LATENCY, per_minute=case.per_minute),
    )
    virtual = simulate(scenario, tmp_path / "virtual", traffics=case.traffic)
    assert virtual.cells == {"done": case.images}
    part, seconds = _TOLERANCE
    least, most = virtual.seconds * (1 - part), virtual.seconds * (1 + part) + seconds
    taken: list[float] = []
    while len(taken) < _ATTEMPTS and not any(least <= real <= most for real in taken):
        real, requests = _real(case, tmp_path / f"real-{len(taken)}", emulator)
        assert requests == virtual.requests
        taken.append(real)
    assert least <= taken[-1] <= most, taken


def _real(case: Case, folder: Path, emulator: Emulator) -> tuple[float, int]:
    """Seconds and requests of the same sweep against the emulator."""
    limits = {"openai": case.per_minute} if case.per_minute else None
    rate_limiter._limiters.clear()  # what the last sweep learned
    emulator.latency = _LATENCY
    emulator.script("openai", *case.script)
    cells = sweep(case.images)
    before = len(emulator.requests)
    with Workspace(folder, backend=emulator.url, requests_per_minute=limits) as workspace:
        started = time.monotonic()
        cells.run(workspace=workspace, concurrency=case.concurrency, progress=False)
        taken = time.monotonic() - started
    assert cells.counts() == {"done": case.images}
    return taken, len(emulator.requests) - before


def test_the_same_seed_gives_the_same_sweep(tmp_path: Path) -> None:
    scenario = Scenario(images=20, model=ProviderModel(latency=9, spread=0.5, per_minute=9), told=False)
    first, again, other = (
        simulate(scenario, tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first.refused > 0
    assert first.seconds != other.seconds


def test_an_hour_of_waiting_is_over_at_once(tmp_path: Path) -> None:
    outcome = simulate(Scenario(images=9, model=ProviderModel(latency=250), concurrency=1), tmp_path)
    assert outcome.seconds == pytest.approx(9 * 250, abs=1)


@pytest.mark.parametrize("failing", [0.0, 1.0])
def test_what_fails_in_the_model_may_have_been_charged(tmp_path: Path, failing: float) -> None:
    outcome = simulate(Scenario(images=5, model=ProviderModel(latency=1, failing=failing)), tmp_path)
    assert outcome.cells == {"unknown" if failing else "done": 5}


def test_a_turn_that_comes_too_late_was_not_sent(tmp_path: Path) -> None:
    """The sweep of docs/scale.md that has too many under way for its limit."""
    outcome = simulate(
        Scenario(images=40, model=ProviderModel(latency=20, per_minute=5), concurrency=40), tmp_path
    )
    assert outcome.cells == {"done": 25, "failed": 15}
    assert outcome.requests == 25
