"""Row 2: the first run of a fresh process, from its start to the stored image, by the clock on the wall."""

from __future__ import annotations

from benchmarks.cases import Aim, Case, Contender, Figure, Scale
from benchmarks.clients import PROMPT

_TITLES = {"openai": "OpenAI", "gemini": "Gemini", "xai": "xAI"}
_OURS = """
import os
from imagegen_nb import Gateway, ImageGenerationStep, Workspace
from benchmarks.clients import KEY_VARIABLE, MODELS
from benchmarks.server import address
url = address(os.environ["BENCH_SERVER"], "{provider}", {pixels}, "{media}")
workspace = Workspace("store", hosted={{"{provider}": Gateway(url, KEY_VARIABLE)}})
run = ImageGenerationStep(model=MODELS["{provider}"], prompt="{prompt}").run(workspace=workspace)
assert run.returned == 1
"""
_SDK = """
import os
from pathlib import Path
from benchmarks import clients
from benchmarks.server import address
url = address(os.environ["BENCH_SERVER"], "{provider}", {pixels}, "{media}")
Path("image").write_bytes(clients.sdk("{provider}", url)())
"""


def cases(scale: Scale) -> list[Case]:
    """Each provider."""
    return [_case(provider, scale.pick(64, 1024)) for provider in _TITLES]


def _case(provider: str, pixels: int) -> Case:
    media = "jpeg" if provider == "xai" else "png"
    filled = {"provider": provider, "pixels": pixels, "media": media, "prompt": PROMPT}
    return Case(
        row=2,
        name=f"first_run/{provider}",
        contenders=(
            Contender(name="ours", role="ours", program=("-c", _OURS.format_map(filled))),
            Contender(name="SDK", role="peer", program=("-c", _SDK.format_map(filled))),
        ),
        figures=(
            Figure(
                what=f"first run, {_TITLES[provider]}, wall",
                metric="wall_ms",
                unit="ms",
                aims=(Aim(1.10, "SDK"),),
            ),
        ),
        rounds=7,
    )
