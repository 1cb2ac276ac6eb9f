"""Which key pays for a call, and how a missing one is told."""

from __future__ import annotations

import pickle
import sys
from traceback import TracebackException

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, NoKeyringError

from imagegen_nb import ImageGenerationStep, Workspace
from imagegen_nb.emulator.state import fingerprint
from imagegen_nb.errors import InvalidOption, MissingCredential
from imagegen_nb.providers import credentials
from imagegen_nb.providers.credentials import (
    PLACEHOLDER,
    AzureOpenAI,
    Credential,
    Gateway,
    VertexAI,
    emulated,
    find,
    keys_in_use,
    placeholders,
)

KEY = "sk-canary-0123456789abcdef"
GATEWAY_KEY = "gateway-canary-0123456789"
GATEWAY = Gateway("https://gateway.example/v1", "TEAM_GATEWAY_KEY")


def value(credential: Credential) -> str:
    return credential.key.get_secret_value()


@pytest.fixture
def own(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def gateway(monkeypatch):
    monkeypatch.setenv("TEAM_GATEWAY_KEY", GATEWAY_KEY)


# Whose key


def test_personal_uses_the_providers_own_variable(own):
    found = find("openai", "OPENAI_API_KEY", "personal", {})
    assert (value(found), found.variable, found.paid_by) == (
        KEY,
        "OPENAI_API_KEY",
        "personal: OPENAI_API_KEY",
    )
    assert found.base_url == ""


def test_personal_never_uses_a_hosted_account(own, gateway):
    found = find("openai", "OPENAI_API_KEY", "personal", {"openai": GATEWAY})
    assert (value(found), found.base_url) == (KEY, "")


def test_hosted_uses_its_own_account_first(own, gateway):
    found = find("openai", "OPENAI_API_KEY", "hosted", {"openai": GATEWAY})
    assert (value(found), found.base_url) == (GATEWAY_KEY, "https://gateway.example/v1")
    assert found.paid_by == "hosted: gateway gateway.example (TEAM_GATEWAY_KEY)"


def test_hosted_without_an_account_uses_the_providers_variable(own):
    found = find("openai", "OPENAI_API_KEY", "hosted", {"gemini": VertexAI("p")})
    assert (value(found), found.paid_by) == (KEY, "hosted: OPENAI_API_KEY")


def test_vertex_ai_needs_no_key():
    found = find("gemini", "GEMINI_API_KEY", "hosted", {"gemini": VertexAI("my-project")})
    assert (value(found), found.vertex) == ("", VertexAI("my-project"))
    assert "my-project" in found.paid_by


def test_a_gateway_without_its_key_does_not_silently_charge_another(own):
    with pytest.raises(MissingCredential) as caught:
        find("openai", "OPENAI_API_KEY", "hosted", {"openai": GATEWAY})
    assert caught.value.variable == "TEAM_GATEWAY_KEY"


def test_the_key_is_read_anew_for_every_call(own, monkeypatch):
    find("openai", "OPENAI_API_KEY", "personal", {})
    monkeypatch.setenv("OPENAI_API_KEY", KEY + "-new")
    assert value(find("openai", "OPENAI_API_KEY", "personal", {})) == KEY + "-new"


@pytest.mark.parametrize("written", [f" {KEY}", f"{KEY}\n", f"\t{KEY} \r\n"])
def test_white_space_around_a_key_is_taken_off(monkeypatch, written):
    monkeypatch.setenv("OPENAI_API_KEY", written)
    assert value(find("openai", "OPENAI_API_KEY", "personal", {})) == KEY


# A missing key


@pytest.mark.parametrize("written", [None, "", "  ", "\n"])
@pytest.mark.parametrize("charge_type", ["hosted", "personal"])
def test_a_missing_key_names_the_variable_and_the_emulator(monkeypatch, written, charge_type):
    if written is not None:
        monkeypatch.setenv("XAI_API_KEY", written)
    with pytest.raises(MissingCredential, match="XAI_API_KEY is not set") as caught:
        find("xai", "XAI_API_KEY", charge_type, {})
    assert caught.value.variable == "XAI_API_KEY"
    assert 'backend="emulator"' in str(caught.value)


@pytest.mark.parametrize(
    "written", [f"{KEY} {KEY}", f"{KEY}\nX-Header: y", "schlüssel-0123456789", f"{KEY}\x07"]
)
def test_a_key_that_cannot_be_one_is_refused_and_not_repeated(monkeypatch, written):
    monkeypatch.setenv("OPENAI_API_KEY", written)
    with pytest.raises(MissingCredential, match="OPENAI_API_KEY is set, but") as caught:
        find("openai", "OPENAI_API_KEY", "personal", {})
    assert "canary" not in str(caught.value)
    assert "schlüssel" not in str(caught.value)


# Gateways


@pytest.mark.parametrize(
    "address",
    [
        "https://gateway.example",
        "https://gateway.example:8443/openai/v1",
        "HTTPS://gateway.example/v1",
        "http://localhost:4000/v1",
        "http://127.0.0.1:4000",
        "http://127.1.2.3/v1",
        "http://[::1]:4000/v1",
    ],
)
def test_a_gateway_has_https_or_is_on_this_machine(address):
    assert Gateway(address, "TEAM_GATEWAY_KEY").base_url == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "gateway.example",
        "https://",
        "https:///v1",
        "http://gateway.example/v1",
        "http://10.0.0.1/v1",
        "http://0.0.0.0/v1",
        "http://127.gateway.example/v1",
        "http://127.0.0.1.gateway.example/v1",
        "http://localhost.gateway.example/v1",
        "http://localhost@gateway.example/v1",
        "http://gateway.example#localhost",
        "ftp://localhost/v1",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[::1",
        "https://[not-an-address]/v1",
    ],
)
def test_any_other_gateway_is_refused(address):
    with pytest.raises(InvalidOption, match="base_url"):
        Gateway(address, "TEAM_GATEWAY_KEY")


