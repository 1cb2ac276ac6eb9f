"""Vertex AI's tokens: fetched through the same proxies and certificates, and what is told when none comes."""

from __future__ import annotations

import json
from contextlib import suppress
from types import SimpleNamespace

import google.auth.environment_vars
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import identity_pool, impersonated_credentials
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import TransportError
from google.oauth2.credentials import Credentials as UserCredentials
from google.oauth2.service_account import Credentials as ServiceAccount
from support.network import TOKEN, TOKEN_HOST, answering, free_port, http, served, tunnel_to

from imagegen_nb import ImageGenerationStep, VertexAI, Workspace, replay
from imagegen_nb.errors import (
    AuthenticationFailed,
    MissingCredential,
    ProviderFault,
    ProviderTimeout,
    RateLimited,
)
from imagegen_nb.providers.http.certificates import VARIABLES
from imagegen_nb.providers.http.google_tokens import TokenRequest

STEP = ImageGenerationStep(
    prompt="a fox", model="gemini-nano-banana-2.1", image_count=1, on_failure="continue"
)
REFRESH_TOKEN = "1//canary-refresh-token-0123456789"


def user(token_uri: str = f"https://{TOKEN_HOST}/token") -> UserCredentials:
    return UserCredentials(
        None,
        refresh_token=REFRESH_TOKEN,
        token_uri=token_uri,
        client_id="an-id.apps.example",
        client_secret="canary-client-secret-0123456789",
    )


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def service_account(private_key: str) -> dict[str, str]:
    return {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "1",
        "private_key": private_key,
        "client_email": "me@my-project.iam.example",
        "token_uri": f"https://{TOKEN_HOST}/token",
    }


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch, tmp_path, waits):
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "no-gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv(google.auth.environment_vars.CREDENTIALS, raising=False)


def run(tmp_path, credentials=None, timeout=30.0):
    hosted = {"gemini": VertexAI("my-project", credentials=credentials)}
    with Workspace(tmp_path / "assets", hosted=hosted, timeout=timeout) as workspace:
        ran = STEP.run(workspace=workspace)
        (entry,) = workspace.runs()
    return ran, entry


