"""Kernels that start in a moment: forks of one process that has imported what each of them needs.

A kernel of its own for each test is the rule, and most of what one costs is to import the same modules anew.
The server here imports them once. A Jupyter server runs this file as its kernel: it asks for a fork and hands
on signals, and either of the two ends with the other. All else is ipykernel as it always is.

    python -P forked_kernels.py SOCKET                       the server
    python -I -S forked_kernels.py SOCKET CONNECTION_FILE    a kernel
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
    "openai.resources.images",
    "PIL.ImageDraw",
    "PIL.PngImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.WebPImagePlugin",
)
"""What a kernel with a form that has run once has imported: all that would be imported in each of them."""
_LONGEST = 1 << 20
"""Bytes of a request: a connection file's path, a folder, an environment."""


def serve(address: str) -> None:
    """Fork a kernel for each connection, until SIGTERM."""
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # a kernel that looks for garbage would write to, and so copy, all that it shares with others
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a kernel ended
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(address)
        server.listen()
        while True:
            relay, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _be_kernel(relay)
            relay.close()


def _be_kernel(relay: socket.socket) -> None:
    from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    asked = json.loads(relay.recv(_LONGEST))
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.environ.pop("JPY_PARENT_PID", None)  # the relay is no parent; the thread below looks after it
    os.chdir(asked["folder"])
    sys.path.insert(0, "")
    relay.send(str(os.getpid()).encode())
    threading.Thread(target=lambda: relay.recv(1) or os._exit(1), daemon=True).start()
    IPKernelApp.launch_instance(["-f", asked["connection_file"]])
    os._exit(0)


def ask(address: str, connection_file: str) -> None:
    """Be the process of a kernel, as the Jupyter server sees it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(address)
        asked = {"connection_file": connection_file, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
        server.send(json.dumps(asked).encode())
        kernel = int(server.recv(_LONGEST))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _frame: os.kill(kernel, number))
        ended = os.pidfd_open(kernel)
        select.select([ended], [], [])


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(sys.argv[1])
    else:
        ask(*sys.argv[1:])
