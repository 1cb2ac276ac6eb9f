"""Google's access tokens for Vertex AI, fetched on the same proxies and certificates as everything else.

google-auth's own transports read other variables (REQUESTS_CA_BUNDLE) than the providers' packages, and tell
nobody why a token did not come. So its requests are carried here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import google.auth
import httpx2
from google.auth import transport
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError

from imagegen_nb.core.addresses import host_name
from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import AuthenticationFailed, ImagegenError, MissingCredential, ProviderFault
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
        request.trouble = ""  # looking for a cloud's machine around this one fails almost everywhere
        if not credentials.valid:
            credentials.refresh(request)  # type: ignore[no-untyped-call]
        return credentials
    except DefaultCredentialsError as error:
        problem = _missing(project, str(error.args[0]) if error.args else "")
    except GoogleAuthError as error:
        problem = _not_refreshed(error, request, credentials)
    except ImagegenError as error:
        problem = error
    # Files of credentials are read by several packages, each with errors of its own.
    except Exception as error:  # noqa: BLE001
        problem = _missing(project, f"they cannot be read ({type(error).__name__})")
    problem.__context__ = problem.__cause__ = None
    raise problem


def _missing(project: str, said: str) -> MissingCredential:
    # google-auth's words for having found nothing at all are a page's address.
    why = "" if "were not found" in said and "File" not in said else f" ({redact(said, limit=200)})"
    return MissingCredential(
        f"no Google credentials for Vertex AI project {project}{why}: {_REMEDY}",
        variable="GOOGLE_APPLICATION_CREDENTIALS",
    )


def _not_refreshed(
    error: GoogleAuthError, request: TokenRequest, credentials: Credentials | None
) -> ImagegenError:
    """Why credentials brought no token: nobody was reached, nobody was well, or they are refused."""
    where = request.host or "the token endpoint"
    if request.trouble:
        return ProviderFault(
            f"no Google access token: could not reach {where}: {request.trouble}; nothing was sent to Gemini",
            provider=_PROVIDER,
        )
    secrets = [getattr(credentials, name, None) for name in ("refresh_token", "client_secret", "token")]
    known = [secret for secret in secrets if isinstance(secret, str)]
    said = redact(str(error.args[0]) if error.args else "", known, limit=200)
    if request.status is not None and (request.status >= 500 or request.html):
        page = "an HTML page" if request.html else said
        return ProviderFault(
            f"no Google access token: {where} answered with HTTP {request.status} ({page}); "
            "nothing was sent to Gemini",
            provider=_PROVIDER,
        )
    words = f" ({said})" if said and isinstance(error, RefreshError) else ""
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
        self.trouble = ""
        self.status: int | None = None
        self.html = False

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
        self.host, self.trouble, self.status, self.html = host_name(url), "", None, False
        direct = self.host in _MACHINE_HOSTS
        proxy = None if direct else proxy_for(url, _PROVIDER)
        # A workload may have to show a certificate of its own.
        tls = False if url.startswith("http:") else tls_context(_PROVIDER, options.get("cert"))
        way, sent = Way(self.host, proxy), []
        carrier = httpx2.HTTPTransport(
            verify=tls, trust_env=False, proxy=None if proxy is None else proxy.for_client(_PROVIDER)
        )
        seconds = min(self.seconds, timeout or _LONGEST)
        timeouts = httpx2.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT))
        trouble = ""

        def trace(event: str, info: Mapping[str, Any]) -> None:
            sent.append(event) if leaves(event, info) else way.follow(event)

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
        self.html = response.content.lstrip()[:1] == b"<"
        return _Answer(response)