def failed(tmp_path, kind, *says, credentials=None, timeout=30.0):
    """A run that fails for `says`, and costs nothing."""
    ran, entry = run(tmp_path, credentials, timeout)
    error = ran.error
    assert type(error) is kind
    assert (getattr(error, "charge", "none"), ran.output.error.charge, entry.charge) == ("none",) * 3
    assert "canary" not in f"{error}{error!r}"
    for words in says:
        assert words in str(error)
    if kind in (ProviderFault, ProviderTimeout):
        assert "gcloud" not in str(error)
        assert "credentials" not in str(error)
    assert error.__context__ is error.__cause__ is None
    return str(error)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_token_comes_through_the_proxy_by_ones_own_authority(
    monkeypatch, tmp_path, emulator, authority, origin, proxy, variable
):
    for other in VARIABLES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv(variable, str(authority.file))
    ran, entry = run(tmp_path, user())
    assert (ran.error, ran.status, entry.charge) == (None, "done", "charged")
    assert [request.line.split()[1] for request in proxy.requests] == [
        f"{TOKEN_HOST}:443",
        "aiplatform.googleapis.com:443",
    ]
    assert REFRESH_TOKEN.replace("/", "%2F") in origin.requests[0].body.decode()
    assert origin.requests[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_service_accounts_file_is_found_and_used(
    monkeypatch, tmp_path, authority, origin, proxy, private_key
):
    file = tmp_path / "account.json"
    file.write_text(json.dumps(service_account(private_key)))
    monkeypatch.setenv(google.auth.environment_vars.CREDENTIALS, str(file))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    ran, _ = run(tmp_path)
    assert (ran.error, ran.status) == (None, "done")
    assert origin.requests[0].headers["host"] == TOKEN_HOST


def test_a_token_is_fetched_and_not_recorded_while_a_cassette_records(
    monkeypatch, tmp_path, emulator, authority, origin, proxy
):
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTES", str(tmp_path / "cassettes"))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with replay.use("vertex", "all"):
        ran, _ = run(tmp_path, user())
    assert (ran.error, len(origin.requests)) == (None, 2)
    text = next((tmp_path / "cassettes").rglob("cassette.yaml")).read_text()
    assert "aiplatform.googleapis.com" in text
    assert not {TOKEN, TOKEN_HOST, REFRESH_TOKEN} & set(text.split())
    assert TOKEN_HOST not in text
    monkeypatch.setenv("HTTPS_PROXY", "ftp://nobody")
    with replay.use("vertex"), Workspace(tmp_path / "b", hosted={"gemini": VertexAI("my-project")}) as other:
        assert STEP.run(workspace=other).replayed


def test_an_endpoint_that_cannot_be_reached_is_not_missing_credentials(monkeypatch, tmp_path, private_key):
    monkeypatch.setenv("HTTPS_PROXY", address := f"127.0.0.1:{free_port()}")
    account = ServiceAccount.from_service_account_info(service_account(private_key))
    for credentials in (user(), account.with_scopes(["x"])):
        failed(
            tmp_path,
            ProviderFault,
            f"could not reach {TOKEN_HOST}",
            f"nothing listens at the proxy {address} (HTTPS_PROXY)",
            credentials=credentials,
        )
        (tmp_path / "assets").rename(tmp_path / f"assets-{id(credentials)}")


def test_an_authority_that_is_not_trusted(monkeypatch, tmp_path, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    failed(
        tmp_path, ProviderFault, f"the certificate of {TOKEN_HOST}", "not trusted here", credentials=user()
    )


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("HTTPS_PROXY", "ftp://user:canary@p:1", "ftp is not a scheme for proxies"),
        ("SSL_CERT_FILE", "/missing/own.pem", "does not exist"),
    ],
)
def test_settings_that_are_unusable(monkeypatch, tmp_path, variable, value, says):
    monkeypatch.setenv(variable, value)
    failed(tmp_path, ProviderFault, variable, says, credentials=user())


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden"])
def test_a_proxy_that_refuses(monkeypatch, tmp_path, status):
    with served(answering(http(b"", status))) as refusing:
        monkeypatch.setenv("HTTPS_PROXY", refusing.url)
        failed(tmp_path, ProviderFault, f"HTTP {status[:3]}", "HTTPS_PROXY", credentials=user())
    assert refusing.requests[0].line.startswith(f"CONNECT {TOKEN_HOST}:443")


def test_an_endpoint_that_never_answers(tmp_path):
    with served(lambda request, connection: connection.recv(1)) as silent:
        failed(
            tmp_path,
            ProviderTimeout,
            "within 0.8 s",
            "nothing was sent",
            credentials=user(f"{silent.url}/token"),
            timeout=0.8,
        )


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"])
def test_an_endpoint_that_breaks_off(tmp_path, answer):
    with served(answering(answer)) as endpoint:
        failed(tmp_path, ProviderFault, "it broke off", credentials=user(f"{endpoint.url}/token"))


def test_an_endpoint_that_repeats_the_secrets(tmp_path):
    secrets = f"not {REFRESH_TOKEN} nor canary-client-secret-0123456789"
    with served(answering(http(secrets.encode(), "400 No"))) as endpoint:
        failed(tmp_path, AuthenticationFailed, "[redacted]", credentials=user(f"{endpoint.url}/token"))


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        ("400 Bad Request", b'{"error": "invalid_grant"}', AuthenticationFailed, "invalid_grant"),
        (
            "400 Bad Request",
            b'{"error": "invalid_grant", "error_description": "Token has been revoked."}',
            AuthenticationFailed,
            "Token has been revoked.",
        ),
        ("401 No", b'{"error": "invalid_client"}', AuthenticationFailed, "gcloud auth"),
        ("200 OK", b'{"token": "canary"}', AuthenticationFailed, "could not be refreshed"),
        ("403 Forbidden", b"<html>a firewall</html>", ProviderFault, "HTTP 403 (an HTML page)"),
        ("501 Not Here", b'{"error": "not here"}', ProviderFault, "HTTP 501"),
    ],
)
def test_what_the_endpoint_says_is_told(tmp_path, status, body, kind, says):
    with served(answering(http(body, status))) as endpoint:
        failed(tmp_path, kind, says, credentials=user(f"{endpoint.url}/token"))


