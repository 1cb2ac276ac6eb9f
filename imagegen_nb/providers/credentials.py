"""Finds the key that pays for a call, by name, or says how to set one.

Keys are read from the environment at the moment of the call, or from the system's keyring where the
variable is not set; they travel as `SecretStr`, and are never part of a step, a file or a widget.

The package `keyring` is optional. An entry that is missing or locked is no key, and neither is one behind a
broken backend; what a backend raises stays in this file, since it may hold what was asked for.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, urlsplit

from imagegen_nb.core import money, redaction
from imagegen_nb.core.addresses import host_name, is_loopback
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.types import ChargeType
from imagegen_nb.core.words import sentence
from imagegen_nb.errors import InvalidOption, MissingCredential
from imagegen_nb.providers import key_checks

if TYPE_CHECKING:
    from google.auth.credentials import Credentials as GoogleCredentials
    from pydantic import SecretStr

_SECRET_NAME = re.compile(r"(?i)(key|token|secret|password)$")
_SHORTEST_SECRET = 16
_SERVICE = "imagegen-nb"
"""What keyring entries are filed under: `keyring set imagegen-nb OPENAI_API_KEY`."""
_KEYRING_SECONDS = 60.0
"""How long a keyring's answer holds, so that a form does not ask the system (and the system its user) for
every character that is typed."""
_OWN_VARIABLES = {"openai": "OPENAI_API_KEY", "xai": "XAI_API_KEY", "gemini": "GEMINI_API_KEY"}
"""Where a key that was found in another's place belongs."""
_variables_read: set[str] = set()
"""Variables keys were read from in this process, such as a gateway's."""
_keyring_answers: dict[str, tuple[float, SecretStr]] = {}
GATEWAY_SHAPES = (
    "a Gateway sends requests below its base_url: for OpenAI and xAI /images/generations, with the key as a "
    "bearer token, for Gemini /v1beta/models/MODEL:generateContent, with the key as x-goog-api-key"
)
_OPENROUTER = "openrouter.ai"
_ENDPOINTS = re.compile(
    r"(/images/(generations|edits)|/chat/completions|/responses|:generateContent|/v1beta1?(/models)?)/?$"
)
"""What requests add to an address themselves."""
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SECRET_PARAMETER = re.compile(
    r"(?i)(key|token|secret|passw(or)?d|passphrase|pwd|signature|sig|credential|jwt|bearer|hmac)s?[0-9]*$"
    r"|^(code|pass|auth|authorization|sas|user|username|login|session|session.?id|access.?code)$"
)
"""How parameters are called that pay or prove: `code` is that of Azure Functions."""
_RANDOM = re.compile(r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=[^0-9]*[0-9])[A-Za-z0-9+/=]{24,}")
"""A value that no person has thought of: versions and names do without one kind of these characters."""
_BARE_KEY = re.compile(rf"(?i:[0-9a-f]{{32,}})|{_RANDOM.pattern}")
"""A key whose beginning does not tell whose it is, as Azure's."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLACEHOLDER = "emulator-needs-no-key"
"""In the place of a key where none is needed, so that no real key ever goes there."""


def _check_texts(account: object, values: Mapping[str, object]) -> None:
    """Refuse what is no text among an account's `values`, each under what it is called."""
    for name, value in values.items():
        if not isinstance(value, str):  # not repeated: it may be a key
            kind = type(value).__name__
            raise InvalidOption(f"{type(account).__name__} {name} is of type {kind}: give text")


def names_a_variable(value: object) -> bool:
    """Whether `value` can be the name of an environment variable, and is no key by its shape."""
    return isinstance(value, str) and _VARIABLE.fullmatch(value) is not None and not _is_a_key(value)


def _is_a_key(text: str) -> bool:
    return redaction.find(text) is not None or _BARE_KEY.fullmatch(text.strip()) is not None


def _check_variable(account: Gateway | AzureOpenAI, example: str) -> None:
    """Refuse what cannot name a variable, which is mostly the key itself; it is not repeated."""
    if not names_a_variable(account.key_variable):
        raise InvalidOption(f"{type(account).__name__} key_variable: {give_the_name(example)}")


def give_the_name(example: str) -> str:
    """What to do where a key was given in the place of its variable's name."""
    return (
        f"give the NAME of the environment variable that holds the key, such as {example}, not the key itself"
    )


