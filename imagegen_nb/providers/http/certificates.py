"""Which certificate authorities are trusted: the system's, or those that the environment names.

One answer for every request, to providers, gateways, proxies and Google's token endpoint alike. The first
variable that is set decides: SSL_CERT_FILE and SSL_CERT_DIR, which the providers' own packages read, then
REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE, which many a company sets for everything else.
"""

from __future__ import annotations

import functools
import os
import re
import ssl
from pathlib import Path

import httpx2

from imagegen_nb.errors import ProviderFault

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""What OpenSSL looks for in a folder: a certificate's file under the hash of its subject."""


def trusted() -> tuple[str, str] | None:
    """The variable that says what is trusted, and its value; None where the system decides."""
    return next(((name, value) for name in VARIABLES if (value := os.environ.get(name, ""))), None)


def tls_context(provider: str, client_certificate: tuple[str, ...] | None = None) -> ssl.SSLContext:
    """The TLS settings for requests now. Raises `ProviderFault` when the environment's are unusable.

    A `client_certificate` is shown to the other side, and gets settings of its own.

    They are read again once a variable or its file has changed: a notebook's user mends them in a cell.
    """
    named = trusted()
    if client_certificate is not None:
        context = _context.__wrapped__(named[1], (0, 0)) if named else _system.__wrapped__()
        context.load_cert_chain(*client_certificate)
        return context
    if named is None:
        return _system()
    variable, value = named
    try:
        problem = _problem(variable, value)
        if not problem:
            return _context(value, _version(value))
    except ssl.SSLError:
        problem = "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
    except OSError as error:
        problem = f"cannot be read ({os.strerror(error.errno or 0)})"
    raise ProviderFault(
        f"no TLS without trusted certificates: {variable} = {value!r} {problem}. Name a file with your "
        f"certificate authorities (PEM), or unset {variable} to trust the system's; nothing was sent",
        provider=provider,
    )


def told() -> str:
    """Where the trusted certificates come from, for messages."""
    named = trusted()
    return "those of this machine" if named is None else f"those of {named[0]} = {named[1]!r}"


def _problem(variable: str, value: str) -> str:
    """What is wrong with a variable's path; empty when nothing is wrong at first sight."""
    paths = [Path(part) for part in value.split(os.pathsep) if part]
    folders = [path for path in paths if path.is_dir()]
    if variable == "SSL_CERT_FILE" and Path(value).is_dir():
        return "is a folder, not a file: SSL_CERT_DIR is for folders"
    if folders and variable != "SSL_CERT_FILE":
        names = [entry.name for folder in folders for entry in folder.iterdir()]
        if any(map(_HASHED.fullmatch, names)):
            return ""
        return "holds no certificate under a name that OpenSSL looks for (`openssl rehash` makes them)"
    if Path(value).exists():
        if not (Path(value).is_file() or Path(value).is_dir()):
            return "is neither a file nor a folder, and holds no certificate"
        return "is a file, not a folder: SSL_CERT_FILE is for files" if variable == "SSL_CERT_DIR" else ""
    return "does not exist" + (" (~ is not expanded here)" if value.startswith("~") else "")


@functools.cache
def _system() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


def _version(value: str) -> tuple[int, int]:
    """What changes with a file's content; a folder is read anew by OpenSSL at each handshake."""
    facts = Path(value).stat() if Path(value).is_file() else None
    return (facts.st_mtime_ns, facts.st_size) if facts else (0, 0)


@functools.lru_cache(maxsize=4)
def _context(value: str, version: tuple[int, int]) -> ssl.SSLContext:
    """Strict in all that protects a key, lenient about the form of a company's certificates.

    Not `create_default_context`: from Python 3.13 on that refuses authorities which lack some extensions,
    as those of many companies do, while the system's are not held to it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a bundle may hold only the intermediate
    is_file = Path(value).is_file()
    context.load_verify_locations(value if is_file else None, None if is_file else value)
    return context
