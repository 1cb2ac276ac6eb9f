"""What the environment says about a cassette, and what it is told to say."""

from __future__ import annotations

import os

import pytest

from imagegen_nb import replay
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import environment


def test_another_against_than_this_machine_is_refused():
    with pytest.raises(ReplayError, match="use live, emulator, or the http:// address"):
        replay.use("hero", against="http://example.com")


def test_what_a_program_names_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv(environment.MODE_VARIABLE, "once")
    monkeypatch.setenv(environment.AGAINST_VARIABLE, "http://127.0.0.1:8000/")
    assert (environment.mode(None), environment.mode("all")) == ("once", "all")
    assert environment.against(None) == ("emulator", "http://127.0.0.1:8000")
    assert environment.against("live") == ("live", "")


def test_a_process_is_told_its_cassette_and_nothing_that_is_not_known(tmp_path):
    variables = environment.environment_for(tmp_path / "hero", mode="all", notebook="a.ipynb")
    assert variables == {
        "IMAGEGEN_NB_CASSETTE": str(tmp_path / "hero"),
        "IMAGEGEN_NB_RECORD": "all",
        "IMAGEGEN_NB_NOTEBOOK": "a.ipynb",
    }


def test_every_key_gets_a_placeholder(monkeypatch):
    monkeypatch.setenv("OTHER_SERVICE_API_KEY", "canary-0123456789abcdef")
    placeholders = environment.placeholder_keys()
    assert {"OPENAI_API_KEY", "XAI_API_KEY", "GEMINI_API_KEY", "OTHER_SERVICE_API_KEY"} <= set(placeholders)
    assert "canary-0123456789abcdef" not in placeholders.values()
    assert os.environ["OTHER_SERVICE_API_KEY"] == "canary-0123456789abcdef"
