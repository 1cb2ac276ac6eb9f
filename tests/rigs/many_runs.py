"""Thousands of runs at once in a process that may have few files open: none fails, no image is lost.

Every answer is a small image, charged the moment it leaves the server. The limit of open files is far below
the number of runs, so most of them have to wait, and again and again the program itself takes all there are.
"""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from PIL import Image

from imagegen_nb import ImageGenerationStep, Run, Workspace
from rigs.figures import Figure, count, none_of
from rigs.spawning import fork, kill

CYCLES, QUICK = 5_000, 300
_FILES = 256
_MODELS = ("gpt-image-2", "gpt-image-2.5-flare", "grok-imagine-image", "gemini-nano-banana-2.1")
_SECONDS = 0.05
"""What an image takes to be made."""


def _picture(number: int) -> str:
    """An image of its own for each number."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (number % 256, number // 256, 0)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


class _Server:
    """An application that answers each provider's path with one image, and counts them."""

    def __init__(self) -> None:
        self.images = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["path"] == "/images":
            body: dict[str, Any] = {"images": self.images}
        else:
            while (await receive()).get("more_body"):
                pass
            await asyncio.sleep(_SECONDS)
            self.images += 1
            image = _picture(self.images)
            body = {"data": [{"b64_json": image}]}
            if "gemini" in scope["path"]:
                part = {"inlineData": {"mimeType": "image/png", "data": image}}
                body = {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@contextmanager
def _serving() -> Iterator[str]:
    """The address of a server in a process of its own, which has files enough."""
    reading, writing = os.pipe()

    def serve() -> None:
        config = uvicorn.Config(_Server(), port=0, lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)

        async def run() -> None:
            task = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            os.write(writing, b"%d\n" % server.servers[0].sockets[0].getsockname()[1])
            await task

        asyncio.run(run())

    child = fork(serve)
    try:
        with os.fdopen(reading) as ports:
            yield f"http://127.0.0.1:{int(ports.readline())}"
    finally:
        os.close(writing)
        kill(child)


@contextmanager
def _few_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def _run_all(number: int, workspace: Workspace) -> tuple[list[Run], list[str]]:
    """All runs at once, while the program takes every file there is, again and again."""
    models = itertools.cycle(_MODELS)
    steps = [ImageGenerationStep(model=next(models), prompt=f"number {index}") for index in range(number)]
    hoarder = asyncio.create_task(_hoard())
    outcomes = await asyncio.gather(
        *(step.arun(workspace=workspace) for step in steps), return_exceptions=True
    )
    hoarder.cancel()
    runs = [outcome for outcome in outcomes if isinstance(outcome, Run)]
    return runs, [str(outcome) for outcome in outcomes if not isinstance(outcome, Run)]


async def _hoard() -> None:
    while True:
        await asyncio.sleep(2)
        taken: list[int] = []
        try:
            while True:
                taken.append(os.open(os.curdir, os.O_RDONLY))
        except OSError:
            await asyncio.sleep(0.5)
        finally:
            for handle in taken:
                os.close(handle)


def run(cycles: int, folder: Path) -> list[Figure]:
    """`cycles` runs at once."""
    with _serving() as url, _few_files(), Workspace(folder / "many", backend=url, timeout=600) as workspace:
        runs, failed = asyncio.run(_run_all(cycles, workspace))
        made = int(httpx2.get(f"{url}/images").json()["images"])
        records = list(workspace.records())
        states = [entry.state for entry in workspace.runs()]
        locks = sorted(path.name for path in (folder / "many" / "locks").iterdir())
    return [
        count("runs at once", cycles),
        count("files that the process may have open", _FILES),
        count("images made", made),
        none_of("runs that failed", failed),
        none_of("images made and lost", range(made - len(records))),
        none_of("runs without an image of their own", [run for run in runs if run.returned != 1]),
        none_of("runs whose entry is not done", [state for state in states if state != "done"]),
        none_of("lock files left", locks),
    ]
