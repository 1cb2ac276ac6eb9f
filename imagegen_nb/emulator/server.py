"""`Emulator`: the loopback server in a thread of this process, or in its foreground."""

from __future__ import annotations

import atexit
import ipaddress
import os
import socket
import threading
from typing import TYPE_CHECKING, Self

from imagegen_nb.emulator.state import State

if TYPE_CHECKING:
    from types import TracebackType

    from imagegen_nb.emulator.batch_desk import BatchDesk
    from imagegen_nb.emulator.faults import Fault
    from imagegen_nb.emulator.state import LoggedRequest
    from imagegen_nb.emulator.uvicorn_server import Server

_THREAD_TIMEOUT = 15.0
"""Seconds `start` and `stop` wait for the server's thread before they raise."""


class Emulator:
    """A loopback server that speaks the wire formats of image providers.

    host: a loopback address, nothing else (ValueError). port: 0 takes a free one. latency: seconds each
    request waits. retired: respond 404 for models that new keys do not get. Not started until `start`, a
    ``with`` block or `shared`. Every method may be called from any thread.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, latency: float = 0.0, *, retired: bool = False
    ) -> None:
        _check_loopback(host)
        self.host = host
        self.port = port
        self._state = State(latency, retired=retired)
        self._lock = threading.RLock()
        self._listener: socket.socket | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0

    @property
    def url(self) -> str:
        """Root URL, such as ``http://127.0.0.1:54321``; RuntimeError before `start`."""
        with self._lock:
            if self._listener is None:
                raise RuntimeError("the emulator is not running; call start() or use it as a context manager")
            port = self._listener.getsockname()[1]
        return f"http://[{self.host}]:{port}" if ":" in self.host else f"http://{self.host}:{port}"

    @property
    def running(self) -> bool:
        """Whether it serves, in this process."""
        return self._thread is not None and self._thread.is_alive() and self._pid == os.getpid()

    def start(self) -> Self:
        """Serve in a daemon thread; returns when ready. Does nothing when running."""
        with self._lock:
            if self.running:
                return self
            from imagegen_nb.emulator.uvicorn_server import Server

            self._listener = _listen_on(self.host, self.port)
            self._server = Server(self._state)
            self._thread = threading.Thread(
                target=self._server.run_in_thread,
                args=(self._listener,),
                name="imagegen-emulator",
                daemon=True,
            )
            self._pid = os.getpid()
            self._thread.start()
            if not self._server.ready.wait(_THREAD_TIMEOUT) or self._server.failure is not None:
                failure = self._server.failure
                self.stop()
                reason = failure or f"its server was not ready after {_THREAD_TIMEOUT:.0f} seconds"
                raise RuntimeError(f"the emulator could not start: {reason}") from failure
        return self

    def stop(self) -> None:
        """Stop at once, ending open requests; does nothing when stopped."""
        with self._lock:
            listener, server, thread = self._listener, self._server, self._thread
            self._listener = self._server = self._thread = None
        if server is not None and thread is not None and self._pid == os.getpid():
            server.should_exit = True
            thread.join(_THREAD_TIMEOUT)
            if thread.is_alive():
                raise RuntimeError("the emulator's thread did not stop")
        if listener is not None:
            listener.close()  # in a forked child: only its copy

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def serve_forever(self) -> None:
        """Serve until Ctrl-C, then stop cleanly; for the command line."""
        self.start()
        thread = self._thread
        try:
            while thread is not None and thread.is_alive():
                thread.join(0.5)
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def script(self, provider: str, *faults: Fault) -> None:
        """Queue `faults`: each coming request to `provider` takes one, then success again."""
        self._state.script(provider, *faults)

    @property
    def batches(self) -> BatchDesk:
        """Files and batches that were submitted, how they end, and what of them was paid for."""
        return self._state.batches

    def expire_images(self) -> None:
        """Let the addresses of images that were given end, as they do after an hour."""
        self._state.images.expire()

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """Every generation request so far, oldest first."""
        return self._state.requests

    def count(self, provider: str | None = None) -> int:
        """How many generation requests arrived, for one provider or for all."""
        return sum(1 for request in self.requests if provider in (None, request.provider))

    def clear(self) -> None:
        """Empty the log, the scripted faults, and what was submitted in batches."""
        self._state.batches.clear()
        self._state.clear_requests()
        self._state.clear_faults()

    @property
    def latency(self) -> float:
        """Seconds each request waits; may be set while running."""
        return self._state.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._state.latency = seconds

    @property
    def retired(self) -> bool:
        """Whether models that new keys do not get are refused with 404; may be set while running."""
        return self._state.retired

    @retired.setter
    def retired(self, value: bool) -> None:
        self._state.retired = value

    @classmethod
    def shared(cls) -> Emulator:
        """The one emulator of this process, started on first use; a forked child gets its own."""
        global _shared
        with _shared_lock:
            if _shared is None:
                _shared = Emulator()
            return _shared.start()


_shared: Emulator | None = None
_shared_lock = threading.Lock()


def _after_fork() -> None:
    """In the child: the parent's thread is gone, its lock may be held, its socket must not be kept open."""
    global _shared, _shared_lock
    _shared_lock = threading.Lock()
    inherited, _shared = _shared, None
    if inherited is not None and inherited._listener is not None:
        inherited._listener.close()


@atexit.register
def _at_exit() -> None:
    if _shared is not None:
        _shared.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _check_loopback(host: str) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"the emulator serves loopback addresses only, such as 127.0.0.1, not {host!r}")


def _listen_on(host: str, port: int) -> socket.socket:
    """A listening socket that names TCP outright: asyncio lifts Nagle's 40 ms delay only when it can tell."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere the option would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except BaseException:
        listener.close()
        raise
    return listener
