"""Why a connection did not come about, in the user's words: the name, the port, the proxy, the certificate.

Only facts leave this file (kinds of error, numbers, OpenSSL's own reasons), never an exception or its text:
that may repeat what a proxy's address holds.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from imagegen_nb.core.error_chain import causes
from imagegen_nb.providers.http import certificates
from imagegen_nb.providers.http.proxies import Proxy

CONNECT_TIMEOUT = 10.0
"""Seconds that a connection, and its TLS, may take to come about."""
SENDING = "send_request_headers.started"
"""The trace event of the HTTP core from which on a request counts as sent."""
CONNECTING, TLS, TUNNEL = "connecting", "TLS", "tunnel"
"""How far it came: towards a socket, towards TLS on it, towards a way through a proxy."""
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)
_OTHER_NAME = (62, 63, 64)
"""OpenSSL's X509_V_ERR_… numbers."""
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_PASSING = (502, 503, 504)
"""A proxy's answers that may be others in a moment."""


_LOGINS = {name.lower(): name for name in ("Basic", "Bearer", "Digest", "Kerberos", "Negotiate", "NTLM")}
_LOGIN = re.compile(rf"(?i)(?:^|,)\s*({'|'.join(_LOGINS)})(?=[\s,]|$)")
"""Only known names are told: a header may say anything."""

_SOCKS_LOGIN = (
    "Invalid username/password",
    "Requested NO AUTHENTICATION REQUIRED from proxy server, but got NO ACCEPTABLE METHODS.",
    "Requested NO AUTHENTICATION REQUIRED from proxy server, but got USERNAME/PASSWORD.",
    "Requested USERNAME/PASSWORD from proxy server, but got NO ACCEPTABLE METHODS.",
)
_SOCKS_REPLIES = {
    "Connection not allowed by ruleset": ("does not allow connections to {host}", False),
    "Network unreachable": ("has no route to {host} itself", True),
    "Host unreachable": ("could not reach {host} itself", True),
    "Connection refused": ("found nothing listening at {host}", True),
    "TTL expired": ("could not reach {host} itself in time", True),
    "General SOCKS server failure": ("failed inside", True),
}
"""How the HTTP core writes what SOCKS5 answers with a number, in words; `True` for what may pass."""


def leaves(event: str, info: Mapping[str, Any]) -> bool:
    """Whether this event says that the request itself begins to leave: CONNECT only asks for a way."""
    return event.endswith(SENDING) and getattr(info.get("request"), "method", b"") != b"CONNECT"


@dataclass(frozen=True, slots=True)
class Unreached:
    """Why a call did not leave; `passing` says that another attempt may do better, `refused` that nothing
    listens at the host itself."""

    reason: str
    passing: bool
    refused: bool = False


@dataclass(slots=True)
class Way:
    """The way of one call to `host`, perhaps through a `proxy`, and how far it came on it."""

    host: str
    proxy: Proxy | None = None
    stage: str = ""
    tunnelled: bool = False
    """Whether the proxy has opened its way to the host."""
    logins: tuple[str, ...] = ()
    """The kinds of login that the proxy offers in refusing."""

    def follow(self, event: str, info: Mapping[str, Any] | None = None) -> None:
        """Take in one event of the HTTP core, and what it tells."""
        if event.endswith("connect_tcp.started"):
            self.stage, self.tunnelled = CONNECTING, False
        elif event.endswith(("proxy.start_tls.started", "socks.start_tls.started")):
            self.stage, self.tunnelled = TLS, True
        elif event.endswith("start_tls.started"):
            self.stage = TLS
        elif event.endswith((SENDING, "setup_socks5_connection.started")):
            self.stage = TUNNEL
        elif event.endswith("receive_response_headers.complete") and self.stage == TUNNEL:
            self.logins = _logins((info or {}).get("return_value"))

    @property
    def peer(self) -> str:
        """Whom the last step was about."""
        return self.host if self.proxy is None or self.tunnelled else str(self.proxy)

    def until_now(self) -> str:
        """What was waited for when the time was over."""
        if self.stage == TUNNEL:
            return f"{self.peer} opened no way to {self.host}"
        return f"waited for {'TLS with ' if self.stage == TLS else ''}{self.peer}"


def _logins(answer: object) -> tuple[str, ...]:
    """The kinds of login an answer offers; the HTTP core tells its version, status, phrase and headers."""
    return logins_in(answer[3] if isinstance(answer, tuple) and len(answer) > 3 else ())


