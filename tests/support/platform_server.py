"""An emulation of the workflow platform's public API on this machine, in the shapes that it documents.

It is no account of the platform: what that documents nowhere (the form's field `file`, the words of a 422,
how addresses are signed) is decided here. Each answer says so in a header, and its addresses lead nowhere.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORKSPACE = "38400000-8cf0-11bd-b23e-10b96e4ef00d"
KEY = "fhk_0123456789abcdef0123456789abcdef"
SIGNED = "?X-Amz-Expires=3600&X-Amz-Signature=" + "0123456789abcdef" * 4


@dataclass
class PlatformServer:
    """What it was asked, what it has, and how it is to behave."""

    url: str = ""
    key: str = KEY
    assets: list[dict[str, Any]] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    """Of the files that arrived, in order."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    invocations: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, Any] | str] = field(default_factory=list)
    """What the next requests get instead: a status with a document, "drop" for no answer at all, or "lose"
    for none although all was done."""
    lifetime: timedelta = timedelta(hours=1)
    signature: str = ""
    workflow: Callable[[dict[str, Any]], tuple[int, Any]] | None = None

    def handle(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any] | None:
        self.requests.append((method, path))
        scripted = self.answers.pop(0) if self.answers else None
        if scripted == "drop":
            return None
        if isinstance(scripted, tuple):
            return scripted
        answer = self.route(method, path, headers, body)
        return None if scripted == "lose" else answer

    def route(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any]:
        if headers.get("Authorization") != f"Bearer {self.key}":
            return 401, {"error": "Invalid access.", "message": "Invalid access."}
        if path == "/v1/workflow/invoke" and method == "POST":
            document = json.loads(body)
            self.invocations.append(document)
            assert self.workflow is not None
            return self.workflow(document)
        if path != f"/v1/public/workspaces/{WORKSPACE}/assets":
            return 404, {"error": "Workspace not found"}
        if method == "GET":
            return 200, {"assets": [self.fresh(asset) for asset in self.assets]}
        message = email.message_from_bytes(
            b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body,
            policy=email.policy.HTTP,
        )
        files = [
            part
            for part in message.iter_parts()
            if part.get_param("name", header="content-disposition") == "file"
        ]
        if not files:
            return 422, {"error": "No file provided"}
        return 200, {"message": "Asset uploaded", "asset": self.add(files[0])}

    def add(self, part: Any) -> dict[str, Any]:
        data = part.get_payload(decode=True)
        self.hashes.append(hashlib.sha256(data).hexdigest())
        asset = {
            "id": str(uuid.uuid4()),
            "object_key": "abc",
            "file_name": part.get_filename(),
            "file_type": part.get_content_type(),
            "file_size": len(data),
            "asset_type": "image",
            "workspace_id": WORKSPACE,
            "uploaded_at": datetime.now(UTC).isoformat(),
            "error_message": None,
        }
        self.assets.append(asset)
        return self.fresh(asset)

    def fresh(self, asset: dict[str, Any]) -> dict[str, Any]:
        expires = (datetime.now(UTC) + self.lifetime).isoformat()
        url = f"https://assets.invalid/{asset['id']}/{asset['file_name']}{self.signature}"
        return {**asset, "file_url": url, "file_url_expires_at": expires}


@contextmanager
def served() -> Iterator[PlatformServer]:
    """The emulation on a loopback port."""
    platform = PlatformServer()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = platform.handle(self.command, self.path, self.headers, body)
            if answer is None:
                self.close_connection = True
                return
            status, document = answer
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("X-Emulation", "imagegen-nb tests; not the platform")
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer  # noqa: N815 - the names that the server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