@pytest.mark.parametrize(
    "address", [f"https://user:{KEY}@gateway.example/v1", f"https://{KEY}@gateway.example"]
)
def test_a_key_inside_a_gateways_address_is_refused_and_not_repeated(address):
    with pytest.raises(InvalidOption) as caught:
        Gateway(address, "TEAM_GATEWAY_KEY")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("https://gateway.example/v1?subscription-key=canary", "'subscription-key' looks like a key"),
        ("https://gateway.example/v1?a=b&api_key=canary", "'api_key' looks like a key"),
        ("https://gateway.example/v1?sig=canary", "'sig' looks like a key"),
        ("https://gateway.example/v1?code=canary==", "'code' looks like a key"),
        ("https://gateway.example/v1?key=canary", "'key' looks like a key"),
        ("https://gateway.example/v1?Ocp-Apim-Subscription-Key=canary", "looks like a key"),
        ("https://gateway.example/v1?sv=2024&sig=canary%3D", "'sig' looks like a key"),
        ("https://gateway.example/v1?a=1;pwd=canary", "'pwd' looks like a key"),
        ("https://gateway.example/v1?%6Bey=canary", "'key' looks like a key"),
        ("https://gateway.example/v1?key1=canary", "'key1' looks like a key"),
        ("https://gateway.example/v1?t=canary0Canary0Canary0Canary0", "'t' looks like a key"),
        ("https://gateway.example/v1?a=sk-canary0123456789canary01", "it holds an OpenAI key"),
        ("https://gateway.example/v1#canary", "after #"),
        ("https://gateway.example/v1#", "after #"),
        ("https://gateway..example/v1", "not a web address"),
        ("https://gateway.example:99999/v1", "not a web address"),
        ("https://gateway.example:0/v1", "not a web address"),
        ("https://r.openai.azure.com/openai/deployments/x?api-version=1", "use AzureOpenAI("),
        ("https://gateway.example/v1/images/generations", "/images/generations"),
        ("https://gateway.example/v1/images/generations/", "sends requests below its base_url"),
        ("https://gateway.example/v1/chat/completions", "/chat/completions"),
        ("https://gateway.example/v1beta/models/x:generateContent", ":generateContent"),
        ("https://gateway.example/google/v1beta", "/v1beta, which the requests add themselves"),
        ("https://gateway.example/v1beta/models/", "/v1beta/models/, which"),
    ],
)
def test_an_address_of_another_shape_is_refused_and_told(address, says):
    with pytest.raises(InvalidOption) as caught:
        Gateway(address, "TEAM_GATEWAY_KEY")
    assert says in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        *(
            "api-version=2025-04-01-preview",
            "tenant=08f5f152-0a6b-4e53-b5c6-4b0b0bb5d0a1",
            "region=westeurope",
        ),
        *(
            "deployment=Team-Images-2026",
            "project=0a6b4e53b5c64b0b0bb5d0a1",
            "keyboard=1",
            "monkeys-of=3",
            "",
        ),
    ],
)
def test_parameters_that_are_no_keys_are_taken(query):
    assert Gateway(f"https://gateway.example/v1?{query}", "TEAM_GATEWAY_KEY").base_url.endswith(query)


