"""Keys out of the system's keyring: by name, after the variable, and whatever the keyring does, no more."""

from __future__ import annotations

import pickle
import sys
from traceback import TracebackException

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, NoKeyringError

from imagegen_nb import Gateway, ImageGenerationStep, Workspace
from imagegen_nb.emulator.log import fingerprint
from imagegen_nb.errors import MissingCredential
from imagegen_nb.providers import keychain
from imagegen_nb.providers.credentials import keys_in_use

KEY = "canary-in-the-keyring:0123456789"
STEP = ImageGenerationStep(prompt="a fox")


class Fake(KeyringBackend):
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
def ring(monkeypatch) -> Fake:
    before, fake = keyring.get_keyring(), Fake()
    monkeypatch.setattr(keychain, "_answers", {})
    keyring.set_keyring(fake)
    yield fake
    keyring.set_keyring(before)


def test_a_key_is_found_under_the_variables_name(ring, tmp_path):
    keyring.set_password("imagegen-nb", "OPENAI_API_KEY", f" {KEY}\n")
    workspace = Workspace(tmp_path)
    credential = workspace.route(STEP.entry.provider, "hosted").credential
    assert (credential.key.get_secret_value(), credential.in_keyring) == (KEY, True)
    assert workspace.pays(STEP) == ("paid by hosted: OPENAI_API_KEY (found in the keyring)", True)
    assert KEY not in f"{credential!r} {credential} {workspace!r} {keychain._answers!r}"


def test_the_variable_goes_first_and_the_keyring_is_not_asked(ring, tmp_path, monkeypatch):
    keyring.set_password("imagegen-nb", "OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-environment")
    credential = Workspace(tmp_path).route(STEP.entry.provider, "personal").credential
    assert (credential.key.get_secret_value(), credential.in_keyring) == ("of-the-environment", False)
    assert Workspace(tmp_path).pays(STEP) == ("paid by hosted: OPENAI_API_KEY (found)", True)
    assert ring.asked == []


def test_a_run_is_paid_with_it_and_never_shows_it(ring, emulator, tmp_path):
    keyring.set_password("imagegen-nb", "GATEWAY_KEY", KEY)
    hosted = {"openai": Gateway(f"{emulator.url}/openai/v1", "GATEWAY_KEY")}
    run = STEP.run(workspace=Workspace(tmp_path, hosted=hosted))
    assert emulator.requests[0].headers["authorization"] == fingerprint(f"Bearer {KEY}")
    assert KEY in keys_in_use([])  # so that it is kept out of every text
    assert KEY not in f"{run!r} {run._repr_html_()} {pickle.dumps(run.step)!r} {run.paid_by}"


def test_a_form_does_not_ask_at_every_key(ring, tmp_path):
    workspace = Workspace(tmp_path)
    for _ in range(5):
        assert workspace.pays(STEP)[1] is False
    assert ring.asked == [("imagegen-nb", "OPENAI_API_KEY")]


def test_an_answer_is_asked_for_again_after_a_while(ring, tmp_path, monkeypatch):
    assert keychain.find("OPENAI_API_KEY") == ""
    keyring.set_password("imagegen-nb", "OPENAI_API_KEY", KEY)
    monkeypatch.setattr(keychain, "_REMEMBERED", -1.0)
    assert keychain.find("OPENAI_API_KEY") == KEY


@pytest.mark.parametrize(
    "raised",
    [NoKeyringError("none"), KeyringLocked(KEY), RuntimeError(KEY), ImportError(KEY), OSError(KEY)],
    ids=lambda error: type(error).__name__,
)
def test_a_keyring_that_fails_is_as_good_as_none(ring, tmp_path, raised):
    ring.raises = raised
    with pytest.raises(MissingCredential) as caught:
        Workspace(tmp_path).route(STEP.entry.provider, "hosted")
    assert KEY not in str(caught.value)
    assert caught.value.__context__ is caught.value.__cause__ is None


def test_an_entry_that_is_no_key_is_told_of_and_not_shown(ring, tmp_path):
    keyring.set_password("imagegen-nb", "OPENAI_API_KEY", f"{KEY} and\nmore")
    with pytest.raises(MissingCredential, match="the keyring's entry OPENAI_API_KEY holds spaces") as caught:
        Workspace(tmp_path).route(STEP.entry.provider, "hosted")
    trace = TracebackException.from_exception(caught.value, capture_locals=True)
    assert KEY not in str(caught.value)
    assert f"{KEY} and" not in "".join(line for line in trace.format() if "credentials.py" in line)


def test_without_the_package_there_are_only_variables(ring, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert Workspace(tmp_path).pays(STEP) == ("no key: OPENAI_API_KEY is not set", False)


def test_the_emulator_never_asks_the_keyring(ring, workspace):
    STEP.run(workspace=workspace)
    assert ring.asked == []
