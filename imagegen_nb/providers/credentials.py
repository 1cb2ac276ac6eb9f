"""Finds the key that pays for a call, by name, or says how to set one.

Keys are read from the environment at the moment of the call, or from the system's keyring where the
variable is not set; they travel as `SecretStr`, and are never part of a step, a file or a widget.

The package `keyring` is optional. An entry that is missing or locked is no key, and neither is one behind a
broken backend; what a backend raises stays in this file, since it may hold what was asked for.
"""

from __future__ import annotations

import ipaddress
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from imagegen_nb.core.types import ChargeType
from imagegen_nb.errors import AuthenticationFailed, InvalidOption, MissingCredential

if TYPE_CHECKING:
    from google.auth.credentials import Credentials as GoogleCredentials

_SECRET_NAME = re.compile(r"(?i)(key|token|secret|password)$")
_SHORTEST_SECRET = 16
_SERVICE = "imagegen-nb"
"""What keyring entries are filed under: `keyring set imagegen-nb OPENAI_API_KEY`."""
_KEYRING_SECONDS = 60.0
"""How long a keyring's answer holds, so that a form does not ask the system (and the system its user) for
every character that is typed."""
_variables_read: set[str] = set()
"""Variables keys were read from in this process, such as a gateway's."""
_keyring_answers: dict[str, tuple[float, SecretStr]] = {}
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
PLACEHOLDER = "emulator-needs-no-key"
"""In the place of a key where none is needed, so that no real key ever goes there."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A hosted endpoint that speaks a provider's API, with a key of its own.

    `base_url` stands in for the provider's (for OpenAI: up to and with `/v1`); `key_variable`
    names the environment variable with the gateway's key. Only https, or http on this machine.
    """

    base_url: str
    key_variable: str

    def __post_init__(self) -> None:
        if problem := _unusable(self.base_url):
            raise InvalidOption(
                f"this gateway's base_url is not usable: {problem}. Give an https:// address "
                "(http:// only for this machine), because the key travels with every request"
            )


@dataclass(frozen=True, slots=True)
class VertexAI:
    """Google Cloud's Vertex AI as the hosted account for Gemini.

    `credentials` are google-auth credentials; left out, the machine's application default
    credentials are used (`gcloud auth application-default login`).
    """

    project: str
    location: str = "global"
    credentials: GoogleCredentials | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for field_name, value in (("project", self.project), ("location", self.location)):
            # Both become part of addresses that tokens are sent to.
            if not re.fullmatch(r"[a-z0-9][a-z0-9.:-]*", value):
                raise InvalidOption(
                    f"VertexAI {field_name} = {value!r}: use lower-case letters, digits and hyphens"
                )

    def google_credentials(self) -> GoogleCredentials:
        """The account's credentials, found on this machine where none were given; may block.

        Raises `MissingCredential`, or `AuthenticationFailed` when they cannot be refreshed, naming
        the command that makes new ones.
        """
        import google.auth
        from google.auth.exceptions import GoogleAuthError, RefreshError
        from google.auth.transport.requests import Request

        try:
            credentials: GoogleCredentials = self.credentials or google.auth.default(scopes=[_SCOPE])[0]
            if not credentials.valid:
                credentials.refresh(Request())  # type: ignore[no-untyped-call]
        except RefreshError:
            problem = AuthenticationFailed("the Google credentials could not be refreshed", provider="gemini")
        except GoogleAuthError:
            problem = None
        else:
            return credentials
        remedy = (
            "run `gcloud auth application-default login`, or pass VertexAI(..., credentials=...), "
            'or use the emulator: Workspace(..., backend="emulator")'
        )
        if problem is not None:
            raise problem.saying(f"{problem.message}: {remedy}")
        raise MissingCredential(
            f"no Google credentials for Vertex AI project {self.project}: {remedy}",
            variable="GOOGLE_APPLICATION_CREDENTIALS",
        )


Hosted = Gateway | VertexAI


@dataclass(frozen=True, slots=True)
class Credential:
    """What pays for a call. `paid_by` names it for people; it never holds the key itself. `in_keyring` says
    that the key stood in the system's keyring, not in the environment."""

    key: SecretStr
    paid_by: str
    variable: str = ""
    base_url: str = ""
    vertex: VertexAI | None = None
    in_keyring: bool = False


