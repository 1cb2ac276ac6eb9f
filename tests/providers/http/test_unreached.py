"""Runs that do not reach their provider: what is told as the cause, and that nothing is charged, ledger too.

Real proxies, TLS servers and ports on loopback stand in the way.
"""

from __future__ import annotations

import base64
import errno
import socket
import ssl
import sys
import threading
from traceback import TracebackException

import httpx2
import pytest
from support.network import (
    HOSTS,
    NOW,
    YEAR,
    Authority,
    Socks,
    answering,
    free_port,
    http,
    served,
    socks_proxy,
    tunnel_to,
)

from imagegen_nb import Gateway, ImageGenerationStep, Workspace, replay
from imagegen_nb.errors import ProviderFault, ProviderTimeout
from imagegen_nb.providers.http.certificates import VARIABLES
from imagegen_nb.providers.http.proxies import Proxy
from imagegen_nb.providers.http.unreached import Way, explain, leaves

MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image", "gemini": "gemini-nano-banana-2.1"}
KEYS = {name: f"{name.upper()}_API_KEY" for name in MODELS}
KEY = "odd.key~of+no/known=shape:0123456789"
each_provider = pytest.mark.parametrize("provider", MODELS)
HOST = {"openai": "api.openai.com", "xai": "api.x.ai", "gemini": "generativelanguage.googleapis.com"}


@pytest.fixture(autouse=True)
def live(monkeypatch, waits):
    """Keys of all providers, and no certificates but this machine's."""
    for variable in KEYS.values():
        monkeypatch.setenv(variable, KEY)


def run(tmp_path, provider="openai", timeout=30.0, hosted=None):
    workspace = Workspace(tmp_path / provider, timeout=timeout, hosted=hosted)
    step = ImageGenerationStep(prompt="a fox", model=MODELS[provider], image_count=1, on_failure="continue")
    with workspace:
        ran = step.run(workspace=workspace)
        (entry,) = workspace.runs()
    return ran, entry


def refused(tmp_path, *says, provider="openai", kind=ProviderFault, timeout=30.0, hosted=None):
    """A run that fails for `says`, and costs nothing."""
    ran, entry = run(tmp_path, provider, timeout, hosted)
    error = ran.error
    assert (type(error), error.charge, error.status) == (kind, "none", None)
    assert (ran.output.error.charge, entry.charge, entry.state) == ("none", "none", "failed")
    assert KEY not in str(error)
    assert "nothing was sent" in str(error)
    for words in says:
        assert words in str(error)
    assert error.__context__ is error.__cause__ is None
    return str(error)


# Proxies that open no way

REFUSALS = {
    "407 Proxy Authentication Required": "requires a user name and password",
    "403 Forbidden": "does not allow connections to",
    "502 Bad Gateway": "could not reach",
    "503 Service Unavailable": "could not reach",
    "504 Gateway Timeout": "could not reach",
    "400 Bad Request": "refused a connection to",
    "302 Found": "refused a connection to",
}


