"""An S3 of the tests' own: moto's server on this machine, with a log of requests and faults on demand."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

KEY_ID, SECRET = "AKIAOFTHETESTS000000", "the-secret-of-the-tests-0123456789abcdef"


Fault = Callable[[str, str], int | None]
"""Given method and path: the status of a failure to answer with, None for a proper answer, and a negative one
for a failure after the request was carried out."""


@dataclass(frozen=True)
class Asked:
    """A request: its method, what it asked for without the bucket, and the status of the answer."""

    method: str
    path: str
    query: str
    status: int

    @property
    def kind(self) -> str:
        """Such as `PUT log`, or `LIST leases`."""
        is_list = "list-type" in self.query
        place = parse_qs(self.query)["prefix"][0] if is_list else self.path
        parts = [part for part in place.split("/") if part and part != "team"]
        return f"{'LIST' if is_list else self.method} {parts[0] if parts else ''}".strip()


class ObjectServer:
    """The server; `new_url()` is a store of its own in it, `asked` what has been asked since `forget()`."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log(self, *_: Any) -> None:
                pass

        self._application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.asked: list[Asked] = []
        self._writing = threading.Lock()
        """One write at a time: moto looks whether an object is there and then writes it, and of sixty races
        of eight threads one had two winners. The service decides at once."""
        self.fault: Fault = lambda _method, _path: None
        self.ignores_conditions = False
        """As services do that know no conditional writes."""
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path, query = (environ[name] for name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING"))
        status = self.fault(method, path)
        told: list[Any] = []
        if self.ignores_conditions:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if status is None or status < 0:
            with self._writing if method == "PUT" else nullcontext():
                body = list(self._application(environ, lambda *answer: told.extend(answer[:2])))
        else:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if status is not None:
            told, body = [f"{abs(status)} Fault", []], [b"<Error><Code>SlowDown</Code></Error>"]
        below = path.strip("/").partition("/")[2]
        self.asked.append(Asked(method, below, query, int(told[0].split()[0])))
        start(*told)
        return body

    def forget(self) -> None:
        """Begin the log anew."""
        self.asked.clear()

    def kinds(self) -> list[str]:
        """The kinds of what was asked, in order."""
        return [one.kind for one in list(self.asked)]

    def new_url(self) -> str:
        """The address of a store in a bucket of its own."""
        bucket = f"tests-{uuid.uuid4().hex[:12]}"
        urlopen(Request(f"{self.address}/{bucket}", method="PUT"), timeout=30).close()
        return f"s3://{bucket}/team"

    def environment(self) -> dict[str, str]:
        """What leads programs here."""
        return {
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ALLOW_HTTP": "true",
        }

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """A time with faults."""
        before, self.fault = self.fault, fault
        try:
            yield
        finally:
            self.fault = before

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def first(count: int, status: int, method: str = "PUT", part: str = "/log/") -> Fault:
    """A fault of the first requests of a kind."""
    left = [count]

    def fault(asked: str, path: str) -> int | None:
        if asked != method or part not in path or left[0] <= 0:
            return None
        left[0] -= 1
        return status

    return fault
