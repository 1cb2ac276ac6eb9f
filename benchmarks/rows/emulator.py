"""Row 11: a picture of the emulator for a prompt that it has not drawn yet."""

from __future__ import annotations

import io
import itertools
import json
from typing import Any

from benchmarks import clients
from benchmarks.cases import Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.measure import measured

_HERE = "benchmarks.rows.emulator"
_BASELINE = {1024: 50.0, 3840: 265.0}
"""Milliseconds that a picture took before; the aim is a quarter of it."""


def cases(scale: Scale) -> list[Case]:
    """Two sizes, the larger the largest that there is."""
    sizes = scale.pick({1024: (1024, 1024)}, {1024: (1024, 1024), 3840: (3840, 2160)})
    return [
        Case(
            row=11,
            name=f"emulator/{name}",
            contenders=(
                Contender(name="ours", role="ours", function=f"{_HERE}:ours", arguments={"size": size}),
                Contender(
                    name="Pillow, a flat PNG",
                    role="floor",
                    function=f"{_HERE}:flat",
                    arguments={"size": size},
                ),
            ),
            figures=(
                Figure(
                    what=f"emulator, {size[0]} × {size[1]} of a new prompt, CPU",
                    metric="cpu_ms",
                    unit="ms",
                    aims=(Aim(_BASELINE[name] / 4),),
                ),
            ),
        )
        for name, size in sizes.items()
    ]


def ours(setting: Setting, *, size: tuple[int, int]) -> Metrics:
    """The emulator in a thread, asked by the shortest client there is."""
    from imagegen_nb.emulator import Emulator

    with Emulator() as emulator:
        prompts = (f"A glass of water, number {number}" for number in itertools.count())
        connection = clients.connect(emulator.url)

        def ask() -> None:
            body: dict[str, Any] = {
                "model": clients.MODELS["openai"],
                "prompt": next(prompts),
                "size": f"{size[0]}x{size[1]}",
            }
            headers = {"authorization": f"Bearer {clients.KEY}", "content-type": "application/json"}
            connection.request("POST", "/openai/v1/images/generations", json.dumps(body), headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()

        return measured(ask, setting.repeats, ask)


def flat(setting: Setting, *, size: tuple[int, int]) -> Metrics:
    """A picture of one colour: nothing to draw, and the encoder has hardly anything to do."""
    from PIL import Image

    def encode() -> None:
        Image.new("RGB", (size[0], size[1]), "navy").save(io.BytesIO(), "PNG", compress_level=1)

    return measured(encode, setting.repeats, encode)