@each_provider
@pytest.mark.parametrize("status", REFUSALS)
def test_a_proxy_that_refuses(monkeypatch, tmp_path, provider, status):
    page = http(b"<html><title>canary</title></html>", status, "text/html")
    with served(answering(page)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        told = refused(
            tmp_path,
            f"could not connect to {HOST[provider]}",
            f"the proxy {proxy.address} (HTTPS_PROXY)",
            REFUSALS[status],
            f"HTTP {status[:3]}",
            provider=provider,
        )
    assert "canary" not in told
    (line,) = {request.line for request in proxy.requests}
    assert line == f"CONNECT {HOST[provider]}:443 HTTP/1.1"
    assert len(proxy.requests) == (3 if status[:2] == "50" else 1)


def test_a_password_a_proxy_does_not_accept_is_sent_and_not_shown(monkeypatch, tmp_path, caplog):
    caplog.set_level("DEBUG")
    with served(answering(http(b"", "407 Proxy Authentication Required"))) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"someone:p%40ss-canary@{proxy.address}")
        ran, _ = run(tmp_path)
    assert "did not accept the user name and password in ALL_PROXY" in str(ran.error)
    sent = proxy.requests[0].headers["proxy-authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"someone:p@ss-canary"
    trace = TracebackException.from_exception(ran.error, capture_locals=True)
    shown = f"{ran.error}{ran!r}{ran._repr_html_()}{caplog.text}{''.join(trace.format())}"
    assert "could not connect" in shown
    for secret in ("canary", "someone", sent):
        assert secret not in shown


@pytest.mark.parametrize(
    ("offers", "says"),
    [
        ("NTLM", "requires a login by NTLM, which is not supported here"),
        ("Negotiate\r\nProxy-Authenticate: NTLM", "requires a login by Negotiate or NTLM, which"),
        (
            'negotiate, ntlm TlRMTVNTUAAC==, Digest realm="canary", Canary x',
            "Negotiate or NTLM or Digest, which",
        ),
        ('NTLM\r\nProxy-Authenticate: Basic realm="a, NTLM"', "did not accept the user name and password"),
        ('Digest realm="x", BASIC realm="y"', "did not accept the user name and password"),
        ("Canary", "did not accept the user name and password"),
    ],
)
def test_a_proxy_that_wants_another_login_than_a_password_says_so(monkeypatch, tmp_path, offers, says):
    status = f"407 Proxy Authentication Required\r\nproxy-authenticate: {offers}"
    with served(answering(http(b"", status))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://someone:canary@{proxy.address}")
        told = refused(tmp_path, says, "HTTP 407", f"the proxy {proxy.address} (HTTPS_PROXY)")
    assert "canary" not in told.lower()
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("answer", [b"", b"hello\r\n\r\n", b"\x16\x03\x01", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_proxy_at_all(monkeypatch, tmp_path, answer):
    with served(answering(answer)) as other:
        monkeypatch.setenv("HTTPS_PROXY", other.url)
        refused(tmp_path, f"the proxy {other.address} (HTTPS_PROXY)", "or is not a proxy")


def test_a_proxy_that_never_answers(monkeypatch, tmp_path):
    with served(lambda request, connection: connection.recv(1)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        refused(
            tmp_path,
            "within 0.8 s",
            f"the proxy {proxy.address} (HTTPS_PROXY) opened no way to api.openai.com",
            kind=ProviderTimeout,
            timeout=0.8,
        )


@each_provider
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("login", [None, (b"someone", b"p@ss-canary")])
def test_a_socks_proxy_opens_the_way(monkeypatch, tmp_path, authority, origin, provider, scheme, login):
    pytest.importorskip("socksio")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    socks = Socks(origin, login)
    with socks_proxy(socks) as address:
        named = "someone:p%40ss-canary@" if login else ""
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://{named}{address}")
        ran, _ = run(tmp_path, provider)
    assert (ran.status, len(ran.output.assets)) == ("done", 1)
    assert socks.asked == [f"{HOST[provider]}:443"]


SOCKS_REPLIES = {
    1: "failed inside",
    2: "does not allow",
    3: "no route",
    4: "could not reach",
    5: "nothing listening",
}
SOCKS_REPLIES |= {6: "in time", 7: "refused a connection", 8: "refused a connection", 99: ""}


@pytest.mark.parametrize("reply", SOCKS_REPLIES)
def test_a_socks_proxy_that_refuses(monkeypatch, tmp_path, reply):
    pytest.importorskip("socksio")
    socks = Socks(reply=reply)
    with socks_proxy(socks) as address:
        monkeypatch.setenv("HTTPS_PROXY", f"socks5h://{address}")
        refused(tmp_path, f"the proxy {address} (HTTPS_PROXY)", SOCKS_REPLIES[reply])
    assert len(socks.asked) == (3 if reply in (1, 3, 4, 5, 6) or reply == 99 else 1)


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("", "requires a user name and password: ALL_PROXY=socks5://user:password@host:port"),
        ("someone:canary@", "did not accept the user name and password in ALL_PROXY"),
    ],
)
def test_a_socks_proxy_that_wants_a_login(monkeypatch, tmp_path, named, says):
    pytest.importorskip("socksio")
    socks = Socks(login=(b"other", b"word"))
    with socks_proxy(socks) as address:
        monkeypatch.setenv("ALL_PROXY", f"socks5://{named}{address}")
        told = refused(tmp_path, says, f"the proxy {address} (ALL_PROXY)")
    assert "canary" not in told
    assert socks.asked == []


class Web(Socks):
    def handle(self, connection: socket.socket) -> None:
        connection.sendall(http(b"", "400 Bad Request"))


def test_what_is_no_socks_proxy(monkeypatch, tmp_path):
    pytest.importorskip("socksio")
    with socks_proxy(Web()) as address:
        monkeypatch.setenv("ALL_PROXY", f"socks5://{address}")
        refused(tmp_path, f"the proxy {address} (ALL_PROXY)", "or is not a proxy")


@each_provider
def test_without_its_extra_a_socks_proxy_costs_nothing(monkeypatch, tmp_path, provider):
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("HTTPS_PROXY", "socks5h://user:canary@127.0.0.1:1")
    told = refused(
        tmp_path, "HTTPS_PROXY", "a SOCKS proxy needs the extra socks (pip install", provider=provider
    )
    assert "canary" not in told


@each_provider
def test_nothing_listens_where_the_proxy_should_be(monkeypatch, tmp_path, provider):
    monkeypatch.setenv("HTTPS_PROXY", address := f"127.0.0.1:{free_port()}")
    refused(tmp_path, f"nothing listens at the proxy {address} (HTTPS_PROXY)", provider=provider)


@each_provider
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("http://p:99999", "its port is not a number"),
        ("ftp://user:canary@p:1", "ftp is not a scheme for proxies"),
        ("http://no-such-host.invalid:1", "the name of the proxy no-such-host.invalid:1 (HTTPS_PROXY)"),
    ],
)
def test_a_proxy_nobody_can_use(monkeypatch, tmp_path, provider, value, says):
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert "canary" not in refused(tmp_path, "HTTPS_PROXY", says, provider=provider)


def test_a_streamed_run_is_told_the_same(monkeypatch, tmp_path):
    with served(answering(http(b"", "403 Forbidden"))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        step = ImageGenerationStep(prompt="a fox", image_count=1, on_failure="continue")
        with Workspace(tmp_path, timeout=30) as workspace:
            error = step.run(workspace=workspace, partial_images=1).error
            (entry,) = workspace.runs()
    assert (type(error), error.charge, entry.charge) == (ProviderFault, "none", "none")
    assert "does not allow connections to api.openai.com" in str(error)


# TLS, directly and through proxies


@each_provider
def test_an_authority_that_is_not_trusted(monkeypatch, tmp_path, proxy, provider):
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    told = refused(
        tmp_path,
        f"the certificate of {HOST[provider]} was issued by an authority that is not trusted here",
        "SSL_CERT_FILE",
        provider=provider,
    )
    assert str(proxy.port) not in told  # the proxy did what it should
    assert len(proxy.requests) == 1


CERTIFICATES = {
    "is for another name": {"names": ("other.example",)},
    "has expired": {"begin": NOW - 2 * YEAR, "end": NOW - YEAR},
    "is not valid yet": {"begin": NOW + YEAR, "end": NOW + 2 * YEAR},
}


@pytest.mark.parametrize("says", CERTIFICATES)
def test_a_certificate_that_does_not_fit(monkeypatch, tmp_path, authority, says):
    options = {"names": HOSTS, **CERTIFICATES[says]}
    tls = authority.server(*options.pop("names"), **options)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with served(answering(http(b"{}")), tls) as target, served(tunnel_to(target)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        refused(tmp_path, f"the certificate of api.openai.com {says}")


def test_a_port_that_does_not_speak_tls(monkeypatch, tmp_path, authority):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def greet() -> None:
            for _ in range(3):
                connection, _ = listening.accept()
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.recv(1000)
                connection.close()

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        hosted = {"openai": Gateway(f"https://127.0.0.1:{port}/v1", "OPENAI_API_KEY")}
        refused(tmp_path, f"127.0.0.1:{port} does not speak TLS", hosted=hosted)


def test_a_port_that_waits_for_something_else_than_tls(monkeypatch, tmp_path, authority):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with served(answering(b"")) as plain:
        # Its first line is what TLS says, so it waits for more, and the handshake's time is over.
        hosted = {"openai": Gateway(f"https://{plain.address}/v1", "OPENAI_API_KEY")}
        refused(
            tmp_path, "within 0.8 s", "waited for TLS with", kind=ProviderTimeout, timeout=0.8, hosted=hosted
        )


@pytest.mark.parametrize("scheme", ["https", "HTTPS", "Https"])
def test_no_spelling_of_a_gateways_scheme_turns_tls_off(monkeypatch, tmp_path, origin, scheme):
    hosted = {"openai": Gateway(f"{scheme}://{origin.address}/v1", "OPENAI_API_KEY")}
    refused(tmp_path, "not trusted here", hosted=hosted)
    assert origin.requests == []


@each_provider
def test_ones_own_authority_works_through_a_proxy(
    monkeypatch, tmp_path, emulator, authority, proxy, origin, provider
):
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    ran, entry = run(tmp_path, provider)
    assert (ran.error, ran.status, entry.charge) == (None, "done", "charged")
    assert proxy.requests[0].line == f"CONNECT {HOST[provider]}:443 HTTP/1.1"
    assert KEY not in str(proxy.requests)
    assert len(origin.requests) == 1


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_bundle_that_other_tools_are_told_of_works_too(monkeypatch, tmp_path, authority, proxy, variable):
    for other in VARIABLES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv(variable, str(authority.file))
    ran, _ = run(tmp_path)
    assert (ran.error, ran.status) == (None, "done")


def test_a_proxy_that_itself_speaks_tls(monkeypatch, tmp_path, authority, origin):
    with served(tunnel_to(origin), authority.server("127.0.0.1")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        refused(tmp_path, f"the certificate of the proxy {proxy.address} (HTTPS_PROXY)", "not trusted here")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        ran, _ = run(tmp_path, "xai")
        assert (ran.error, ran.status) == (None, "done")


@each_provider
def test_certificates_nobody_can_read(monkeypatch, tmp_path, provider):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    refused(tmp_path, f"SSL_CERT_FILE = {str(tmp_path / 'missing.pem')!r} does not exist", provider=provider)


def test_another_authority_is_named_with_its_variable(monkeypatch, tmp_path, proxy):
    other = Authority(tmp_path, "Other Authority")
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
    refused(tmp_path, f"trusted: those of SSL_CERT_FILE = {str(other.file)!r}")


# Nobody there


@each_provider
def test_a_name_nobody_knows(tmp_path, provider):
    hosted = {provider: Gateway("https://no-such-host.invalid/v1", KEYS[provider])}
    refused(
        tmp_path, "could not connect to no-such-host.invalid", "its name", provider=provider, hosted=hosted
    )


@each_provider
def test_a_port_nobody_listens_at(tmp_path, provider):
    port = free_port()
    hosted = {provider: Gateway(f"http://127.0.0.1:{port}/v1", KEYS[provider])}
    refused(
        tmp_path,
        f"nothing listens at 127.0.0.1:{port} (connection refused): start what should listen there, or "
        "correct the address; nothing was sent",
        provider=provider,
        hosted=hosted,
    )


def test_where_no_emulator_listens_it_is_said_how_to_start_one(tmp_path):
    port = free_port()
    step = ImageGenerationStep(prompt="a fox", image_count=1, on_failure="continue")
    with Workspace(tmp_path / "assets", backend=f"http://127.0.0.1:{port}") as workspace:
        told = str(step.run(workspace=workspace).error)
    assert f"nothing listens at 127.0.0.1:{port} (connection refused): start what should" in told
    assert f"`imagegen-nb emulator --port {port}` starts an emulator there" in told
    assert 'backend="emulator" one of its own; nothing was sent' in told


def test_where_no_proxy_listens_its_variable_is_what_to_correct(monkeypatch, tmp_path):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    told = refused(tmp_path, "start the proxy, or correct HTTPS_PROXY; nothing was sent")
    assert "emulator" not in told


# Who needs no network


@pytest.fixture
def broken_network(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "ftp://nobody:99999")
    monkeypatch.setenv("HTTP_PROXY", "ftp://nobody:99999")
    monkeypatch.setenv("SSL_CERT_FILE", "/missing/own.pem")


@each_provider
def test_the_emulator_is_reached_whatever_the_network_is_like(broken_network, workspace, provider):
    step = ImageGenerationStep(prompt="a fox", model=MODELS[provider], image_count=1)
    assert step.run(workspace=workspace).status == "done"


@each_provider
def test_a_replay_needs_none(monkeypatch, tmp_path, workspace, provider):
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTES", str(tmp_path / "cassettes"))
    step = ImageGenerationStep(prompt="a fox", model=MODELS[provider], image_count=1)
    with replay.use("hero", "all"):
        step.run(workspace=workspace)
    monkeypatch.setenv("HTTPS_PROXY", "ftp://nobody:99999")
    monkeypatch.setenv("SSL_CERT_FILE", "/missing/own.pem")
    with replay.use("hero"):
        assert step.run(workspace=Workspace(tmp_path / "elsewhere")).replayed


# The words, by cause

DIRECT = "host.example"
THROUGH = Proxy("http", "p.example", 3128, "ALL_PROXY")


def raised(*causes):
    """An error of the HTTP client that came from `causes`, the last one first."""
    error: BaseException | None = None
    for cause in (*reversed(causes), httpx2.ConnectError("canary")):
        cause.__cause__ = error
        error = cause
    return error


@pytest.mark.parametrize("proxy", [None, THROUGH])
@pytest.mark.parametrize(
    ("cause", "says", "passing"),
    [
        (socket.gaierror(socket.EAI_NONAME, "canary"), "unknown: DNS has no such host", True),
        (socket.gaierror(socket.EAI_AGAIN, "canary"), "no DNS server answered", True),
        (OSError(errno.ECONNREFUSED, "canary"), "connection refused", True),
        (OSError(errno.ENETUNREACH, "canary"), "no route to", True),
        (OSError(errno.EHOSTUNREACH, "canary"), "no route to", True),
        (OSError(errno.EPERM, "canary"), "a firewall?", False),
        (OSError(errno.EMFILE, "canary"), "too many open files", True),
        (UnicodeError("canary"), "not a valid host name", False),
        (ExceptionGroup("canary", [OSError(errno.ECONNREFUSED, "canary")]), "connection refused", True),
        (ssl.SSLEOFError(8, "canary"), "closed the connection before TLS", True),
        (ssl.SSLError(1, "canary"), "TLS with", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_the_words_for_a_cause(proxy, cause, says, passing):
    way = Way(DIRECT, proxy)
    way.follow("connection.connect_tcp.started")
    found = explain(raised(cause), way)
    assert says in found.reason
    assert found.passing is passing
    assert "canary" not in found.reason
    assert ("ALL_PROXY" in found.reason) == (proxy is not None)


@pytest.mark.parametrize(
    ("events", "peer", "waited"),
    [
        (["connection.connect_tcp.started"], "the proxy p.example:3128 (ALL_PROXY)", "waited for the proxy"),
        (
            ["connection.connect_tcp.started", "connection.start_tls.started"],
            "the proxy p.example:3128 (ALL_PROXY)",
            "waited for TLS with the proxy",
        ),
        (
            ["connection.connect_tcp.started", "http11.send_request_headers.started"],
            "the proxy p.example:3128 (ALL_PROXY)",
            "opened no way to host.example",
        ),
        (
            [
                "connection.connect_tcp.started",
                "http11.send_request_headers.started",
                "proxy.start_tls.started",
            ],
            "host.example",
            "waited for TLS with host.example",
        ),
        (
            ["socks.connect_tcp.started", "socks.setup_socks5_connection.started"],
            "the proxy p.example:3128 (ALL_PROXY)",
            "opened no way to host.example",
        ),
    ],
)
def test_whom_a_step_was_about(events, peer, waited):
    way = Way(DIRECT, THROUGH)
    for event in events:
        way.follow(event)
    assert way.peer == peer
    assert waited in way.until_now()


class Asked:
    def __init__(self, method: bytes) -> None:
        self.method = method


def test_a_request_leaves_when_its_own_headers_do():
    assert leaves("http11.send_request_headers.started", {"request": Asked(b"POST")})
    assert leaves("http11.send_request_headers.started", {})  # a cassette says no more
    assert not leaves("http11.send_request_headers.started", {"request": Asked(b"CONNECT")})
    assert not leaves("http11.send_request_headers.complete", {"request": Asked(b"POST")})
    assert not leaves("connection.connect_tcp.started", {})
