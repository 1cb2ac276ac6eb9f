"""Row 8: calls that are replayed from a cassette, beside vcrpy alone under the provider's SDK."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import GROWTH, Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.clients import KEY, MODELS
from benchmarks.measure import Peak
from benchmarks.server import address

if TYPE_CHECKING:
    from imagegen_nb import Workspace

_HERE = "benchmarks.rows.replay"
_MODEL = MODELS["openai"]
_CALLS = 10
"""Calls that are made of a cassette with many recordings."""
_ADDRESS = "https://api.openai.com/v1"


def cases(scale: Scale) -> list[Case]:
    """A whole cassette of large images; a few calls of one with many recordings."""
    pixels = scale.pick(64, 1024)
    whole = f"replay of {scale.pick(2, _CALLS)} × {pixels}²"
    return [
        Case(
            row=8,
            name="replay/whole",
            contenders=_contenders({"pixels": pixels}),
            figures=(
                Figure(what=f"{whole}, load, CPU", metric="load_ms", unit="ms"),
                Figure(
                    what=f"{whole}, load and run, CPU", metric="cpu_ms", unit="ms", aims=(Aim(0.35, "vcrpy"),)
                ),
                Figure(what=f"{whole}, peak memory", metric="peak_mb", unit="MB", aims=(Aim(0.2, "vcrpy"),)),
            ),
            sizes=scale.pick((2,), (_CALLS,)),
            counted="recordings",
        ),
        Case(
            row=8,
            name="replay/call",
            contenders=_contenders({"pixels": 64}),
            figures=(
                Figure(
                    what="replay, one call, CPU",
                    metric="call_ms",
                    unit="ms",
                    grows=True,
                    aims=(Aim(1.5, GROWTH),),
                ),
            ),
            sizes=scale.pick((3, 4), (10, 100, 1000)),
            counted="recordings",
            rounds=3,
        ),
    ]


def _contenders(arguments: dict[str, Any]) -> tuple[Contender, ...]:
    return (
        Contender(name="ours", role="ours", function=f"{_HERE}:ours", arguments=arguments),
        Contender(name="vcrpy", role="peer", function=f"{_HERE}:of_vcrpy", arguments=arguments),
    )


def ours(setting: Setting, *, pixels: int) -> Metrics:
    """The provider of the catalog, asked as a run asks it, nothing stored."""
    from imagegen_nb import Workspace
    from imagegen_nb.replay import Session

    cassette = setting.shared / "cassettes" / f"{setting.size}-{pixels}"
    if not (cassette / "ready").exists():
        shutil.rmtree(cassette, ignore_errors=True)
        backend = f"{setting.server}/{pixels}-png-0"
        with Session(cassette / "bench", "all"):
            asyncio.run(ask_all(Workspace(setting.folder, backend=backend), range(setting.size)))
        (cassette / "ready").touch()
    workspace, asked = Workspace(setting.folder), _asked(setting.size)
    warm = Workspace(setting.folder / "warm-up", backend=f"{setting.server}/64-png-0")
    with Session(setting.folder / "cassette", "all"):
        asyncio.run(ask_all(warm, [0]))  # both sides import much, at the first call too
    peak, began = Peak(), time.process_time()
    with Session(cassette / "bench", "none"):
        loaded = time.process_time()
        asyncio.run(ask_all(workspace, asked))
        done = time.process_time()
    return _metrics(began, loaded, done, len(asked), peak)


async def ask_all(workspace: Workspace, numbers: Any) -> None:
    """One call after the other, each with a prompt of its own."""
    from imagegen_nb.core.types import GeneratedImage, ImageRequest
    from imagegen_nb.providers import catalog

    entry = catalog.find(_MODEL)
    assert entry is not None
    provider = entry.provider
    for number in numbers:
        connection = workspace.connection(provider, workspace.route(provider, "hosted"))
        request = ImageRequest(model=_MODEL, prompt=_prompt(number))
        images = [
            event
            async for event in provider.generate(request, connection)
            if isinstance(event, GeneratedImage)
        ]
        assert len(images) == 1


def of_vcrpy(setting: Setting, *, pixels: int) -> Metrics:
    """vcrpy as documented, matching on the body too, and the SDK as documented."""
    import base64

    import vcr
    from openai import OpenAI

    path = setting.shared / "cassettes" / f"{setting.size}-{pixels}.yaml"
    recorder = vcr.VCR(match_on=("method", "uri", "body"), filter_headers=["authorization"])

    def ask(base_url: str, numbers: Any) -> None:
        client = OpenAI(api_key=KEY, base_url=base_url)
        for number in numbers:
            answer = client.images.generate(model=_MODEL, prompt=_prompt(number))
            assert answer.data
            assert base64.b64decode(answer.data[0].b64_json or "")

    if not path.exists():
        url = address(setting.server, "openai", pixels)
        _record_with_vcrpy(recorder, path, url, lambda: ask(url, range(setting.size)))
    asked = _asked(setting.size)
    with recorder.use_cassette(str(setting.folder / "warm-up.yaml"), record_mode="all"):
        ask(address(setting.server, "openai", 64), [0])
    peak, began = Peak(), time.process_time()
    with recorder.use_cassette(str(path), record_mode="none"):
        loaded = time.process_time()
        ask(_ADDRESS, asked)
        done = time.process_time()
    return _metrics(began, loaded, done, len(asked), peak)


def _record_with_vcrpy(recorder: Any, path: Path, url: str, ask: Any) -> None:
    unfinished = path.with_suffix(".part.yaml")
    unfinished.unlink(missing_ok=True)
    with recorder.use_cassette(str(unfinished), record_mode="all"):
        ask()
    # Recorded from a port that another day's server does not have.
    text = unfinished.read_text(encoding="utf-8").replace(url, _ADDRESS)
    path.write_text(text, encoding="utf-8")
    unfinished.unlink()


def _metrics(began: float, loaded: float, done: float, calls: int, peak: Peak) -> Metrics:
    return {
        "load_ms": (loaded - began) * 1000,
        "cpu_ms": (done - began) * 1000,
        "call_ms": (done - loaded) / calls * 1000,
        "peak_mb": peak.risen(),
    }


def _asked(size: int) -> list[int]:
    """Which of the recordings are asked for, in no order."""
    return random.Random(7).sample(range(size), min(size, _CALLS))


def _prompt(number: int) -> str:
    return f"A glass of water on a table, seen from above, number {number}"
