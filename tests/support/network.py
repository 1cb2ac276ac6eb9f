"""A network on loopback: a certificate authority, TLS servers, proxies that open ways or refuse them."""

from __future__ import annotations

import datetime
import json
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
YEAR = datetime.timedelta(days=365)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A certificate authority that nobody trusts until its `file` is named."""

    def __init__(self, folder: Path, name: str = "Test Authority") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        builder = self._builder(self.name, self.key.public_key(), NOW - YEAR, NOW + YEAR)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        self.file.write_bytes(
            builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )

    def _builder(self, name, public_key, begin, end) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )

    def server(self, *names: str, begin=NOW - YEAR, end=NOW + YEAR) -> ssl.SSLContext:
        """The TLS settings of a server called `names`."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = []
        for name in names:
            with suppress(ValueError):
                alternatives.append(x509.IPAddress(ip_address(name)))
                continue
            alternatives.append(x509.DNSName(name))
        builder = self._builder(_name(names[0]), key.public_key(), begin, end)
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        file = self.folder / f"{names[0]}-{key.public_key().public_numbers().x}.pem"
        file.write_bytes(
            builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@dataclass
class Request:
    """One request as it arrived: its first line, its headers in lower case, its body."""

    line: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Server:
    """A server on loopback; `requests` is what came."""

    port: int
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


Handle = Callable[[Request, socket.socket], object]


def read_request(connection: socket.socket) -> Request | None:
    """The next request on `connection`, byte by byte up to its body: a tunnel may follow."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return None
        head += byte
    line, *rest = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in rest)}
    body, length = b"", int(headers.get("content-length", 0))
    while len(body) < length:
        body += connection.recv(length - len(body))
    return Request(line, headers, body)


@contextmanager
def served(handle: Handle, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that hands each connection's first request to `handle` and then closes it."""
    server: Server

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # a client that does not trust us has left
                connection = self.request
                connection.settimeout(10)
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                with connection:
                    request = read_request(connection)
                    if request is not None:
                        server.requests.append(request)
                        handle(request, connection)

    class Threads(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Threads(("127.0.0.1", 0), Handler) as listening:
        server = Server(listening.server_address[1], "http" if tls is None else "https")
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


def http(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A whole answer."""
    headers = f"content-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close"
    return f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n".encode() + body


def answering(answer: bytes) -> Handle:
    """Sends `answer` to whatever comes."""
    return lambda request, connection: connection.sendall(answer)


def tunnel_to(target: Server) -> Handle:
    """A proxy that opens every way it is asked for, and lets each end at `target`."""

    def handle(request: Request, connection: socket.socket) -> None:
        assert request.line.startswith("CONNECT ")
        with socket.create_connection(("127.0.0.1", target.port), 10) as other:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _relay(connection, other)

    return handle


@dataclass
class Socks:
    """What a SOCKS5 proxy does: a login it wants, the number it answers with, where its ways end."""

    target: Server | None = None
    login: tuple[bytes, bytes] | None = None
    reply: int = 0
    asked: list[str] = field(default_factory=list)
    """The places that ways were asked for to."""

    def handle(self, connection: socket.socket) -> None:
        """One way, by RFC 1928 and 1929."""
        offered = connection.recv(2)
        methods = connection.recv(offered[1])
        wanted = 0 if self.login is None else 2
        if wanted not in methods:
            connection.sendall(b"\x05\xff")
            return
        connection.sendall(bytes((5, wanted)))
        if self.login is not None:
            user = connection.recv(connection.recv(2)[1])
            password = connection.recv(connection.recv(1)[0])
            right = (user, password) == self.login
            connection.sendall(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return
        head = connection.recv(4)
        host = connection.recv(connection.recv(1)[0] if head[3] == 3 else 4)
        self.asked.append(f"{host.decode('latin-1')}:{int.from_bytes(connection.recv(2))}")
        connection.sendall(bytes((5, self.reply, 0, 1)) + bytes(6))
        if not self.reply and self.target is not None:
            with socket.create_connection(("127.0.0.1", self.target.port), 10) as other:
                _relay(connection, other)


@contextmanager
def socks_proxy(socks: Socks) -> Iterator[str]:
    """The address, host and port, of a SOCKS5 proxy."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError, IndexError):
                self.request.settimeout(10)
                socks.handle(self.request)

    class Threads(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Threads(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()


def _relay(left: socket.socket, right: socket.socket) -> None:
    """Pass bytes both ways until one side ends.

    In one thread, as a TLS socket must not be read by one and written by another at the same time.
    """
    ways = {left: right, right: left}
    while True:
        # What TLS has decrypted already, no select tells of.
        ready = [each for each in ways if isinstance(each, ssl.SSLSocket) and each.pending()]
        ready = ready or select.select(list(ways), [], [], 10)[0]
        if not ready:
            return
        for source in ready:
            data = source.recv(65_536)
            if not data:
                return
            ways[source].sendall(data)


def free_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PREFIXES = {
    "api.openai.com": "/openai",
    "api.x.ai": "/xai",
    "generativelanguage.googleapis.com": "/gemini",
    "aiplatform.googleapis.com": "/gemini",
}
TOKEN_HOST = "oauth2.googleapis.com"
HOSTS = (*PREFIXES, TOKEN_HOST)
TOKEN = "ya29.fetched-through-the-proxy-0123456789"


def all_providers(emulator_url: str) -> Handle:
    """Answers for every provider's host, with the emulator's answers, and for Google's token endpoint."""

    def handle(request: Request, connection: socket.socket) -> None:
        method, path, _ = request.line.split(" ")
        host = request.headers["host"]
        if host == TOKEN_HOST:
            token = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            connection.sendall(http(json.dumps(token).encode()))
            return
        emulator = HTTPConnection(emulator_url.removeprefix("http://"), timeout=20)
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        emulator.request(method, PREFIXES[host] + path, request.body, headers)
        answer = emulator.getresponse()
        body = answer.read()
        connection.sendall(http(body, f"{answer.status} Answered", answer.headers["content-type"]))
        emulator.close()

    return handle