def _refuse_keys(account: object, example: str, values: Mapping[str, str]) -> None:
    """Refuse a key where something else belongs: accounts show themselves, with what they were given."""
    for name, value in values.items():
        if _is_a_key(value):
            raise InvalidOption(
                f"{type(account).__name__} {name} holds a key, which no account is given: {example}"
            )


@helpful_calls
@dataclass(frozen=True, slots=True)
class Gateway:
    """A hosted endpoint that speaks a provider's API, with a key of its own.

    `base_url` stands in for the provider's: https, or http on this machine. What it has after a `?` goes with
    every request. For OpenAI and xAI it goes up to and with `/v1`; asked is `{base_url}/images/generations`,
    with the key as `Authorization: Bearer`. For Gemini it ends before `/v1beta`; asked is
    `{base_url}/v1beta/models/MODEL:generateContent`, with the key as `x-goog-api-key`. Azure's classic
    deployments are another shape: `AzureOpenAI`. `key_variable` names the variable with the gateway's key.

    Its prices are not known here. Under a budget each image, and each answer about one, is reserved as
    `most`, an amount such as "0.20 USD"; without that a budget refuses it.
    """

    base_url: str
    key_variable: str
    most: str | Decimal | int | None = None

    def __post_init__(self) -> None:
        _check_texts(self, {"base_url": self.base_url})
        _check_variable(self, "GATEWAY_KEY")
        if self.most is not None:
            object.__setattr__(self, "most", money.parse(self.most, "most"))
        if problem := unusable(self.base_url):
            raise InvalidOption(
                f"this gateway's base_url is not usable: {problem}. Give an https:// address "
                "(http:// only for this machine), because the key travels with every request"
            )
        path = urlsplit(self.base_url).path
        if "/openai/deployments/" in path:
            raise InvalidOption(
                "this gateway's base_url is Azure's classic path, which a Gateway does not support: use "
                "AzureOpenAI(endpoint, api_version=..., deployments=...)"
            )
        if call := _ENDPOINTS.search(path):
            raise InvalidOption(
                f"this gateway's base_url ends in {call[0]}, which the requests add themselves: leave that "
                f"out; {GATEWAY_SHAPES}"
            )


def gateway_shapes(base_url: str) -> str:
    """What a gateway is sent, for an address where nothing answered to that."""
    host = urlsplit(base_url).hostname or ""
    if host == _OPENROUTER or host.endswith(f".{_OPENROUTER}"):
        return (
            "OpenRouter makes images at /images, by names such as openai/gpt-image-2, and a Gateway sends "
            "neither: give a provider's own key, or a gateway that has /images/generations"
        )
    return GATEWAY_SHAPES


@helpful_calls
@dataclass(frozen=True, slots=True)
class AzureOpenAI:
    """OpenAI's models in Azure's classic shape: one deployment for each model, and a dated API version.

    `endpoint` is the resource's address, `https://NAME.openai.azure.com`. Asked is
    `{endpoint}/openai/deployments/DEPLOYMENT/images/generations?api-version={api_version}`, with the key as
    `api-key`. `deployments` names the deployment of each model; one that it leaves out is deployed under the
    model's own name. For Azure's newer address, which ends in `/openai/v1`, use `Gateway`.
    """

    endpoint: str
    api_version: str
    deployments: Mapping[str, str] = field(default_factory=dict)
    key_variable: str = "AZURE_OPENAI_API_KEY"

    def __post_init__(self) -> None:
        given: object = self.deployments
        if not isinstance(given, Mapping):  # not repeated: it may be a key
            raise InvalidOption(
                "AzureOpenAI deployments: give the deployment of each model, such as "
                "{'gpt-image-2': 'team-images'}"
            )
        deployments = {
            f"deployments[{redaction.redact(str(model))!r}]": deployment
            for model, deployment in self.deployments.items()
        }
        _check_texts(self, {"endpoint": self.endpoint, "api_version": self.api_version} | deployments)
        _check_variable(self, "AZURE_OPENAI_API_KEY")
        example = "key_variable names the environment variable with it"
        _refuse_keys(self, example, {"api_version": self.api_version} | deployments)
        if problem := unusable(self.endpoint) or _not_a_resource(self.endpoint):
            raise InvalidOption(
                f"this AzureOpenAI endpoint is not usable: {problem}. Give the resource's address, such as "
                "https://NAME.openai.azure.com"
            )
        if not _WORD.fullmatch(self.api_version):
            raise InvalidOption(
                f"AzureOpenAI api_version = {self.api_version!r}: give the version's name, such as "
                "2025-04-01-preview"
            )
        for name, deployment in deployments.items():
            if not _WORD.fullmatch(deployment):  # it becomes part of the address that the key goes to
                raise InvalidOption(
                    f"AzureOpenAI {name} = {deployment!r}: use letters, digits, dots, hyphens and "
                    "underscores, as Azure does"
                )

    @property
    def base_url(self) -> str:
        """Where the API begins, with the version that every request names."""
        endpoint = self.endpoint.rstrip("/").removesuffix("/openai")
        return f"{endpoint}/openai?api-version={self.api_version}"

    def path(self, model: str) -> str:
        """The part of the address that names the model's deployment."""
        return f"/deployments/{self.deployments.get(model, model)}"


