"""Row 5: hundreds of images, 64 at a time, each a second under way; every one ends in a file of its own."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks import clients
from benchmarks.cases import Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.measure import Peak, stalls
from benchmarks.server import address

_TINY = 64
Save = Callable[[Path], Awaitable[object]]
"""Asks for one image and leaves it in a file."""


def cases(scale: Scale) -> list[Case]:
    """Two numbers of images; they do not belong to one case, because the aims of growth are not theirs."""
    here = "benchmarks.rows.many_images"
    load = scale.pick(
        {"pixels": _TINY, "latency": 0.02, "at_once": 2}, {"pixels": 1024, "latency": 1.0, "at_once": 64}
    )
    found = []
    for count in scale.pick((4,), (200, 1000)):
        arguments = {"count": count, **load}
        aims = (Aim(1.25), Aim(1.0, "openai SDK"), Aim(1.0, "litellm"))
        title = f"{count:,} images, {load['at_once']} at a time"
        found.append(
            Case(
                row=5,
                name=f"many_images/{count}",
                contenders=(
                    Contender(name="ours", role="ours", function=f"{here}:ours", arguments=arguments),
                    Contender(name="openai SDK", role="peer", function=f"{here}:sdk", arguments=arguments),
                    Contender(
                        name="litellm",
                        role="peer",
                        function=f"{here}:litellm",
                        arguments=arguments,
                        environment="peers",
                    ),
                    Contender(name="by hand", role="floor", function=f"{here}:by_hand", arguments=arguments),
                ),
                figures=(
                    Figure(what=f"{title}, wall / ideal", metric="over_ideal", unit="×", aims=aims),
                    Figure(what=f"{title}, CPU each", metric="cpu_ms", unit="ms"),
                    Figure(what=f"{title}, peak memory", metric="peak_mb", unit="MB", aims=(Aim(40),)),
                    Figure(what=f"{title}, longest stall", metric="stall_ms", unit="ms", aims=(Aim(50),)),
                ),
                rounds=scale.pick(1, 3),
            )
        )
    return found


def ours(setting: Setting, *, count: int, pixels: int, latency: float, at_once: int) -> Metrics:
    """Steps that are run at once on one workspace, awaited as in a notebook."""
    from imagegen_nb import Gateway, ImageGenerationStep, Workspace

    step = ImageGenerationStep(model=clients.MODELS["openai"], prompt=clients.PROMPT)

    def workspace(folder: str, url: str) -> Workspace:
        hosted = {"openai": Gateway(url, clients.KEY_VARIABLE)}
        return Workspace(setting.folder / folder, hosted=hosted, timeout=600)

    async def all_of_them() -> Metrics:
        with workspace("warm-up", address(setting.server, "openai", _TINY)) as first:
            await step.arun(workspace=first)
        with workspace("store", address(setting.server, "openai", pixels, latency=latency)) as second:

            async def save(_path: Path) -> None:
                run = await step.arun(workspace=second)
                assert run.returned == 1

            return await _load(save, setting, count, latency, at_once)

    return asyncio.run(all_of_them())


def sdk(setting: Setting, *, count: int, pixels: int, latency: float, at_once: int) -> Metrics:
    """OpenAI's asynchronous client as documented."""
    return _of_client(clients.sdk_async, setting, count, pixels, latency, at_once)


def litellm(setting: Setting, *, count: int, pixels: int, latency: float, at_once: int) -> Metrics:
    """litellm's asynchronous function."""
    return _of_client(clients.litellm_async, setting, count, pixels, latency, at_once)


def by_hand(setting: Setting, *, count: int, pixels: int, latency: float, at_once: int) -> Metrics:
    """Each image is decoded into its file as it arrives; nothing is checked, synced or recorded."""

    async def all_of_them() -> Metrics:
        async with clients.streamed(address(setting.server, "openai", _TINY), at_once) as ask:
            await ask(setting.folder / "warm-up")
        url = address(setting.server, "openai", pixels, latency=latency)
        async with clients.streamed(url, at_once) as ask:
            return await _load(ask, setting, count, latency, at_once)

    return asyncio.run(all_of_them())


def _of_client(
    make: Callable[[str], clients.AskAsync],
    setting: Setting,
    count: int,
    pixels: int,
    latency: float,
    at_once: int,
) -> Metrics:
    async def all_of_them() -> Metrics:
        await make(address(setting.server, "openai", _TINY))()
        ask = make(address(setting.server, "openai", pixels, latency=latency))

        async def save(path: Path) -> None:
            path.write_bytes(await ask())  # noqa: ASYNC240 - as documented

        return await _load(save, setting, count, latency, at_once)

    return asyncio.run(all_of_them())


async def _load(save: Save, setting: Setting, count: int, latency: float, at_once: int) -> Metrics:
    turns = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with turns:
            await save(setting.folder / f"{number}.png")

    peak = Peak()
    async with stalls() as longest:
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(count)))
        wall, used = time.perf_counter() - began, time.process_time() - cpu
    return {
        "over_ideal": wall / (math.ceil(count / at_once) * latency),
        "cpu_ms": used / count * 1000,
        "peak_mb": peak.risen(),
        "stall_ms": longest[0],
    }
