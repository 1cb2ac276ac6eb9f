"""Keeps a whole process off the network, whatever opens the connection: for kernels that replay.

A cassette already stops every request of the HTTP clients vcrpy knows; this stops the rest. Jupyter's own
sockets are not Python's, and go on.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import Any

from imagegen_nb.errors import ReplayError

_NAMES = ("localhost", "")
_to_the_end = ExitStack()


@contextmanager
def offline(*, loopback: bool = False) -> Iterator[None]:
    """Refuse, inside the block, to look up or reach any host: `ReplayError`. Sockets of files go on.

    `loopback` permits this machine itself, such as an emulator.
    """
    plain: dict[str, Any] = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}
    own = dict(vars(socket.socket))
    look_up = socket.getaddrinfo

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                _check(address[0], loopback)
            return real(self, address)

        return connect

    def guarded_look_up(host: Any, *more: Any, **options: Any) -> Any:
        _check(host, loopback)
        return look_up(host, *more, **options)

    for name, real in plain.items():
        setattr(socket.socket, name, guarded(real))
    socket.getaddrinfo = guarded_look_up
    try:
        yield
    finally:
        socket.getaddrinfo = look_up
        for name in plain:
            if name in own:  # another guard's
                setattr(socket.socket, name, own[name])
            else:
                delattr(socket.socket, name)


def stay_offline(*, loopback: bool = False) -> None:
    """As `offline`, to the end of the process: for a kernel, before it is given its first cell."""
    _to_the_end.enter_context(offline(loopback=loopback))


def _check(host: Any, loopback: bool) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    try:
        here = ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        here = name in _NAMES
    if not (here and loopback):
        raise ReplayError(
            f"a connection to {name or 'this machine'} was stopped: this process replays offline"
        )