def test_a_gateways_docstring_says_what_it_is_asked():
    for words in ("{base_url}/images/generations", "{base_url}/v1beta/models/", "Bearer", "x-goog-api-key"):
        assert words in Gateway.__doc__


KEYS_GIVEN = [
    "sk-proj-canary0123456789canary0123456789",
    "xai-canary0123456789canary0123456789",
    "AIza" + "canary0123456789canary0123456789abc",
    "canary-with-a-dash",
    "a key of canary",
    "https://canary.example",
    "",
    "0123456789abcdef0123456789abcdef",
    "abcdef0123456789abcdef0123456789",
    "Ab3" * 28,
]
"""What somebody may give in the place of a variable's name; the last three are of Azure's shapes."""


@pytest.mark.parametrize("given", KEYS_GIVEN)
def test_a_key_in_the_place_of_its_variables_name_is_refused_and_not_repeated(given):
    with pytest.raises(InvalidOption) as of_gateway:
        Gateway("https://gateway.example/v1", given)
    with pytest.raises(InvalidOption) as of_azure:
        AzureOpenAI("https://res.openai.azure.com", "2025-04-01-preview", key_variable=given)
    says = "give the NAME of the environment variable that holds the key, such as {}, not the key itself"
    assert str(of_gateway.value) == f"Gateway key_variable: {says.format('GATEWAY_KEY')}"
    assert str(of_azure.value) == f"AzureOpenAI key_variable: {says.format('AZURE_OPENAI_API_KEY')}"


@pytest.mark.parametrize("name", ["GATEWAY_KEY", "key", "_k2", "OpenAiKeyOfTheHouse", "DEADBEEF"])
def test_names_of_variables_are_taken(name):
    assert Gateway("https://gateway.example/v1", name).key_variable == name


@pytest.mark.parametrize("key", [KEYS_GIVEN[0], KEYS_GIVEN[7], KEYS_GIVEN[9]])
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda key: AzureOpenAI("https://res.openai.azure.com", key), "AzureOpenAI api_version holds a key"),
        (
            lambda key: AzureOpenAI("https://res.openai.azure.com", "1", {"gpt-image-2": key}),
            "AzureOpenAI deployments['gpt-image-2'] holds a key",
        ),
        (lambda key: VertexAI(key), "VertexAI project holds a key"),
        (lambda key: VertexAI("project", key), "VertexAI location holds a key"),
    ],
)
def test_a_key_anywhere_in_an_account_is_refused_and_not_repeated(key, make, says):
    with pytest.raises(InvalidOption) as caught:
        make(key)
    assert str(caught.value).startswith(says)
    assert key not in str(caught.value)