@helpful_calls
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
        values = {"project": self.project, "location": self.location}
        _check_texts(self, values)
        _refuse_keys(
            self,
            "Vertex AI is paid for by google-auth credentials; a Gemini key belongs in GEMINI_API_KEY, "
            "without a hosted account",
            values,
        )
        for field_name, value in values.items():
            # Both become part of addresses that tokens are sent to.
            if not re.fullmatch(r"[a-z0-9][a-z0-9.:-]*", value):
                raise InvalidOption(
                    f"VertexAI {field_name} = {value!r}: use lower-case letters, digits and hyphens"
                )

    def google_credentials(self, *, seconds: float | None = None) -> GoogleCredentials:
        """The account's credentials, found on this machine where none were given; may block.

        Raises `MissingCredential`; `AuthenticationFailed` when Google refuses them; `ProviderFault` when its
        token endpoint cannot be reached, within `seconds` at each try. Nothing was sent to a model then.
        """
        from imagegen_nb.providers.http.google_tokens import ready_credentials

        return ready_credentials(self.credentials, self.project, seconds)


Hosted = Gateway | AzureOpenAI | VertexAI


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
    azure: AzureOpenAI | None = None
    most: Decimal | None = None
    """Dollars that an image costs at most, where the account's own prices are not known here."""

    def keys(self, key_variable: str) -> list[str]:
        """All keys in clear that have to be masked where this one pays: itself, and those of a provider's
        `key_variable` and of this process."""
        return [*keys_in_use([key_variable]), self.key.get_secret_value()]


def unusable(url: str) -> str:
    """Why a key may not be sent to `url`, without repeating it: it may hold a key itself."""
    host = host_name(url)
    if not host or not url.isascii() or not url.isprintable() or " " in url or not _has_usable_host(url):
        return "it is not a web address"
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return "it holds a user name or password; name the key's variable instead"
    if parts.fragment or url.endswith("#"):
        return "it has a part after #, which is never sent"
    for name, value in parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True):
        if _SECRET_PARAMETER.search(name) or _RANDOM.fullmatch(value):
            return (
                f"its parameter {redaction.redact(name, limit=40)!r} looks like a key; name the key's "
                "variable instead: an address is shown, a key travels in a header"
            )
    if kind := redaction.find(url):
        return f"it holds {kind}; name the key's variable instead"
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)):
        return ""
    return f"requests to {host} would not be encrypted"


def _has_usable_host(url: str) -> bool:
    """Whether the host can be looked up, and the port is one."""
    try:
        port = urlsplit(url).port
        host_name(url).encode("idna")
    except ValueError:
        return False
    return port != 0


