"""Forty calls at once at a provider that serves five a second: all must come through, with few refusals."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import uvicorn

from imagegen_nb import ImageGenerationStep, Workspace
from imagegen_nb.emulator import create_app
from rigs.figures import Figure, none_of

CYCLES, QUICK = 3, 1
_CALLS = 40
_RATE = 5
"""Requests a second, and at once after a second of rest."""
_MOST = 1.5


class Bucket:
    """An application before the emulator's: a request takes a token, or is refused until the next second."""

    def __init__(self) -> None:
        self.app = create_app()
        self.requests = 0
        self.refused = 0
        self._tokens = float(_RATE)
        self._filled = time.monotonic()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve or refuse; one loop does it, so no lock is needed."""
        now = time.monotonic()
        self._tokens = min(_RATE, self._tokens + (now - self._filled) * _RATE)
        self._filled = now
        self.requests += 1
        if self._tokens >= 1:
            self._tokens -= 1
            await self.app(scope, receive, send)
            return
        self.refused += 1
        body = b'{"error": {"message": "Rate limit reached.", "code": "rate_limit_exceeded"}}'
        headers = [(b"content-type", b"application/json"), (b"retry-after", b"1")]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def run(cycles: int, folder: Path) -> list[Figure]:
    """Each cycle is a storm of its own, on a server of its own."""
    worst, failed, refused = 0.0, [], 0
    for number in range(cycles):
        bucket = Bucket()
        server = uvicorn.Server(
            uvicorn.Config(bucket, port=0, lifespan="off", log_config=None, access_log=False)
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with Workspace(folder / f"storm-{number}", backend=f"http://127.0.0.1:{port}") as workspace:
            step = ImageGenerationStep(prompt="a fox", image_size="1024x640", image_output_format="jpeg")
            jobs = [workspace.submit(step) for _ in range(_CALLS)]
            failed += [str(error) for job in jobs if (error := job.future.exception()) is not None]
        server.should_exit = True
        thread.join()
        worst = max(worst, bucket.requests / _CALLS)
        refused += bucket.refused
    return [
        none_of(f"calls of {cycles * _CALLS} that failed", failed),
        Figure("requests a call, at most", f"{worst:.2f}", f"<= {_MOST}", worst <= _MOST),
        Figure("refusals a storm", f"{refused / cycles:.1f}", "some: else it was none", refused > 0),
    ]