# Azure


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("team-images", "AzureOpenAI deployments: give the deployment of each model, such as"),
        ({"gpt-image-2": 5}, "AzureOpenAI deployments['gpt-image-2'] is of type int: give text"),
        ({"gpt-image-2": None}, "AzureOpenAI deployments['gpt-image-2'] is of type NoneType: give text"),
    ],
)
def test_deployments_that_are_no_names_are_refused(given, says):
    with pytest.raises(InvalidOption) as caught:
        AzureOpenAI("https://res.openai.azure.com", "2025-04-01-preview", given)
    assert str(caught.value).startswith(says)


AZURE = AzureOpenAI("https://res.openai.azure.com", "2025-04-01-preview", {"gpt-image-2": "team-images"})


@pytest.mark.parametrize("tail", ["", "/", "/openai", "/openai/"])
def test_azures_address_and_the_models_deployment(tail):
    account = AzureOpenAI(f"https://res.openai.azure.com{tail}", "2025-04-01-preview", AZURE.deployments)
    assert account.base_url == "https://res.openai.azure.com/openai?api-version=2025-04-01-preview"
    assert account.path("gpt-image-2") == "/deployments/team-images"
    assert account.path("gpt-image-2.5-flare") == "/deployments/gpt-image-2.5-flare"


def test_azures_key_is_found_by_its_own_name(monkeypatch, own):
    with pytest.raises(MissingCredential, match="AZURE_OPENAI_API_KEY"):
        find("openai", "OPENAI_API_KEY", "hosted", {"openai": AZURE})
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", GATEWAY_KEY)
    found = find("openai", "OPENAI_API_KEY", "hosted", {"openai": AZURE})
    assert (value(found), found.azure) == (GATEWAY_KEY, AZURE)
    assert found.paid_by == "hosted: Azure OpenAI res.openai.azure.com (AZURE_OPENAI_API_KEY)"
    assert value(find("openai", "OPENAI_API_KEY", "personal", {"openai": AZURE})) == KEY


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("res.openai.azure.com", "1"), "not a web address"),
        (("http://res.openai.azure.com", "1"), "not be encrypted"),
        (("https://user:canary@res.openai.azure.com", "1"), "user name or password"),
        (("https://res.openai.azure.com/openai/v1", "1"), "Gateway(endpoint, key_variable)"),
        (("https://res.openai.azure.com/openai/v1/", "1"), "Gateway(endpoint, key_variable)"),
        (("https://res.openai.azure.com/openai/deployments/x", "1"), "deployments={model: name}"),
        (("https://res.openai.azure.com?api-version=1", "1"), "api_version is for that"),
        (("https://res.openai.azure.com", ""), "api_version"),
        (("https://res.openai.azure.com", "1&x=2"), "api_version"),
        (("https://res.openai.azure.com", "1", {"gpt-image-2": "../other"}), "deployments['gpt-image-2']"),
        (("https://res.openai.azure.com", "1", {"gpt-image-2": "a/b"}), "deployments['gpt-image-2']"),
        (("https://res.openai.azure.com", "1", {"gpt-image-2": ""}), "deployments['gpt-image-2']"),
    ],
)
def test_an_azure_account_that_cannot_be(arguments, says):
    with pytest.raises(InvalidOption) as caught:
        AzureOpenAI(*arguments)
    assert says in str(caught.value)
    assert "canary" not in str(caught.value)


def test_an_azure_account_keeps_its_paths_on_the_emulator():
    assert emulated("hosted", AZURE).azure == AZURE
    assert emulated("personal", AZURE).azure is None
    assert value(emulated("hosted", AZURE)) == PLACEHOLDER


# Keys stay out of sight


