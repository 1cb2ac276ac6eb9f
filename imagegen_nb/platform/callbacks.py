"""Callbacks of a deployment, received while somebody waits: what is rightly signed is read, all else counted.

The platform documents that a callback is signed with HMAC SHA-256 in `X-Fetch-Hive-Signature`, and that one
with a wrong signature is not to be trusted. Its body is documented nowhere; here it has the keys of an
invoke's answer, perhaps below `data`.
"""

from __future__ import annotations

import hashlib
import json
import queue
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Self

from pydantic import SecretStr

from imagegen_nb.core.addresses import is_loopback
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption
from imagegen_nb.platform.signature import SIGNATURE_HEADER, verify_signature
from imagegen_nb.providers import credentials

SECRET_VARIABLE = "FETCH_HIVE_WEBHOOK_SECRET"  # noqa: S105 - its name, decided here
_SECRET = "the signing secret of the deployment on Fetch Hive"  # noqa: S105 - what it is called
LARGEST_BODY = 10_000_000
"""Bytes of one callback; an output of ten images has a thousandth."""
_CLOCKS_DIFFER = 300.0
"""Seconds by which the platform's clock may be off; the replay window is as much wider than the wait."""
_READ_SECONDS = 15.0
_MOST_WAITING = 100
_MOST_READ_AT_ONCE = 16
"""Whoever finds the address can send bodies, which are in memory until their signature is looked at."""


@helpful_calls
@dataclass(frozen=True, slots=True)
class Callbacks:
    """Where `verify` receives a deployment's callbacks.

    `url` is the address the platform is given, https, which a tunnel or a reverse proxy brings to `host` and
    `port` of this machine. Without one it is the listener's own, which only this machine reaches.
    `port` 0 takes a free one. `secret` is the deployment's signing secret; by default it is read from
    `FETCH_HIVE_WEBHOOK_SECRET`, or from the keyring under that name, as keys are.
    """

    url: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    secret: str | None = field(default=None, repr=False)


class _Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # the base class would look its own name up, which can take long
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Who breaks off in the middle is no error of this program, and is not worth its output."""


class CallbackListener:
    """The server for one wait: `url` is its address for the platform, `received` has what was rightly signed,
    `refused` counts all else by reason. Use it in a with block.

    A callback is read once: the same bytes again are counted only. So is one whose own `timestamp` (decided
    here: seconds, or ISO 8601, in the signed body) is older than this wait, or in the future.
    """

    def __init__(self, options: Callbacks, secret: SecretStr) -> None:
        self._secret, self._given = secret, options.url
        self._path = f"/callback/{secrets.token_urlsafe(16)}"
        self._opened = time.time()
        self._seen: set[bytes] = set()
        self._lock = threading.Lock()
        self.received: queue.Queue[Mapping[str, Any]] = queue.Queue(_MOST_WAITING)
        self.refused: Counter[str] = Counter()
        self.reading = threading.BoundedSemaphore(_MOST_READ_AT_ONCE)
        try:
            self._server = _Server((options.host, options.port), _handler(self))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
        else:
            return
        raise InvalidOption(f"no callback can be received at {options.host}:{options.port}: {reason}")

    @property
    def url(self) -> str:
        """The address to give to the platform."""
        host, port = self._server.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return self._given or f"http://{name}:{port}{self._path}"

    def __enter__(self) -> Self:
        serve = self._server.serve_forever
        threading.Thread(target=serve, kwargs={"poll_interval": 0.05}, name="callbacks", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def refuse(self, reason: str, status: int) -> int:
        """Count a request that is not read further, and give the status it is answered with."""
        with self._lock:
            self.refused[reason] += 1
        return status

    def is_expected_at(self, path: str) -> bool:
        """Whether callbacks come to this path: any, where the user's own address leads here."""
        return self._given is not None or secrets.compare_digest(path.encode(), self._path.encode())

    def take(self, body: bytes, signatures: list[str]) -> int:
        """Read a callback if it is one, and give the status it is answered with."""
        signature = signatures[0] if len(signatures) == 1 else None
        if not verify_signature(body, signature, self._secret.get_secret_value()):
            return self.refuse("not signed with the deployment's secret", 401)
        digest = hashlib.sha256(body).digest()
        with self._lock:
            is_new = digest not in self._seen
            self._seen.add(digest)
        if not is_new:
            return self.refuse("received before", 200)  # what is delivered again was delivered
        event = _event(body)
        if event is None:
            return self.refuse("no JSON object", 400)
        if not self._is_of_now(event):
            return self.refuse("older than this run, or in the future", 400)
        try:
            self.received.put_nowait(event)
        except queue.Full:
            return self.refuse("too many at once", 503)
        return 200

    def _is_of_now(self, event: Mapping[str, Any]) -> bool:
        sent = _seconds(event.get("timestamp"))
        return sent is None or self._opened - _CLOCKS_DIFFER <= sent <= time.time() + _CLOCKS_DIFFER

    def notes(self) -> list[str]:
        """What is to be told of requests that were not used."""
        with self._lock:
            counts = dict(self.refused)
        told = [f"{counted(count, 'callback')} not used: {reason}" for reason, count in counts.items()]
        if "not signed with the deployment's secret" in counts:
            told.append(f"if that was the platform, {SECRET_VARIABLE} is not the secret of this deployment")
        return told


def listener(options: Callbacks, base_url: str) -> CallbackListener:
    """The listener for callbacks of the API at `base_url`.

    Raises `InvalidOption` for an address that the platform cannot or should not be given, or that cannot be
    listened at, and `MissingCredential` where no secret is set.
    """
    if options.url is not None and (problem := credentials.unusable(options.url)):
        raise InvalidOption(f"the address for callbacks is not usable: {problem}. Give an https:// address")
    if not is_loopback(base_url) and (options.url is None or is_loopback(options.url)):
        raise InvalidOption(
            "Fetch Hive cannot reach an address of this machine only. Give an https:// address that a "
            "tunnel or a reverse proxy brings here: Callbacks(url=..., port=...), --callback-url and --listen"
        )
    given = options.secret
    secret = SecretStr(given) if given else credentials.platform_secret(SECRET_VARIABLE, _SECRET)
    return CallbackListener(options, secret)


def _event(body: bytes) -> Mapping[str, Any] | None:
    """The facts of a callback: the body's object, with what stands in it below `data`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    inner = document.get("data")
    return {**inner, **document} if isinstance(inner, dict) else document


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _handler(receiver: CallbackListener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _READ_SECONDS
        server_version, sys_version = "imagegen-nb", ""

        def do_POST(self) -> None:
            self.send_response(self._status())
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

        def _status(self) -> int:
            if not receiver.is_expected_at(self.path):
                return receiver.refuse("to another path", 404)
            length = self.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
                return receiver.refuse("without a length", 411)
            if len(length) > 12 or int(length) > LARGEST_BODY:
                return receiver.refuse(f"larger than {LARGEST_BODY:,} bytes", 413)
            if not receiver.reading.acquire(blocking=False):
                return receiver.refuse("too many at once", 503)
            try:
                body = self.rfile.read(int(length))
                is_whole = len(body) == int(length)
                signatures = self.headers.get_all(SIGNATURE_HEADER, [])
                return receiver.take(body, signatures) if is_whole else receiver.refuse("broken off", 400)
            except OSError:
                return receiver.refuse("broken off", 400)
            finally:
                receiver.reading.release()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
