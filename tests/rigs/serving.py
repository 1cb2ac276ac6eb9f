"""An emulator in a process of its own: it outlives who asks it, and counts what they asked."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_PROGRAM = "from imagegen_nb.cli import main; main()"


@contextmanager
def emulator(latency: float = 0.0) -> Iterator[str]:
    """Its address; each request takes `latency` seconds."""
    server = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "emulator", "--port=0", "--json", f"--latency={latency}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield json.loads("".join(server.stdout.readline() for _ in range(3)))["url"]
    finally:
        server.kill()
        server.communicate()


def asked(url: str) -> Counter[str]:
    """How often each prompt has arrived at the emulator."""
    with urllib.request.urlopen(f"{url}/_emulator/requests") as answer:
        return Counter(request["body"]["prompt"] for request in json.load(answer))