REDIRECT = "302 Found\r\nlocation: https://portal.example/login?canary"
SECRET_ERROR = f'{{"error": "invalid_grant", "error_description": "not {REFRESH_TOKEN}"}}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (
            "200 OK",
            b"<html><title>Hotel</title>canary</html>",
            ProviderFault,
            "HTTP 200 (an HTML page: “Hotel”)",
        ),
        ("200 OK", b"[1]", ProviderFault, "HTTP 200, and with no JSON object"),
        ("200 OK", b"canary", ProviderFault, "HTTP 200, and with no JSON object"),
        (
            "200 OK",
            b'{"access_token": "canary", "expires_in": "canary"}',
            ProviderFault,
            "HTTP 200, and with no token that can be read",
        ),
        (REDIRECT, b"", ProviderFault, "HTTP 302, a redirect to portal.example"),
        ("403 Forbidden", b"RBAC: access denied", ProviderFault, "HTTP 403: RBAC: access denied"),
        ("403 Forbidden", b'{"error": "access_denied"}', AuthenticationFailed, "HTTP 403: access_denied"),
        (
            "429 Slow",
            b'{"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED"}}',
            RateLimited,
            "HTTP 429: Quota exceeded.",
        ),
        ("429 Slow", b'{"error": "rate_limit_exceeded"}', RateLimited, "HTTP 429: rate_limit_exceeded;"),
        ("500 No", b'{"error": "internal_failure"}', ProviderFault, "HTTP 500: internal_failure;"),
        (
            "400 No",
            b'{"error": "invalid_grant", "error_description": "Expired."}',
            AuthenticationFailed,
            "HTTP 400: invalid_grant: Expired.",
        ),
        ("400 No", SECRET_ERROR.encode(), AuthenticationFailed, "invalid_grant: not [redacted]"),
    ],
)
def test_an_answer_that_is_no_token_is_told_by_its_cause(tmp_path, monkeypatch, status, body, kind, says):
    waits = SimpleNamespace(sleep=lambda _seconds: None)  # Google's library asks again after seconds
    monkeypatch.setattr("google.auth._exponential_backoff.time", waits)
    with served(answering(http(body, status))) as endpoint:
        told = failed(tmp_path, kind, says, endpoint.address, credentials=user(f"{endpoint.url}/token"))
    assert "None" not in told
    assert "{" not in told
    assert ("gcloud" in told) == (kind is AuthenticationFailed)


def test_a_port_that_nobody_listens_at_is_named(tmp_path):
    place = f"127.0.0.1:{free_port()}"
    failed(tmp_path, ProviderFault, f"nothing listens at {place}", credentials=user(f"http://{place}/token"))


def test_a_workload_that_is_refused_keeps_the_description(tmp_path):
    token = tmp_path / "token"
    token.write_text("canary-subject-token")
    body = b'{"error": "invalid_target", "error_description": "No pool with canary-subject-token."}'
    with served(answering(http(body, "400 Bad Request"))) as sts:
        credentials = identity_pool.Credentials(
            audience="//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            subject_token_type="urn:ietf:params:oauth:token-type:jwt",
            token_url=f"{sts.url}/token",
            credential_source={"file": str(token)},
            scopes=["x"],
        )
        told = "HTTP 400: invalid_target: No pool with [redacted]."
        failed(tmp_path, AuthenticationFailed, told, credentials=credentials)


def test_an_impersonation_that_is_refused_says_which_permission_lacks(tmp_path):
    said = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource."
    body = json.dumps({"error": {"code": 403, "message": said, "status": "PERMISSION_DENIED"}}).encode()
    with served(answering(http(body, "403 Forbidden"))) as iam:
        credentials = impersonated_credentials.Credentials(
            UserCredentials("canary-source-token"),
            "me@my-project.iam.example",
            ["x"],
            iam_endpoint_override=f"{iam.url}/v1",
        )
        failed(tmp_path, AuthenticationFailed, f"HTTP 403: {said}", credentials=credentials)