def is_loopback(url: str) -> bool:
    """Whether `url` names this machine itself."""
    host = _host(url)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _host(url: str) -> str:
    """The host of `url`; empty for text that is no address."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _unusable(url: str) -> str:
    """Why a key may not be sent to `url`, without repeating it: it may hold a key itself."""
    host = _host(url)
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        return "it is not a web address"
    if "@" in urlsplit(url).netloc:
        return "it holds a user name or password; name the key's variable instead"
    scheme = urlsplit(url).scheme
    if scheme == "https" or (scheme == "http" and is_loopback(url)):
        return ""
    return f"requests to {host} would not be encrypted"


def find(
    provider: str,
    key_variable: str,
    charge_type: ChargeType,
    hosted: Mapping[str, Hosted],
) -> Credential:
    """The credential for one call of `provider`.

    Personal uses the provider's own variable. Hosted first uses the workspace's hosted account
    for the provider, then falls back to the same variable. Raises `MissingCredential`.
    """
    account = hosted.get(provider) if charge_type == "hosted" else None
    if isinstance(account, VertexAI):
        return Credential(SecretStr(""), f"hosted: Vertex AI project {account.project}", vertex=account)
    if isinstance(account, Gateway):
        variable, base_url = account.key_variable, account.base_url
        paid_by = f"hosted: gateway {_host(base_url)} ({variable})"
    else:
        variable, base_url, paid_by = key_variable, "", f"{charge_type}: {key_variable}"
    key, in_keyring = _read(provider, variable)
    return Credential(key, paid_by, variable, base_url, in_keyring=in_keyring)


def emulated(charge_type: ChargeType, hosted: Hosted | None) -> Credential:
    """The placeholder for emulator calls; a hosted Vertex AI account keeps its paths."""
    vertex = hosted if isinstance(hosted, VertexAI) and charge_type == "hosted" else None
    return placeholder("nobody (emulator)", vertex)


def placeholder(paid_by: str, hosted: Hosted | None) -> Credential:
    """The placeholder where no key may be read, with the account's own address or paths kept."""
    return Credential(
        SecretStr(PLACEHOLDER),
        paid_by,
        base_url=hosted.base_url if isinstance(hosted, Gateway) else "",
        vertex=hosted if isinstance(hosted, VertexAI) else None,
    )


def _read(provider: str, variable: str) -> tuple[SecretStr, bool]:
    """The key by its name, and whether the keyring had it; what the environment says goes first."""
    _variables_read.add(variable)
    in_keyring = not (key := os.environ.get(variable, "").strip())
    key = key or _from_keyring(variable)
    if key and key.isascii() and key.isprintable() and " " not in key:
        return SecretStr(key), in_keyring
    if key:
        where = f"the keyring's entry {variable}" if in_keyring else f"{variable} is set, but"
        problem = f"{where} holds spaces, line breaks or other characters no key has"
    else:
        problem = f"no key for {provider}: the environment variable {variable} is not set"
    del key  # an error's traceback keeps this frame, and some show its variables
    raise MissingCredential(
        f"{problem}. Two ways on: set it before starting the kernel "
        f"(export {variable}=…, or os.environ[{variable!r}] = getpass.getpass() in a cell), "
        'or run without a key and without cost on the emulator: Workspace(..., backend="emulator")',
        variable=variable,
    )


def _from_keyring(variable: str) -> str:
    """The key filed under the variable's name; empty when there is none, or no way to ask."""
    now = time.monotonic()
    asked_at, answer = _keyring_answers.get(variable, (0.0, SecretStr("")))
    if variable not in _keyring_answers or now - asked_at > _KEYRING_SECONDS:
        answer = SecretStr(_ask_keyring(variable))
        _keyring_answers[variable] = (now, answer)
    return answer.get_secret_value()


def _ask_keyring(name: str) -> str:
    try:
        import keyring

        entry = keyring.get_password(_SERVICE, name)
    # Backends are plug-ins of the system's: they raise whatever they like.
    except Exception:  # noqa: BLE001
        return ""
    return entry.strip() if isinstance(entry, str) else ""


def keys_in_use(variables: Iterable[str]) -> list[str]:
    """Values that must not be written anywhere: those of `variables`, what the keyring gave, and those of
    every environment variable whose name says that it holds a secret."""
    named = [os.environ.get(variable, "").strip() for variable in {*variables, *_variables_read}]
    keyring = [answer.get_secret_value() for _, answer in _keyring_answers.values()]
    return [value for value in (*named, *keyring) if value] + list(_secrets().values())


def placeholders(variables: Iterable[str]) -> dict[str, str]:
    """What to set so that a process has no key: `variables`, and all whose names tell of a secret."""
    return dict.fromkeys([*variables, *_secrets()], PLACEHOLDER)


def _secrets() -> dict[str, str]:
    """The environment variables whose names say that they hold a secret, and whose values are long enough."""
    named = {name: value.strip() for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    return {name: value for name, value in named.items() if len(value) >= _SHORTEST_SECRET}