def logins_in(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """The kinds of login that an answer's headers offer."""
    offers = [value.decode("latin-1") for name, value in headers if name.lower() == b"proxy-authenticate"]
    found = (kind for offer in offers for kind in _LOGIN.findall(offer))
    return tuple(dict.fromkeys(_LOGINS[kind.lower()] for kind in found))


def explain(error: BaseException, way: Way) -> Unreached:
    """Why `error` kept a call from leaving."""
    if way.stage == TUNNEL:
        return _tunnel(error, way)
    if isinstance(error, httpx2.TimeoutException):
        step = "finished no TLS handshake" if way.stage == TLS else "did not answer the attempt to connect"
        return Unreached(f"{way.peer} {step} within {CONNECT_TIMEOUT:g} s", passing=True)
    for cause in causes(error):
        if isinstance(cause, ssl.SSLError):
            return _tls(cause, way)
        if isinstance(cause, socket.gaierror):
            return _name(cause, way)
        if isinstance(cause, UnicodeError):
            return Unreached(f"{way.peer} is not a valid host name", passing=False)
        if isinstance(cause, OSError) and cause.errno:
            return _socket(cause, way)
    if way.stage == TLS:
        return _closed_early(way)
    return Unreached("", passing=isinstance(error, httpx2.ConnectError))


def _name(cause: socket.gaierror, way: Way) -> Unreached:
    if cause.errno == socket.EAI_AGAIN:
        why = "could not be looked up: no DNS server answered. Is this machine online?"
    else:
        why = "is unknown: DNS has no such host. Is the address right?"
    if way.proxy is not None:
        return Unreached(f"the name of {way.peer} {why}", passing=True)
    return Unreached(f"its name {why}", passing=True)


def _socket(cause: OSError, way: Way) -> Unreached:
    if cause.errno == errno.ECONNREFUSED:
        what = "start what should listen there, or correct the address"
        if way.peer != way.host and way.proxy is not None:
            what = f"start the proxy, or correct {way.proxy.variable}"
        reason = f"nothing listens at {way.peer} (connection refused): {what}"
        return Unreached(reason, passing=True, refused=way.peer == way.host)
    if cause.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return Unreached(f"this machine has no route to {way.peer}: is it online?", passing=True)
    if cause.errno in (errno.EACCES, errno.EPERM):
        return Unreached(
            f"this machine does not allow connections to {way.peer} (a firewall?)", passing=False
        )
    said = os.strerror(cause.errno or 0).lower()
    return Unreached(f"the connection to {way.peer} failed ({said})", passing=True)


def _closed_early(way: Way) -> Unreached:
    return Unreached(f"{way.peer} closed the connection before TLS was set up", passing=True)


def _tls(cause: ssl.SSLError, way: Way) -> Unreached:
    if not isinstance(cause, ssl.SSLCertVerificationError):
        if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return _closed_early(way)
        reason = getattr(cause, "reason", None) or ""
        if any(part in reason for part in _NOT_TLS):
            return Unreached(f"{way.peer} does not speak TLS there; is the port right?", passing=False)
        return Unreached(f"TLS with {way.peer} failed ({reason or type(cause).__name__})", passing=False)
    code = cause.verify_code
    if code in _UNKNOWN_ISSUER:
        return Unreached(
            f"the certificate of {way.peer} was issued by an authority that is not trusted here (trusted: "
            f"{certificates.told()}). Where a company's proxy or a gateway has its own authority, set "
            "SSL_CERT_FILE to a PEM file with it",
            passing=False,
        )
    if code in _OTHER_NAME:
        return Unreached(f"the certificate of {way.peer} is for another name", passing=False)
    if code == 10:
        return Unreached(f"the certificate of {way.peer} has expired", passing=False)
    if code == 9:
        return Unreached(
            f"the certificate of {way.peer} is not valid yet; is this machine's clock right?", passing=False
        )
    return Unreached(f"the certificate of {way.peer} is not accepted ({cause.verify_message})", passing=False)


def login_wanted(proxy: Proxy, logins: tuple[str, ...]) -> Unreached:
    """What a proxy means that answers 407, offering these kinds of login."""
    if logins and "Basic" not in logins:
        return Unreached(
            f"{proxy} requires a login by {' or '.join(logins)}, which is not supported here. Run a "
            "proxy on this machine that supports it, such as cntlm or px, and name it in "
            f"{proxy.variable} (HTTP 407)",
            passing=False,
        )
    return Unreached(f"{_told_login(proxy)} (HTTP 407)", passing=False)


def _told_login(proxy: Proxy) -> str:
    if proxy.login:
        return f"{proxy} did not accept the user name and password in {proxy.variable}"
    scheme = "socks5" if proxy.scheme.startswith("socks") else "http"
    return f"{proxy} requires a user name and password: {proxy.variable}={scheme}://user:password@host:port"


def _tunnel(error: BaseException, way: Way) -> Unreached:
    """What a proxy answered instead of opening a way to the host."""
    proxy = way.proxy
    assert proxy is not None
    if not isinstance(error, httpx2.ProxyError):
        return Unreached(f"{proxy} closed the connection, or is not a proxy", passing=True)
    said = str(error)
    status = said[:3]
    if status == "407":
        return login_wanted(proxy, way.logins)
    if said in _SOCKS_LOGIN:
        return Unreached(f"{_told_login(proxy)} (SOCKS5)", passing=False)
    for reply, (why, passing) in _SOCKS_REPLIES.items():
        if reply in said:
            return Unreached(f"{proxy} {why.format(host=way.host)} (SOCKS5)", passing)
    if status == "403":
        return Unreached(f"{proxy} does not allow connections to {way.host} (HTTP 403)", passing=False)
    if status.isdigit() and int(status) in _PASSING:
        return Unreached(f"{proxy} could not reach {way.host} itself (HTTP {status})", passing=True)
    told = f"HTTP {status}" if status.isdigit() else proxy.scheme.upper()
    return Unreached(f"{proxy} refused a connection to {way.host} ({told})", passing=False)
