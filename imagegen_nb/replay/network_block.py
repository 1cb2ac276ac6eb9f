"""Keeps a whole process off the network, whatever opens the connection: for kernels that replay.

A cassette already stops every request of the HTTP clients that vcrpy patches; this stops the rest. Jupyter's
own sockets are opened by ZeroMQ, not by Python, and keep working.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import Any

from imagegen_nb.errors import ReplayError

_LOOPBACK_NAMES = ("localhost", "")
_until_exit = ExitStack()


@contextmanager
def offline(*, loopback: bool = False) -> Iterator[None]:
    """Refuse, inside the block, to look up or reach any host: `ReplayError`. Unix sockets keep working.

    `loopback` permits this machine itself, such as an emulator.
    """
    originals: dict[str, Any] = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}
    overridden = dict(vars(socket.socket))
    getaddrinfo = socket.getaddrinfo

    def blocking(connect: Callable[..., Any]) -> Callable[..., Any]:
        def checked(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                _check(address[0], loopback)
            return connect(self, address)

        return checked

    def checked_getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        _check(host, loopback)
        return getaddrinfo(host, *arguments, **options)

    for name, connect in originals.items():
        setattr(socket.socket, name, blocking(connect))
    socket.getaddrinfo = checked_getaddrinfo
    try:
        yield
    finally:
        socket.getaddrinfo = getaddrinfo
        for name in originals:
            if name in overridden:  # by another block around this one
                setattr(socket.socket, name, overridden[name])
            else:  # `connect` is inherited from the C class
                delattr(socket.socket, name)


def stay_offline(*, loopback: bool = False) -> None:
    """As `offline`, but to the end of the process: for a kernel, before its first cell."""
    _until_exit.enter_context(offline(loopback=loopback))


def _check(host: Any, loopback: bool) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    try:
        is_loopback = ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        is_loopback = name in _LOOPBACK_NAMES
    if not (is_loopback and loopback):
        raise ReplayError(
            f"a connection to {name or 'this machine'} was stopped: this process replays offline"
        )
