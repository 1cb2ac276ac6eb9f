"""Requests to the workflow platform's public API: one at a time, each sent once, to one address only.

The environment's proxies and certificates count here as they do for providers. No redirect is followed, an
answer is read within bounds, and every failure is one of our own errors, with what to do about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import httpx2
import jiter
from pydantic import SecretStr

from imagegen_nb._version import __version__
from imagegen_nb.core import redaction
from imagegen_nb.core.keywords import did_you_mean
from imagegen_nb.errors import (
    AuthenticationFailed,
    BadRequest,
    Charge,
    InvalidOption,
    InvalidResponse,
    ProviderError,
    ProviderFault,
    ProviderTimeout,
    RateLimited,
)
from imagegen_nb.providers import catalog, credentials
from imagegen_nb.providers.http import error_words
from imagegen_nb.providers.http.certificates import tls_context
from imagegen_nb.providers.http.proxies import proxy_for
from imagegen_nb.providers.http.transport import host_of
from imagegen_nb.providers.http.unreached import (
    CONNECT_TIMEOUT,
    Way,
    explain,
    leaves,
    login_wanted,
    logins_in,
)

if TYPE_CHECKING:
    from imagegen_nb.emulator import PlatformEmulator

BASE_URL = "https://api.fetchhive.com/v1"
EMULATOR = "emulator"
"""In the place of an address: an emulation of the platform in this process."""
EMULATOR_HOST = "the emulator on this machine"
KEY_VARIABLE = "FETCH_HIVE_API_KEY"
"""The variable that the platform's own packages read."""
PLATFORM = "Fetch Hive"
_LARGEST_ANSWER = 10_000_000
"""Bytes; a list of a thousand assets has a tenth."""
_REMEDIES = {
    401: f"the key was refused: give {KEY_VARIABLE} a key of this workspace that was not revoked",
    403: f"the key may not do this: give {KEY_VARIABLE} a key of this workspace",
    404: "nothing is there for this key: compare id or name with the platform's, and the key's workspace",
    407: "the proxy asks for a login",
    413: "the file is too large for the platform, or for what stands before it",
    422: "the platform refused what was sent",
    429: "too many requests, or the plan's daily limit: try again later",
}
_KINDS: dict[int, type[ProviderError]] = {
    401: AuthenticationFailed,
    403: AuthenticationFailed,
    429: RateLimited,
}
Method = Literal["GET", "POST"]


def emulated_workspace() -> str:
    """The id of the emulator's only workspace."""
    from imagegen_nb.emulator import PlatformEmulator

    return PlatformEmulator.WORKSPACE


class File(NamedTuple):
    """A file to be sent: its name, bytes and MIME type."""

    name: str
    data: bytes
    media_type: str


@dataclass(slots=True)
class _Progress:
    """How far one request came."""

    way: Way
    sent: bool = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by the HTTP core at each step."""
        if leaves(event, info):
            self.sent = True
        else:
            self.way.follow(event, info)


def is_undecided(error: ProviderError) -> bool:
    """Whether what was asked may have been done, although there was no answer that says so."""
    return isinstance(error, ProviderTimeout | InvalidResponse) or (error.status or 0) >= 500


def path_of(*segments: str) -> str:
    """A path below the base address; what is put into it can lead nowhere else."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def address(base_url: str | None) -> str:
    """Where the API is. Raises `InvalidOption` for an address that a key may not be sent to."""
    chosen = BASE_URL if base_url is None else base_url.strip().rstrip("/")
    if "://" not in chosen:
        near = did_you_mean(chosen, (EMULATOR,))
        hint = f" ({near})" if near.endswith("?") else ""
        raise InvalidOption(
            f"base_url (--base-url) = {chosen!r} is neither a URL nor {EMULATOR}{hint}: give the https:// "
            "address of the API, or leave it out for the platform's own"
        )
    if (problem := credentials.unusable(chosen)) or urlsplit(chosen).query:
        raise InvalidOption(
            f"this base_url is not usable: {problem or 'it has a part after ?'}. Give an https:// address "
            "(http:// only for this machine), because the key travels with every request"
        )
    return chosen