def test_keys_are_never_in_a_repr(own, gateway):
    for found in (
        find("openai", "OPENAI_API_KEY", "personal", {}),
        find("openai", "OPENAI_API_KEY", "hosted", {"openai": GATEWAY}),
    ):
        assert "canary" not in repr(found)
        assert "canary" not in str(found)
        assert "canary" not in f"{found.paid_by} {found.key}"


def test_the_credentials_of_a_google_account_are_not_in_its_repr():
    class Secretive:
        def __repr__(self) -> str:
            return "canary"

    assert "canary" not in repr(VertexAI("p", credentials=Secretive()))


def test_a_missing_credential_can_be_pickled():
    error = MissingCredential("no key", variable="XAI_API_KEY")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.variable) == ("no key", "XAI_API_KEY")


# The emulator


@pytest.mark.parametrize("charge_type", ["hosted", "personal"])
def test_the_emulator_never_gets_a_key(own, gateway, charge_type):
    found = emulated(charge_type, GATEWAY)
    assert value(found) == PLACEHOLDER
    assert "emulator" in found.paid_by
    assert found.base_url == ""


def test_a_hosted_vertex_account_keeps_its_paths_on_the_emulator():
    assert emulated("hosted", VertexAI("p")).vertex == VertexAI("p")
    assert emulated("personal", VertexAI("p")).vertex is None


# What must not be written


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "TEAM_GATEWAY_KEY", "GITHUB_TOKEN", "db_password", "CLIENT_SECRET", "My_Api_Key"],
)
def test_variables_that_say_they_hold_a_secret_count_as_keys_in_use(monkeypatch, name):
    monkeypatch.setenv(name, "canary-0123456789-canary")
    assert "canary-0123456789-canary" in keys_in_use([])


def test_a_named_variable_counts_whatever_it_is_called(monkeypatch):
    monkeypatch.setenv("ODD_NAME", "canary")
    assert "canary" in keys_in_use(["ODD_NAME"])
    assert "canary" not in keys_in_use([])


@pytest.mark.parametrize(("name", "written"), [("KEYBOARD", "canary-0123456789"), ("SORT_KEY", "canary")])
def test_other_variables_do_not_count(monkeypatch, name, written):
    monkeypatch.setenv(name, written)
    assert written not in keys_in_use([])


def test_a_process_without_keys_has_placeholders_for_all_of_them(monkeypatch):
    monkeypatch.setenv("GATEWAY_TOKEN", "canary-0123456789-canary")
    monkeypatch.setenv("HARMLESS", "canary-0123456789-canary")
    told = placeholders(["OPENAI_API_KEY"])
    assert {"OPENAI_API_KEY", "GATEWAY_TOKEN"} <= set(told)
    assert "HARMLESS" not in told
    assert set(told.values()) == {PLACEHOLDER}


# The system's keyring

KEYRING_KEY = "canary-in-the-keyring:0123456789"
STEP = ImageGenerationStep(prompt="a fox")


class FakeKeyring(KeyringBackend):
    """A keyring in memory; `raises` is what it raises instead of answering."""

    priority = 1

    def __init__(self, raises: BaseException | None = None) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.asked: list[tuple[str, str]] = []
        self.raises = raises

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append((service, username))
        if self.raises is not None:
            raise self.raises
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


@pytest.fixture
def ring(monkeypatch) -> FakeKeyring:
    before, fake = keyring.get_keyring(), FakeKeyring()
    monkeypatch.setattr(credentials, "_keyring_answers", {})
    keyring.set_keyring(fake)
    yield fake
    keyring.set_keyring(before)


def test_a_key_is_found_under_the_variables_name(ring, tmp_path):
    keyring.set_password("imagegen-nb", "OPENAI_API_KEY", f" {KEYRING_KEY}\n")
    workspace = Workspace(tmp_path)
    credential = workspace.route(STEP.entry.provider, "hosted").credential
    assert (credential.key.get_secret_value(), credential.in_keyring) == (KEYRING_KEY, True)
    assert workspace.pays(STEP) == ("paid by hosted: OPENAI_API_KEY (found in the keyring)", True)
    assert KEYRING_KEY not in f"{credential!r} {credential} {workspace!r} {credentials._keyring_answers!r}"