def _not_a_resource(endpoint: str) -> str:
    """Why `endpoint` is not the address of an Azure resource or of what stands before one."""
    parts = urlsplit(endpoint)
    if parts.path.rstrip("/").endswith("/openai/v1"):
        return "it is Azure's newer address, which a Gateway supports: Gateway(endpoint, key_variable)"
    if "/deployments/" in f"{parts.path}/" or _ENDPOINTS.search(parts.path):
        return "it goes on to one deployment; deployments={model: name} is for that"
    return "it has a part after ?; api_version is for that" if parts.query else ""


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
    account, azure, most = hosted.get(provider) if charge_type == "hosted" else None, None, None
    if isinstance(account, VertexAI):
        return Credential(_secret(""), f"hosted: Vertex AI project {account.project}", vertex=account)
    if isinstance(account, Gateway):
        variable, base_url = account.key_variable, account.base_url
        most = cast("Decimal | None", account.most)
        paid_by = f"hosted: gateway {host_name(base_url)} ({variable})"
    elif isinstance(account, AzureOpenAI):
        variable, base_url, azure = account.key_variable, account.base_url, account
        paid_by = f"hosted: Azure OpenAI {host_name(base_url)} ({variable})"
    else:
        variable, base_url, paid_by = key_variable, "", f"{charge_type}: {key_variable}"
    key, in_keyring = _read(provider, variable, own=not base_url)
    return Credential(key, paid_by, variable, base_url, in_keyring=in_keyring, azure=azure, most=most)


def emulated(charge_type: ChargeType, hosted: Hosted | None) -> Credential:
    """The placeholder for emulator calls; a hosted account of Vertex AI or Azure keeps its paths."""
    account = hosted if charge_type == "hosted" and not isinstance(hosted, Gateway) else None
    return placeholder("nobody (emulator)", account)


def placeholder(paid_by: str, hosted: Hosted | None) -> Credential:
    """The placeholder where no key may be read, with the account's own address or paths kept."""
    return Credential(
        _secret(PLACEHOLDER),
        paid_by,
        base_url="" if hosted is None or isinstance(hosted, VertexAI) else hosted.base_url,
        vertex=hosted if isinstance(hosted, VertexAI) else None,
        azure=hosted if isinstance(hosted, AzureOpenAI) else None,
    )


def platform_secret(variable: str, what: str) -> SecretStr:
    """`what`, a key or secret of the workflow platform's, from where all keys are read. Raises
    `MissingCredential`."""
    return _read("", variable, own=False, what=what)[0]


def _read(provider: str, variable: str, *, own: bool, what: str = "") -> tuple[SecretStr, bool]:
    """The key by its name, and whether the keyring had it; what the environment says goes first. `own` says
    that it is for the provider itself, so that it must be shaped like a key of its; `what` it is, where
    it is no provider's key."""
    _variables_read.add(variable)
    in_keyring = not (key := os.environ.get(variable, "").strip())
    key = key or _from_keyring(variable)
    is_clean = key.isascii() and key.isprintable() and " " not in key
    wrong = "" if is_clean else "holds spaces, line breaks or other characters no key has"
    if key and own and not wrong:
        wrong = key_checks.problem(provider, key, _OWN_VARIABLES)
    if key and not wrong:
        return _secret(key), in_keyring
    fault = f"{variable} {wrong}" if wrong else f"{variable} is not set"
    if wrong:
        problem = f"the keyring's entry {fault}" if in_keyring else f"{variable} is set, but {wrong}"
    else:
        hint = key_checks.env_file_hint(variable)
        missing = f"{what} is missing" if what else f"no key for {provider}"
        problem = f"{missing}: the environment variable {fault}{hint}"
    del key  # an error's traceback keeps this frame, and some show its variables
    how = f"(export {variable}=…, or os.environ[{variable!r}] = getpass.getpass() in a cell)"
    set_it = f"{'replace it' if wrong else 'set it before starting the kernel'} {how}"
    if what:
        message = f"{problem}. {sentence(set_it)[:-1]}"
        raise MissingCredential(message, variable=variable, fault=fault, can_be_emulated=False, what=what)
    raise MissingCredential(
        f"{problem}. Two ways on: {set_it}, "
        'or run without a key and without cost on the emulator: Workspace(..., backend="emulator")',
        variable=variable,
        fault=fault,
    )


def _from_keyring(variable: str) -> str:
    """The key filed under the variable's name; empty when there is none, or no way to ask."""
    now = time.monotonic()
    if variable not in _keyring_answers or now - _keyring_answers[variable][0] > _KEYRING_SECONDS:
        _keyring_answers[variable] = (now, _secret(_ask_keyring(variable)))
    return _keyring_answers[variable][1].get_secret_value()


def _secret(text: str) -> SecretStr:
    from pydantic import SecretStr  # deferred: the catalog is listed without keys, and without pydantic

    return SecretStr(text)


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
