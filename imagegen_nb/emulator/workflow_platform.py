"""An emulation of the workflow platform's public API on this machine, in the shapes that it documents.

It is no account of the platform: what that documents nowhere (the form's field `file`, the words of a 422,
what a callback says, what a run that is asked for looks like) is decided here. Each answer says so in a
header, and the addresses of its assets lead nowhere.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import http.client
import ipaddress
import json
import os
import re
import threading
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

Answer = tuple[int, Any]
_ROOT = "/v1"
_RUN = re.compile(rf"{_ROOT}/(?:workflow_runs|public/requests)/([0-9a-f-]{{36}})")
_CALLBACK_SECONDS = 10.0


class PlatformEmulator:
    """A loopback server in the shapes of the workflow platform's API; not started until `start` or `shared`.

    It has one workspace, `WORKSPACE`, and takes one key, `KEY`. Assets are kept as records, without their
    bytes. A workflow is what `deploy` gave an output; invoked, it gives that, at once or by a callback, which
    only addresses of this machine get. port: 0 takes a free one.
    """

    WORKSPACE = "00000000-0000-4000-8000-000000000000"
    KEY = "an-emulated-platform-has-no-key"
    SECRET = "an-emulated-deployment-has-no-secret"  # noqa: S105 - it signs nothing but what is emulated here

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.assets: list[dict[str, Any]] = []
        self.hashes: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.invocations: list[dict[str, Any]] = []
        self.lifetime = timedelta(hours=1)
        self._deployments: dict[str, Any] = {}
        self._runs: dict[str, dict[str, Any]] = {}
        self._server: ThreadingHTTPServer | None = None
        self._pid = 0

    @property
    def url(self) -> str:
        """What to give as `base_url`; RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError(
                "the platform's emulator is not running; call start() or use it in a with block"
            )
        return f"http://127.0.0.1:{self._server.server_address[1]}{_ROOT}"

    def deploy(self, deployment: str, output: Any) -> None:
        """From now on `deployment` gives `output`, plain data."""
        self._deployments[deployment] = output

    def start(self) -> Self:
        """Serve in a daemon thread; does nothing when running."""
        if self._server is None or self._pid != os.getpid():
            self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
            self._pid = os.getpid()
            serve = self._server.serve_forever
            threading.Thread(
                target=serve, kwargs={"poll_interval": 0.02}, name="platform-emulator", daemon=True
            ).start()
        return self

    def stop(self) -> None:
        """Stop; does nothing when stopped."""
        server, self._server = self._server, None
        if server is not None:
            if self._pid == os.getpid():
                server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @classmethod
    def shared(cls) -> PlatformEmulator:
        """The one of this process, started on first use."""
        global _shared
        with _shared_lock:
            if _shared is None:
                _shared = PlatformEmulator()
            return _shared.start()

    def handle(self, method: str, path: str, headers: Any, body: bytes) -> Answer | None:
        """The answer to a request: status and document; None breaks the connection."""
        self.requests.append((method, path))
        return self.route(method, path, headers, body)

    def route(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        """The answer by the documentation's shapes."""
        if headers.get("Authorization") != f"Bearer {self.KEY}":
            return 401, {"error": "Invalid access.", "message": "Invalid access."}
        if (method, path) == ("POST", f"{_ROOT}/workflow/invoke"):
            try:
                document = json.loads(body)
            except ValueError:
                document = None
            return self.invoke(document) if isinstance(document, dict) else (400, {"error": "no JSON object"})
        if method == "GET" and (run := _RUN.fullmatch(path)):
            return self.told_run(run[1])
        if path != f"{_ROOT}/public/workspaces/{self.WORKSPACE}/assets":
            return 404, {"error": "Workspace not found"}
        if method == "GET":
            return 200, {"assets": [self.fresh(asset) for asset in self.assets]}
        return self._upload(headers.get("Content-Type") or "", body)

    def _upload(self, content_type: str, body: bytes) -> Answer:
        head = b"Content-Type: " + content_type.encode() + b"\r\n\r\n"
        message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
        parts = message.iter_parts() if message.is_multipart() else ()
        files = [part for part in parts if part.get_param("name", header="content-disposition") == "file"]
        if not files:
            return 422, {"error": "No file provided"}
        return 200, {"message": "Asset uploaded", "asset": self._add(files[0])}

    def _add(self, part: Any) -> dict[str, Any]:
        data = part.get_payload(decode=True)
        self.hashes.append(hashlib.sha256(data).hexdigest())
        asset = {
            "id": str(uuid.uuid4()),
            "object_key": "abc",
            "file_name": part.get_filename(),
            "file_type": part.get_content_type(),
            "file_size": len(data),
            "asset_type": "image",
            "workspace_id": self.WORKSPACE,
            "uploaded_at": datetime.now(UTC).isoformat(),
            "error_message": None,
        }
        self.assets.append(asset)
        return self.fresh(asset)

    def fresh(self, asset: dict[str, Any]) -> dict[str, Any]:
        """The asset's record with an address that expires `lifetime` from now."""
        expires = (datetime.now(UTC) + self.lifetime).isoformat()
        url = f"https://assets.invalid/{asset['id']}/{asset['file_name']}"
        return {**asset, "file_url": url, "file_url_expires_at": expires}

    def invoke(self, document: dict[str, Any]) -> Answer:
        """A run of a deployed workflow: its output, or that it is queued and will be told by a callback."""
        self.invocations.append(document)
        deployment, delivery = document.get("deployment"), document.get("async") or {}
        if deployment not in self._deployments:
            known = ", ".join(self._deployments) or "none"
            return 404, {"error": f"Deployment {deployment} not found; this emulation has: {known}"}
        run = {"request_id": str(uuid.uuid4()), "run_id": str(uuid.uuid4()), "run_status": "completed"}
        run["output"] = json.dumps(self._deployments[deployment])
        self._runs[run["request_id"]] = self._runs[run["run_id"]] = run
        if not delivery.get("enabled"):
            return 200, run
        url = delivery.get("callback_url") or ""
        if not _is_here(url):
            return 422, {
                "error": "callback_url is none of this machine; this emulator calls back to no other"
            }
        self.deliver(run, url)
        return 202, {"request_id": run["request_id"], "run_id": run["run_id"], "status": "queued"}

    def told_run(self, run_id: str) -> Answer:
        """What is told of a run that is asked for."""
        run = self._runs.get(run_id)
        return (404, {"error": "Not found"}) if run is None else (200, run)

    def deliver(self, run: dict[str, Any], url: str) -> None:
        """Tell a run's end to its callback address, in a thread."""
        arguments = (url, json.dumps(run).encode())
        threading.Thread(target=self.call_back, args=arguments, daemon=True).start()

    def call_back(self, url: str, body: bytes, signature: str | None = None) -> int:
        """Send a callback, signed with `SECRET` unless a signature is given; the status it was answered with,
        0 for none."""
        right = hmac.new(self.SECRET.encode(), body, hashlib.sha256).hexdigest()
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_CALLBACK_SECONDS)
        try:
            headers = {"Content-Type": "application/json", "X-Fetch-Hive-Signature": signature or right}
            connection.request("POST", parts.path or "/", body, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):  # nobody waits any more
            return 0
        finally:
            connection.close()


def _is_here(url: object) -> bool:
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _handler(platform: PlatformEmulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 60

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = platform.handle(self.command, self.path, self.headers, body)
            if answer is None:
                self.close_connection = True
                return
            status, document = answer
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("X-Emulation", "imagegen-nb; not the platform")
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer  # noqa: N815 - the names that the server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


_shared: PlatformEmulator | None = None
_shared_lock = threading.Lock()
