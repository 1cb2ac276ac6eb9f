"""Google's access tokens for Vertex AI, fetched on the same proxies and certificates as everything else.

google-auth's own transports read other variables (REQUESTS_CA_BUNDLE) than the providers' packages, and tell
nobody why a token did not come. So its requests are carried here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import google.auth
import httpx2
from google.auth import transport
from google.auth.exceptions import (
    DefaultCredentialsError,
    GoogleAuthError,
    OAuthError,
    RefreshError,
    TransportError,
)

from imagegen_nb.core.addresses import host_name
from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import (
    AuthenticationFailed,
    ImagegenError,
    MissingCredential,
    ProviderFault,
    RateLimited,
)
from imagegen_nb.providers.http import error_words
from imagegen_nb.providers.http.certificates import tls_context
from imagegen_nb.providers.http.proxies import proxy_for
from imagegen_nb.providers.http.unreached import CONNECT_TIMEOUT, Way, explain, leaves

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_PROVIDER = "gemini"
_LONGEST = 120.0
"""Seconds for one answer of a token endpoint; google-auth's own bound."""
_MACHINE_HOSTS = ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "metadata.google.internal", "metadata")
"""Where clouds tell their own machines who they are: never behind a proxy."""
_SECRET_FIELDS = ("refresh_token", "client_secret", "assertion", "subject_token", "actor_token")
_REMEDY = (
    "run `gcloud auth application-default login`, or pass VertexAI(..., credentials=...), "
    'or use the emulator: Workspace(..., backend="emulator")'
)


def ready_credentials(given: Credentials | None, project: str, seconds: float | None) -> Credentials:
    """`given`, or this machine's own credentials, with a token. See `VertexAI.google_credentials`."""
    request = TokenRequest(seconds)
    problem: ImagegenError
    credentials = given
    try:
        credentials = credentials or google.auth.default([_SCOPE], request=request)[0]
        request.forget()  # looking for a cloud's machine around this one fails almost everywhere
        if not credentials.valid:
            credentials.refresh(request)  # type: ignore[no-untyped-call]
        return credentials
    except DefaultCredentialsError as error:
        # The last place that is asked is the cloud's machine around this one.
        said = request.told() if request.status is not None else str(error.args[0]) if error.args else ""
        problem = _missing(project, said)
    except GoogleAuthError as error:
        problem = _not_refreshed(error, request, credentials)
    except ImagegenError as error:
        problem = error
    # Files of credentials are read by several packages, each with errors of its own.
    except Exception as error:  # noqa: BLE001
        if request.status is None:
            problem = _missing(project, f"they cannot be read ({type(error).__name__})")
        else:
            problem = _not_refreshed(error, request, credentials)
    problem.__context__ = problem.__cause__ = None
    raise problem


def _missing(project: str, said: str) -> MissingCredential:
    # google-auth's words for having found nothing at all are a page's address.
    why = "" if "were not found" in said and "File" not in said else f" ({redact(said, limit=200)})"
    return MissingCredential(
        f"no Google credentials for Vertex AI project {project}{why}: {_REMEDY}",
        variable="GOOGLE_APPLICATION_CREDENTIALS",
    )


def _not_refreshed(error: Exception, request: TokenRequest, credentials: Credentials | None) -> ImagegenError:
    """Why credentials brought no token: nobody was reached, nobody was well, or they are refused."""
    if request.trouble:
        return ProviderFault(
            f"no Google access token: could not reach {request.place or 'the token endpoint'}: "
            f"{request.trouble}; nothing was sent to Gemini",
            provider=_PROVIDER,
        )
    sources = (credentials, getattr(credentials, "source_credentials", None))
    names = ("refresh_token", "client_secret", "token")
    held = [getattr(source, name, None) for source in sources for name in names]
    known = [secret for secret in held if isinstance(secret, str)] + request.secrets
    told = redact(request.told(), known, limit=400)
    if request.status == 429:
        return RateLimited(
            f"no Google access token: {told}; nothing was sent to Gemini", provider=_PROVIDER, status=429
        )
    # A success that is no token is of the endpoint, unless google-auth itself read it and says more.
    unread = request.succeeded and not (request.is_object and isinstance(error, GoogleAuthError))
    if unread or request.is_of_the_way:
        return ProviderFault(
            f"no Google access token: {told}; nothing was sent to Gemini", provider=_PROVIDER
        )
    if request.status is None or request.succeeded:
        said = redact(str(error.args[0]) if error.args else "", known, limit=200)
        told = said if isinstance(error, RefreshError | OAuthError) else ""
    words = f" ({told})" if told else ""
    return AuthenticationFailed(
        f"the Google credentials could not be refreshed{words}: {_REMEDY}", provider=_PROVIDER
    )


