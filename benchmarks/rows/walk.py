"""Row 4: one whole run, beside a program written by hand for the same duties."""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from benchmarks import clients
from benchmarks.cases import Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.measure import measured
from benchmarks.server import address

_HERE = "benchmarks.rows.walk"
_TINY = 64


def cases(scale: Scale) -> list[Case]:
    """A PNG that is kept as it came, and a JPEG that is stored as PNG, each at two sizes."""
    found = []
    for provider, media, title, most in (
        ("openai", "png", "PNG", 1.15),
        ("xai", "jpeg", "JPEG to PNG", 1.1),
    ):
        for pixels in scale.pick((_TINY,), (1024, 2048)):
            arguments = {"provider": provider, "media": media, "pixels": pixels}
            what = f"whole run, {title}, {pixels}²"
            found.append(
                Case(
                    row=4,
                    name=f"walk/{media}-{pixels}",
                    contenders=(
                        Contender(name="ours", role="ours", function=f"{_HERE}:ours", arguments=arguments),
                        Contender(
                            name="SDK and the rest by hand",
                            role="peer",
                            function=f"{_HERE}:by_hand",
                            arguments={**arguments, "client": "sdk"},
                        ),
                        Contender(
                            name="by hand",
                            role="floor",
                            function=f"{_HERE}:by_hand",
                            arguments={**arguments, "client": "by_hand"},
                        ),
                    ),
                    figures=(
                        Figure(
                            what=f"{what}, CPU",
                            metric="cpu_ms",
                            unit="ms",
                            base="by hand",
                            aims=(Aim(most, "by hand"),),
                        ),
                        Figure(what=f"{what}, wall", metric="wall_ms", unit="ms", base="by hand"),
                        Figure(what=f"{what}, peak memory", metric="peak_mb", unit="MB", base="by hand"),
                    ),
                    repeats=7,
                )
            )
    return found


def ours(setting: Setting, *, provider: str, media: str, pixels: int) -> Metrics:
    """A step that is run, as in a notebook."""
    from imagegen_nb import Gateway, ImageGenerationStep, Workspace

    step = ImageGenerationStep(model=clients.MODELS[provider], prompt=clients.PROMPT)

    def run_at(folder: str, size: int) -> Callable[[], None]:
        url = address(setting.server, provider, size, media)
        hosted = {provider: Gateway(url, clients.KEY_VARIABLE)}
        workspace = Workspace(setting.folder / folder, hosted=hosted)

        def run() -> None:
            assert step.run(workspace=workspace).output.assets[0].file_type == "image/png"

        return run

    return measured(run_at("store", pixels), setting.repeats, run_at("warm-up", _TINY))


def by_hand(setting: Setting, *, provider: str, media: str, pixels: int, client: str) -> Metrics:
    """Asked with a client of `clients`; the image proven to be whole by decoding it, encoded again where it
    is no PNG, hashed, written durably under its hash, and recorded durably before the call and after it."""
    make: Callable[[str, str], clients.Ask] = getattr(clients, client)
    database = sqlite3.connect(setting.folder / "index.sqlite3")
    database.executescript(
        "PRAGMA synchronous = FULL; CREATE TABLE run (state TEXT);"
        "CREATE TABLE asset (sha256 TEXT, size INTEGER, width INTEGER, height INTEGER);"
    )

    def run_at(size: int) -> Callable[[], None]:
        ask = make(provider, address(setting.server, provider, size, media))

        def run() -> None:
            with database:
                database.execute("INSERT INTO run VALUES ('calling')")
            data, width, height = _as_png(ask())
            digest = hashlib.sha256(data).hexdigest()
            _write_durably(setting.folder / f"{digest}.png", data)
            with database:
                database.execute("INSERT INTO asset VALUES (?, ?, ?, ?)", (digest, len(data), width, height))
                database.execute("UPDATE run SET state = 'done'")

        return run

    return measured(run_at(pixels), setting.repeats, run_at(_TINY))


def _as_png(data: bytes) -> tuple[bytes, int, int]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        if picture.format != "PNG":
            file = io.BytesIO()
            picture.save(file, "PNG", compress_level=1)
            data = file.getvalue()
        return data, picture.width, picture.height


def _write_durably(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
