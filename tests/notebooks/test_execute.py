"""Executing a notebook without what that needs; how it is executed is tested with `record` and `demo`."""

from __future__ import annotations

import sys

import pytest

from imagegen_nb.errors import InvalidOption
from imagegen_nb.notebooks.execute import text_of


@pytest.mark.parametrize("package", ["nbclient", "nbformat"])
def test_a_missing_package_names_what_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "git+https://git.example/a.git")
    message = r"pip install 'imagegen-nb\[notebook\] @ git\+https://git\.example/a\.git'"
    with pytest.raises(InvalidOption, match=message):
        text_of({})
