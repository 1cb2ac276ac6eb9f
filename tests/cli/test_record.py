"""`imagegen-nb record`: what it says before it runs anything. With kernels: tests/notebooks."""

from __future__ import annotations

import sys

import pytest
from support.command_line import CommandLine


def test_the_one_extra_that_suffices_is_named_before_anything_runs(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nbclient", "nbval", "nbval.plugin"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "https://git.example/imagegen_nb-1-py3-none-any.whl")
    refused = cli("record", "any.ipynb", "--emulator")
    assert refused.code == 2
    assert refused.err.startswith("error: this tests a notebook: pip install 'imagegen-nb[test] @")


def test_both_backends_are_one_too_many(cli: CommandLine) -> None:
    refused = cli("record", "any.ipynb", "--emulator", "--live")
    assert refused.code == 2
    assert "--emulator and --live are both given: leave one out" in refused.err


def test_what_is_no_notebook_is_told_before_a_backend_is_asked_for(cli: CommandLine, file: str) -> None:
    assert f"{file} is a step file, and not a notebook" in cli("record", file).err
    assert "there is no file nope.ipynb" in cli("record", "nope.ipynb").err