class PlatformClient:
    """The platform's API at `base_url`, asked with the key that `FETCH_HIVE_API_KEY` names (or the keyring
    has under that name). `seconds` bounds the wait for an answer. "emulator" as address is an emulation in
    this process, which needs no key and never gets one.

    Raises `MissingCredential`, and `InvalidOption` for an address that a key may not be sent to.
    """

    def __init__(self, base_url: str | None = None, *, seconds: float = 120.0) -> None:
        self.emulator: PlatformEmulator | None = None
        if base_url == EMULATOR:
            from imagegen_nb.emulator import PlatformEmulator

            self.emulator = PlatformEmulator.shared()
            self.base_url, self._key = self.emulator.url, SecretStr(self.emulator.KEY)
        else:
            self.base_url = address(base_url)
            self._key = credentials.platform_secret(KEY_VARIABLE, "the key of Fetch Hive")
        self.seconds = seconds

    @property
    def host(self) -> str:
        """The host the key goes to, with its port if that is not the usual one; or that it is emulated."""
        return EMULATOR_HOST if self.emulator else host_of(self.base_url)

    def get(self, path: str) -> Any:
        """What is at `path`, as plain data. Raises a `ProviderError`."""
        return self._ask("GET", path)

    def post(
        self,
        path: str,
        *,
        document: Mapping[str, Any] | None = None,
        file: File | None = None,
        costs: bool = False,
    ) -> Any:
        """Send `document` as JSON, or `file` in a form's field `file`, and return the answer as plain data.

        `costs` says that doing it costs money, so that errors tell when that is unknown. Raises a
        `ProviderError`; `is_undecided` tells whether it may have been done all the same.
        """
        parts = {"file": (file.name, file.data, file.media_type)} if file else None
        content = None if document is None else json.dumps(document).encode()
        return self._ask("POST", path, content, parts, costs=costs)

    def _ask(
        self,
        method: Method,
        path: str,
        content: bytes | None = None,
        parts: Mapping[str, tuple[str, bytes, str]] | None = None,
        *,
        costs: bool = False,
    ) -> Any:
        proxy = proxy_for(self.base_url, PLATFORM)
        transport = httpx2.HTTPTransport(
            verify=tls_context(PLATFORM),
            trust_env=False,
            proxy=None if proxy is None else proxy.for_client(PLATFORM),
            retries=0,
        )
        progress = _Progress(Way(self.host, proxy))
        timeouts = httpx2.Timeout(self.seconds, connect=CONNECT_TIMEOUT)
        headers = {"User-Agent": f"imagegen-nb/{__version__}", "Accept": "application/json"}
        headers["Accept-Encoding"] = "identity"
        if content is not None:
            headers["Content-Type"] = "application/json"
        failure: ProviderError
        try:
            with httpx2.Client(transport=transport, timeout=timeouts, follow_redirects=False) as http:
                request = http.build_request(
                    method, self.base_url + path, content=content, files=parts, headers=headers,
                    extensions={"trace": progress.trace},
                )  # fmt: skip
                # Set last, so that it stands in no variable that a traceback would show.
                request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
                response = http.send(request, stream=True)
                try:
                    body = _read(response)
                finally:
                    response.close()
        except httpx2.HTTPError as error:
            failure = _broken(error, progress, costs)
        else:
            return _answer(response, body, progress, costs)
        raise failure


def _read(response: httpx2.Response) -> bytes | None:
    """The body; None where it is too large."""
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            return None
    return bytes(body)


def _charge(costs: bool) -> Charge:
    return "unknown" if costs else "none"


def _broken(error: httpx2.HTTPError, progress: _Progress, costs: bool) -> ProviderError:
    """What became of a request that has no answer."""
    host = progress.way.host
    if not progress.sent:
        reason = explain(error, progress.way).reason
        return ProviderFault(
            f"{host} was not reached: {reason or 'the connection did not come about'}; nothing was sent",
            provider=PLATFORM,
        )
    if isinstance(error, httpx2.TimeoutException):
        return ProviderTimeout(
            f"{host} did not answer in time; what was asked may have been done",
            provider=PLATFORM,
            charge=_charge(costs),
        )
    return InvalidResponse(
        f"the connection to {host} broke before an answer was whole; what was asked may have been done",
        provider=PLATFORM,
        charge=_charge(costs),
    )


def _answer(response: httpx2.Response, body: bytes | None, progress: _Progress, costs: bool) -> Any:
    """The plain data of a success. Raises for everything else."""
    status = response.status_code
    if 300 <= status < 400:
        raise ProviderFault(
            f"answered with a redirect, which is not followed: the key goes to {progress.way.host} only",
            provider=PLATFORM,
            status=status,
        )
    if status >= 400 or body is None:
        raise _refusal(response, body or b"", progress, costs)
    try:
        return jiter.from_json(body, allow_inf_nan=False)
    except ValueError:
        problem = f"{progress.way.host} answered with something that is no JSON"
    raise InvalidResponse(
        f"{problem}; what was asked may have been done",
        provider=PLATFORM,
        status=status,
        charge=_charge(costs),
    )


def _refusal(response: httpx2.Response, body: bytes, progress: _Progress, costs: bool) -> ProviderError:
    status = response.status_code
    if status < 400:
        return InvalidResponse(
            f"the answer is larger than {_LARGEST_ANSWER:,} bytes", provider=PLATFORM, charge=_charge(costs)
        )
    words = error_words.read(body)
    said = redaction.redact(words.text, catalog.keys_in_use(), limit=300)
    if status == 407 and progress.way.proxy is not None:
        remedy = login_wanted(progress.way.proxy, logins_in(response.headers.raw)).reason
    elif status >= 500:
        remedy = (
            "the platform, or what stands before it, failed: what was asked may have been done all the same"
        )
    else:
        remedy = _REMEDIES.get(status, "the platform refused it")
    code = redaction.redact(words.code, catalog.keys_in_use(), limit=60) or None
    kind = _KINDS.get(status, ProviderFault if status >= 500 or status == 407 else BadRequest)
    return kind(
        f"{remedy} (it says: {said})" if said else remedy,
        provider=PLATFORM,
        status=status,
        code=code,
        charge=_charge(costs and status >= 500),
    )
