"""What a process does at once is bounded by the files it may have open."""

from __future__ import annotations

import asyncio
import resource

import pytest

from imagegen_nb.core.loop_semaphore import LoopSemaphore


@pytest.mark.parametrize(
    ("soft", "size"),
    [(64, 8), (256, 32), (512, 64), (1024, 64), (1 << 20, 64), (8, 2), (resource.RLIM_INFINITY, 64)],
)
def test_the_limit_of_open_files_bounds_how_many_there_are(monkeypatch, soft, size):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert LoopSemaphore(most=64, files=8).size == size


def test_each_loop_has_a_semaphore_of_its_own():
    semaphore = LoopSemaphore(most=64, files=8)

    async def of_this_loop() -> asyncio.Semaphore:
        assert semaphore() is semaphore()
        return semaphore()

    assert asyncio.run(of_this_loop()) is not asyncio.run(of_this_loop())
