"""Which proxy the environment names for an address, read as curl and httpx read it.

HTTPS_PROXY goes before ALL_PROXY, lower case before upper case. NO_PROXY lists what is reached directly:
hosts with all below them, with or without a leading dot or `*.`, `host:port`, addresses, networks, `*`.
This machine is always reached directly. No user name and no password of a proxy is ever shown.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import httpx2

from imagegen_nb.core.addresses import is_loopback
from imagegen_nb.core.install_hint import install_command
from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import ProviderFault
from imagegen_nb.providers.http import certificates

_SCHEMES = ("http", "https", "socks5", "socks5h")
_SYSTEM = "the system's settings"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9._-]+)?")
_QUOTES = "\"'“”‘’`"
_SLASHES = re.compile(r"(?i)/|[a-z][a-z0-9+.-]*:(/(?!/)|\\)")
"""An address whose scheme, or what divides it from the host, lacks a part: no host has an empty port."""
_IPV6 = re.compile(r"\[(?P<address>[^\]]+)\](?P<prefix>/[0-9]+)?(?::(?P<port>[0-9]+))?")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy in use: its address without user and password, and the variable that names it."""

    scheme: str
    host: str
    """As in an address: an IPv6 one in brackets."""
    port: int | None
    variable: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"the proxy {self.address} ({self.variable})"

    def for_client(self, provider: str) -> httpx2.Proxy:
        """The same as the HTTP client takes it. Its own TLS trusts what all other requests trust."""
        tls = certificates.tls_context(provider) if self.scheme == "https" else None
        return httpx2.Proxy(f"{self.scheme}://{self.address}", ssl_context=tls, auth=self.login)


def proxy_for(url: str, provider: str) -> Proxy | None:
    """The proxy for requests to `url`, None where they go directly.

    Raises `ProviderFault` where it is unusable, naming the variable, and nothing that may be a password.
    """
    if is_loopback(url):
        return None
    settings = urllib.request.getproxies()
    scheme = urlsplit(url).scheme
    name = next((name for name in (scheme, "all") if settings.get(name, "").strip()), None)
    if name is None or _is_direct(url, settings.get("no", "")):
        return None
    variable = _variable(name)
    found = _parse(settings[name].strip(), variable)
    del settings  # an error's traceback keeps this frame, and some show its variables
    if isinstance(found, Proxy):
        return found
    raise ProviderFault(
        f"the proxy that {variable} names cannot be used: {found}. Set {variable} to an address such as "
        "http://proxy.example:3128, or unset it; nothing was sent",
        provider=provider,
    )


def _is_direct(url: str, exceptions: str) -> bool:
    if is_direct(url, exceptions):
        return True
    # Only macOS and Windows have such settings beside the environment.
    return not urllib.request.getproxies_environment() and bool(
        urllib.request.proxy_bypass(urlsplit(url).hostname or "")
    )


def is_direct(url: str, exceptions: str) -> bool:
    """Whether NO_PROXY's `exceptions` say that `url` is reached without a proxy."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    entries = filter(None, re.split(r"[\s,]+", exceptions))
    return any(_covers(entry.lower(), parts.scheme, host, port) for entry in entries)


def _covers(entry: str, scheme: str, host: str, port: int | None) -> bool:
    """Whether one entry of NO_PROXY names this host. One that cannot be read names nothing."""
    of_scheme, separator, rest = entry.rpartition("://")
    if separator and of_scheme not in ("all", scheme):
        return False
    if rest == "*":
        return True
    bracketed = _IPV6.fullmatch(rest)
    try:
        network = f"{bracketed['address']}{bracketed['prefix'] or ''}" if bracketed else rest
        in_network = ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
        return in_network and (not bracketed or bracketed["port"] in (None, str(port)))
    except ValueError:
        pass  # a name, or an address with a port
    try:
        parts = urlsplit(f"//{rest}")
        named, named_port = (parts.hostname or "").strip("*."), parts.port
        name = named.encode("idna").decode("ascii")
    except ValueError:
        return False
    if not name or parts.path or named_port not in (None, port):
        return False
    return host == name or (host.endswith(f".{name}") and not _is_address(host))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _variable(name: str) -> str:
    """The environment variable behind one entry of the system's proxies, as it is written there."""
    wanted = f"{name}_proxy"
    names = [wanted, *(known for known in os.environ if known.lower() == wanted)]
    return next((known for known in names if os.environ.get(known, "").strip()), _SYSTEM)


def _parse(value: str, variable: str) -> Proxy | str:
    """The proxy of an address, or what is wrong with it. Without a scheme it is an HTTP proxy."""
    if value[0] in _QUOTES or value[-1] in _QUOTES:
        return "it has quotation marks around it, which are part of the value here: leave them out"
    if _SLASHES.match(value):
        return "its scheme is not followed by ://"
    before, separator, after = value.partition("://")
    scheme, rest = (before.lower(), after) if separator else ("http", value)
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    login, _, place = authority.rpartition("@")
    if "@" in rest and not login:
        return "its user name or password holds a character that must be percent-encoded"
    if scheme not in _SCHEMES:
        named = redact(scheme, limit=20) if re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) else "such a"
        return f"{named} is not a scheme for proxies here; {', '.join(_SCHEMES[:-1])} and {_SCHEMES[-1]} are"
    try:
        parts = urlsplit(f"//{place}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "its port is not a number from 1 to 65535"
    if port == 0:
        return "its port is not a number from 1 to 65535"
    shown = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(host) or not _is_usable(f"{scheme}://{shown}"):
        return "it names no host"
    if scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        return f"a SOCKS proxy needs the extra socks ({install_command('socks')})"
    user, _, password = login.partition(":")
    return Proxy(scheme, shown, port, variable, (unquote(user), unquote(password)) if login else None)


def _is_usable(url: str) -> bool:
    """Whether the HTTP client takes this address too."""
    try:
        return bool(httpx2.URL(url).host)
    except httpx2.InvalidURL:
        return False