def test_the_variable_goes_first_and_the_keyring_is_not_asked(ring, tmp_path, monkeypatch):
    keyring.set_password("imagegen-nb", "OPENAI_API_KEY", KEYRING_KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-environment")
    credential = Workspace(tmp_path).route(STEP.entry.provider, "personal").credential
    assert (credential.key.get_secret_value(), credential.in_keyring) == ("of-the-environment", False)
    assert Workspace(tmp_path).pays(STEP) == ("paid by hosted: OPENAI_API_KEY (found)", True)
    assert ring.asked == []


def test_a_run_is_paid_with_it_and_never_shows_it(ring, emulator, tmp_path):
    keyring.set_password("imagegen-nb", "GATEWAY_KEY", KEYRING_KEY)
    hosted = {"openai": Gateway(f"{emulator.url}/openai/v1", "GATEWAY_KEY")}
    run = STEP.run(workspace=Workspace(tmp_path, hosted=hosted))
    assert emulator.requests[0].headers["authorization"] == fingerprint(f"Bearer {KEYRING_KEY}")
    assert KEYRING_KEY in keys_in_use([])  # so that it is kept out of every text
    assert KEYRING_KEY not in f"{run!r} {run._repr_html_()} {pickle.dumps(run.step)!r} {run.paid_by}"


def test_a_form_does_not_ask_at_every_key(ring, tmp_path):
    workspace = Workspace(tmp_path)
    for _ in range(5):
        assert workspace.pays(STEP)[1] is False
    assert ring.asked == [("imagegen-nb", "OPENAI_API_KEY")]


def test_an_answer_is_asked_for_again_after_a_while(ring, tmp_path, monkeypatch):
    assert credentials._from_keyring("OPENAI_API_KEY") == ""
    keyring.set_password("imagegen-nb", "OPENAI_API_KEY", KEYRING_KEY)
    monkeypatch.setattr(credentials, "_KEYRING_SECONDS", -1.0)
    assert credentials._from_keyring("OPENAI_API_KEY") == KEYRING_KEY


@pytest.mark.parametrize(
    "raised",
    [
        NoKeyringError("none"),
        KeyringLocked(KEYRING_KEY),
        RuntimeError(KEYRING_KEY),
        ImportError(KEYRING_KEY),
        OSError(KEYRING_KEY),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_keyring_that_fails_is_as_good_as_none(ring, tmp_path, raised):
    ring.raises = raised
    with pytest.raises(MissingCredential) as caught:
        Workspace(tmp_path).route(STEP.entry.provider, "hosted")
    assert KEYRING_KEY not in str(caught.value)
    assert caught.value.__context__ is caught.value.__cause__ is None


def test_an_entry_that_is_no_key_is_told_of_and_not_shown(ring, tmp_path):
    keyring.set_password("imagegen-nb", "OPENAI_API_KEY", f"{KEYRING_KEY} and\nmore")
    with pytest.raises(MissingCredential, match="the keyring's entry OPENAI_API_KEY holds spaces") as caught:
        Workspace(tmp_path).route(STEP.entry.provider, "hosted")
    trace = TracebackException.from_exception(caught.value, capture_locals=True)
    assert KEYRING_KEY not in str(caught.value)
    assert f"{KEYRING_KEY} and" not in "".join(line for line in trace.format() if "credentials.py" in line)


def test_without_the_package_there_are_only_variables(ring, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert Workspace(tmp_path).pays(STEP) == ("no key: OPENAI_API_KEY is not set", False)


def test_the_emulator_never_asks_the_keyring(ring, workspace):
    STEP.run(workspace=workspace)
    assert ring.asked == []