@pytest.mark.parametrize("status", ["404 Not Found", "500 No"])
def test_a_clouds_machine_that_answers_otherwise_is_told(monkeypatch, tmp_path, status):
    monkeypatch.setenv("NO_GCE_CHECK", "false")
    with served(answering(http(b'{"error": "no identity here"}', status))) as machine:
        monkeypatch.setenv("GCE_METADATA_IP", machine.address)
        monkeypatch.setenv("GCE_METADATA_HOST", machine.address)
        says = f"{machine.address} answered with HTTP {status[:3]}: no identity here"
        failed(tmp_path, MissingCredential, "no Google credentials", says)


# No credentials at all


def test_no_credentials(tmp_path):
    told = failed(
        tmp_path, MissingCredential, "no Google credentials", "gcloud auth application-default login"
    )
    assert "http" not in told


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "was not found"),
        ("not json", "account.json"),
        ("{}", "account.json"),
        ('{"type": "service_account"}', "account.json"),
        ("\udcff", "account.json"),
    ],
)
def test_a_file_of_credentials_that_is_none(monkeypatch, tmp_path, content, says):
    file = tmp_path / "account.json"
    if content is not None:
        file.write_bytes(content.encode(errors="surrogateescape"))
    monkeypatch.setenv(google.auth.environment_vars.CREDENTIALS, str(file))
    failed(tmp_path, MissingCredential, says, "gcloud auth application-default login")


def test_a_private_key_that_is_none(monkeypatch, tmp_path):
    file = tmp_path / "account.json"
    file.write_text(json.dumps(service_account("-----BEGIN PRIVATE KEY-----\ncanary\n-----END-----")))
    monkeypatch.setenv(google.auth.environment_vars.CREDENTIALS, str(file))
    failed(tmp_path, MissingCredential, "no Google credentials")


def test_credentials_that_cannot_have_a_token(tmp_path):
    class Tokenless(AnonymousCredentials):
        valid = False

    failed(tmp_path, MissingCredential, "no Google credentials", credentials=Tokenless())


# The carrier


def test_a_clouds_own_machine_is_never_asked_through_a_proxy(monkeypatch):
    with served(answering(http(b"{}"))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        request = TokenRequest(0.2)
        for host in ("169.254.169.254", "metadata.google.internal"):
            with suppress(TransportError):
                request(f"http://{host}/computeMetadata/v1", timeout=0.2)
            assert request.host == host
        assert [entry.line for entry in proxy.requests if "169.254" in entry.line] == []
        assert not [entry for entry in proxy.requests if entry.headers["host"] == "metadata.google.internal"]


def test_the_carrier_gives_google_what_it_reads():
    with served(answering(http(b'{"a": 1}', "201 Made"))) as server:
        answer = TokenRequest()(f"{server.url}/x?y=1", "POST", b"body", {"X-A": "b"})
    assert (answer.status, answer.data) == (201, b'{"a": 1}')
    assert answer.headers["Content-Type"] == "application/json"
    (request,) = server.requests
    assert (request.line, request.body, request.headers["x-a"]) == ("POST /x?y=1 HTTP/1.1", b"body", "b")


def test_a_redirect_is_not_followed():
    with served(answering(http(b"{}"))) as other:
        moved = b"HTTP/1.1 307 Moved\r\ncontent-length: 0\r\nlocation: " + other.url.encode() + b"\r\n\r\n"
        with served(answering(moved)) as server:
            assert TokenRequest()(server.url, "POST", b"body").status == 307
    assert other.requests == []


def test_a_workload_that_shows_a_certificate_of_its_own(monkeypatch, tmp_path, authority):
    tls = authority.server("127.0.0.1")
    file = max(authority.folder.glob("127.0.0.1-*.pem"), key=lambda path: path.stat().st_mtime_ns)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with served(answering(http(b"{}")), tls) as server:
        answer = TokenRequest()(server.url, "POST", b"", cert=(str(file), str(file)))
    assert answer.status == 200


def test_through_a_tunnel_that_breaks(monkeypatch, tmp_path, origin):
    origin.port = free_port()
    with served(tunnel_to(origin)) as broken:
        monkeypatch.setenv("HTTPS_PROXY", broken.url)
        failed(tmp_path, ProviderFault, "HTTPS_PROXY", credentials=user())