class _Answer(transport.Response):
    """What google-auth reads of an answer."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, whatever their case."""
        return self._response.headers

    @property
    def data(self) -> bytes:
        """The whole body."""
        return self._response.content


class TokenRequest(transport.Request):
    """Carries google-auth's requests; `trouble` says why the last one had no answer, `status` what it had."""

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = min(_LONGEST, seconds or _LONGEST)
        self.host = ""
        self.place = ""
        """The host, and its port where the address names one."""
        self.secrets: list[str] = []
        """What the last request showed of the credentials: an answer may repeat it."""
        self.forget()

    def forget(self) -> None:
        """Start anew: nothing was answered, and nothing went wrong."""
        self.trouble = ""
        self.status: int | None = None
        self._location = ""
        self._body = b""

    @property
    def succeeded(self) -> bool:
        """Whether the last answer says so."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_object(self) -> bool:
        """Whether the last answer is a JSON object, as tokens and OAuth's errors are."""
        try:
            return isinstance(json.loads(self._body), dict)
        except (ValueError, RecursionError):
            return False

    @property
    def is_of_the_way(self) -> bool:
        """Whether the last answer says nothing about the credentials: a portal, a firewall, a failure."""
        if self.status is None:
            return False
        found = error_words.read(self._body)
        walled = self.status == 403 and bool(found.text) and not found.readable
        return found.page or walled or 300 <= self.status < 400 or self.status >= 500 or self.status == 408

    def told(self) -> str:
        """What the last answer was. Of one that is a success no word is repeated: it may be a token."""
        told = f"{self.place} answered with HTTP {self.status}"
        found = error_words.read(self._body)
        if found.page:
            return f"{told} (an HTML page{f': “{found.text}”' if found.text else ''})"
        if self._location:
            return f"{told}, a redirect to {self._location}: is there a portal to log in to?"
        if self.succeeded:
            return told + (
                ", and with no token that can be read" if self.is_object else ", and with no JSON object"
            )
        name = self._oauth_error()
        named = f"{name}: " if name and name not in found.text else ""
        return f"{told}: {named}{found.text}" if found.text else told

    def _oauth_error(self) -> str:
        """RFC 6749's short name of an error, beside which its description stands."""
        answer = json.loads(self._body) if self.is_object else {}
        name = answer.get("error")
        return name if isinstance(name, str) else ""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **options: Any,
    ) -> _Answer:
        """Make one request. Raises google-auth's `TransportError`, or the toolkit's own errors."""
        self.forget()
        self.host, self.place = host_name(url), _place(url)
        self.secrets = _secrets(body, headers or {})
        direct = self.host in _MACHINE_HOSTS
        proxy = None if direct else proxy_for(url, _PROVIDER)
        # A workload may have to show a certificate of its own.
        tls = False if url.startswith("http:") else tls_context(_PROVIDER, options.get("cert"))
        way, sent = Way(self.place, proxy), []
        carrier = httpx2.HTTPTransport(
            verify=tls, trust_env=False, proxy=None if proxy is None else proxy.for_client(_PROVIDER)
        )
        seconds = min(self.seconds, timeout or _LONGEST)
        timeouts = httpx2.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT))
        trouble = ""

        def trace(event: str, info: Mapping[str, Any]) -> None:
            sent.append(event) if leaves(event, info) else way.follow(event, info)

        with httpx2.Client(transport=carrier, timeout=timeouts, trust_env=False) as client:
            try:
                response = client.request(
                    method,
                    url,
                    content=body,
                    headers=headers,
                    extensions={"trace": trace},
                )
            except Exception as error:  # noqa: BLE001 - it may hold the request, and so a refresh token
                name = type(error).__name__
                silent = isinstance(error, httpx2.TimeoutException)
                broke = f"no whole answer within {seconds:g} s" if silent else f"it broke off ({name})"
                trouble = broke if sent else explain(error, way).reason or name
        if trouble:
            self.trouble = trouble
            raise TransportError(trouble)  # type: ignore[no-untyped-call]
        self.status = response.status_code
        self._body = response.content
        if response.is_redirect:
            self._location = host_name(str(response.url.join(response.headers["location"]))) or "nowhere"
        return _Answer(response)


def _place(url: str) -> str:
    try:
        return httpx2.URL(url).netloc.decode("ascii")
    except httpx2.InvalidURL:
        return host_name(url)


def _secrets(body: bytes | str | None, headers: Mapping[str, str]) -> list[str]:
    """What a request shows of credentials: the token of its header, and those of a form."""
    bearer = [value.partition(" ")[2] for name, value in headers.items() if name.lower() == "authorization"]
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    form = parse_qs(text)
    return [
        value
        for value in bearer + [value for name in _SECRET_FIELDS for value in form.get(name, [])]
        if value
    ]
