"""Kernels that start in a moment: forks of one process that has imported what each of them needs.

A kernel of its own for each test is the rule, and most of what one costs is to import the same modules anew.
The server here imports them once. Jupyter runs this file as its kernel: it asks for a fork and hands on
signals, and either of the two ends with the other. All else is ipykernel as it always is.

A fork cannot enter the network namespace of who asks, nor take up another `PYTHONPATH`: then this file
becomes an ordinary kernel.

    python -P forked_kernels.py PARENT                          the server; its stdin is the listening socket
    python -I -S forked_kernels.py SOCKET -f CONNECTION_FILE    a kernel; more options are ipykernel's
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

_IMPORTED = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "tornado.platform.asyncio",
    "anyio._backends._asyncio",
    "imagegen_nb.widgets.form",
    "imagegen_nb.runs.runner",
    "imagegen_nb.runs.recipe",
    "imagegen_nb.providers.openai",
    "imagegen_nb.providers.gemini",
    "imagegen_nb.providers.xai",
    "imagegen_nb.emulator.server",
    "imagegen_nb.emulator.app",
    "imagegen_nb.emulator.uvicorn_server",
    "imagegen_nb.emulator.openai.adapter",
    "imagegen_nb.emulator.gemini.adapter",
    "imagegen_nb.emulator.xai.adapter",
    "google.genai",
    "openai.resources.images",
    "PIL.ImageDraw",
    "PIL.PngImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.WebPImagePlugin",
    "imagegen_nb.replay.session",
    "vcr",
)
"""What a kernel with a form that has run once has imported: all that would be imported in each of them."""
_LONGEST = 1 << 20
"""Bytes of a request: a connection file's path, a folder, an environment."""
_PARENT_IS_LOOKED_AFTER = 5.0
"""Seconds between two looks."""


def start(address: str, **options: object) -> subprocess.Popen[bytes]:
    """Start the server; `options` are Popen's. Kernels may start at once, and wait until it can fork."""
    import subprocess  # a kernel needs none, and is to start in a moment

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address)
        listening.listen(64)
        return subprocess.Popen(
            [sys.executable, "-P", __file__, str(os.getpid())], stdin=listening, **options
        )


def command(address: str) -> list[str]:
    """The command of such a kernel, for its kernel.json."""
    return [sys.executable, "-I", "-S", __file__, address, "-f", "{connection_file}"]


def serve(parent: int) -> None:
    """Fork a kernel for each connection, until SIGTERM or the end of the process that started this one."""
    with socket.socket(fileno=os.dup(0)) as server:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _fork_for(server, parent)


def _fork_for(server: socket.socket, parent: int) -> None:
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # a kernel that looks for garbage would write to, and so copy, all that it shares with others
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a kernel ended
    server.settimeout(_PARENT_IS_LOOKED_AFTER)
    while os.getppid() == parent:  # one that was killed has said nothing
        try:
            relay, _ = server.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            server.close()
            _be_kernel(relay)
        relay.close()


def _be_kernel(relay: socket.socket) -> None:
    from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    asked = json.loads(relay.recv(_LONGEST))
    if asked["world"] != _world():
        os._exit(0)  # without an answer
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.environ.pop("JPY_PARENT_PID", None)  # the relay is no parent; the thread below looks after it
    os.chdir(asked["folder"])
    sys.path.insert(0, "")
    relay.send(str(os.getpid()).encode())
    threading.Thread(target=lambda: relay.recv(1) or os._exit(1), daemon=True).start()
    IPKernelApp.launch_instance(asked["options"])
    os._exit(0)


def _world() -> list[str]:
    """What a fork shares with its server, whatever its environment says."""
    return [os.readlink("/proc/self/ns/net"), os.environ.get("PYTHONPATH", "")]  # noqa: PTH115


def ask(address: str, options: list[str]) -> None:
    """Be the process of a kernel, as Jupyter sees it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(address)
        folder = os.getcwd()  # noqa: PTH109 - pathlib takes longer to import than all this
        asked = {"options": options, "folder": folder, "environment": dict(os.environ), "world": _world()}
        server.send(json.dumps(asked).encode())
        answer = server.recv(_LONGEST)
        if not answer:
            os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", *options])
        kernel = int(answer)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _frame: os.kill(kernel, number))
        ended = os.pidfd_open(kernel)
        select.select([ended], [], [])


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(int(sys.argv[1]))
    else:
        ask(sys.argv[1], sys.argv[2:])
