"""uvicorn, with two additions: the transport within reach of the application, and a prompt stop."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from imagegen_nb.emulator.app import create_app
from imagegen_nb.emulator.connection_faults import TRANSPORT

if TYPE_CHECKING:
    import socket

    from imagegen_nb.emulator.state import State


class Protocol(H11Protocol):
    """HTTP/1.1 that hands its transport to the application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[TRANSPORT] = self.transport
            await inner(scope, receive, send)

        self.app = with_transport


class Server(uvicorn.Server):
    """Tells when it is ready; when it stops, ends every connection, hanging ones too."""

    def __init__(self, state: State) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(state), loop="asyncio", http=Protocol, ws="none", lifespan="off",
                log_config=None, access_log=False, server_header=False,
            )
        )  # fmt: skip
        self.ready = threading.Event()
        self.failure: BaseException | None = None

    def run_in_thread(self, listener: socket.socket) -> None:
        """Serve on a bound socket until `should_exit`; the body of the server's thread."""
        quiet = Quiet()
        logger = logging.getLogger("uvicorn.error")
        logger.addFilter(quiet)
        try:
            self.run(sockets=[listener])
        except BaseException as error:  # noqa: BLE001 (handed to the thread that waits for `ready`)
            self.failure = error
        finally:
            logger.removeFilter(quiet)
            listener.close()
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, then ready."""
        # One drawing thread a core: more would not draw faster, only hold more pictures and delay a stop.
        drawing = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="imagegen-emulator-draw")
        asyncio.get_running_loop().set_default_executor(drawing)
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but without waiting for anybody."""
        for server in self.servers:
            server.close()
        aborting = asyncio.create_task(self._abort_connections())
        try:
            await super().shutdown(sockets)
        finally:
            aborting.cancel()

    async def _abort_connections(self) -> None:
        while True:  # a connection may still be half accepted: look again
            for connection in list(self.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()
            await asyncio.sleep(0.02)


class Quiet(logging.Filter):
    """Keeps uvicorn's chatter in this thread to itself; errors pass, other servers of the process too."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may be shown."""
        return record.thread != self.thread or record.levelno >= logging.ERROR
