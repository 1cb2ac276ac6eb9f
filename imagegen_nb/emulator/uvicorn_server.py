"""uvicorn, with each connection within the application's reach and a stop that waits for nobody.

The only file that knows uvicorn, as it relies on what uvicorn does not document: that `H11Protocol` calls its
attribute ``app`` for every request and keeps the connection as ``transport``, and that a server lists its
open connections in ``server_state.connections`` and its sockets in ``servers``. Every start requests one page
from itself, and raises `UvicornChanged` where that no longer holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from imagegen_nb.emulator.app import create_app
from imagegen_nb.emulator.connection_faults import TRANSPORT

if TYPE_CHECKING:
    import socket

    from imagegen_nb.emulator.state import State

_WRITTEN_FOR: Final = "0.40 to 0.54"
_CHECK_SECONDS: Final = 5.0


class UvicornChanged(RuntimeError):
    """The installed uvicorn is not built as this file expects."""

    def __init__(self, problem: str) -> None:
        version = importlib.metadata.version("uvicorn")
        super().__init__(
            f"uvicorn {version} is built differently than the emulator expects: {problem}. "
            f"It was written for uvicorn {_WRITTEN_FOR}; install one of these"
        )


class _TransportProtocol(H11Protocol):
    """HTTP/1.1 that hands its transport to the application, in the scope's extensions."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.handed_over = False
        application = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[TRANSPORT] = self.transport
            self.handed_over = True
            await application(scope, receive, send)

        self.app = with_transport


class Server(uvicorn.Server):
    """Tells when it is ready; when it stops, ends every connection, hanging ones too."""

    def __init__(self, state: State) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(state), loop="asyncio", http=_TransportProtocol, ws="none", lifespan="off",
                log_config=None, access_log=False, server_header=False,
            )
        )  # fmt: skip
        self.ready = threading.Event()
        self.failure: BaseException | None = None

    def run_in_thread(self, listener: socket.socket) -> None:
        """Serve on a bound socket until `should_exit`; the body of the server's thread."""
        quiet = _ErrorsOnly()
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
        # One rendering thread a core: more would not render faster, only hold more images and delay a stop.
        rendering = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="imagegen-emulator-draw")
        asyncio.get_running_loop().set_default_executor(rendering)
        await super().startup(sockets)
        if sockets:
            try:
                await self._check_internals(sockets[0].getsockname())
            except UvicornChanged:
                await super().shutdown(sockets)
                raise
        self.ready.set()

    async def _check_internals(self, address: tuple[Any, ...]) -> None:
        """Request one page, and look whether it came the way this file relies on."""
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                try:
                    streams = await asyncio.open_connection(*address[:2])
                except OSError:
                    raise
                except Exception:  # noqa: BLE001 (of whoever keeps this process off the network, as a replay does)
                    return
                connections = await self._request_page(*streams)
        except (AttributeError, TypeError, OSError, EOFError) as error:  # TimeoutError is an OSError
            raise UvicornChanged(f"a request to itself failed ({error!r})") from error
        if [getattr(connection, "handed_over", None) for connection in connections] != [True]:
            raise UvicornChanged("the application was called without its connection's transport")
        if not self.servers:
            raise UvicornChanged("the server does not list its sockets")

    async def _request_page(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[Any]:
        """The connections that a request of our own comes by, as the server lists them."""
        try:
            writer.write(b"GET /_emulator/health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            own_address = writer.get_extra_info("sockname")[:2]
            return [
                connection
                for connection in self.server_state.connections
                if connection.transport.get_extra_info("peername")[:2] == own_address
            ]
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

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


class _ErrorsOnly(logging.Filter):
    """Hides what uvicorn says of this thread's server, but for errors; other servers' messages pass."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may be shown."""
        return record.thread != self.thread or record.levelno >= logging.ERROR
