"""The stores of a notebook that is tested: below a root, once, and named as they were asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagegen_nb.errors import InvalidOption
from imagegen_nb.store import relocation
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store.open_store import open_store


def folder_of(address: str | Path) -> Path:
    store = open_store(address)
    assert isinstance(store, LocalStore)
    return store.folder


def test_without_the_variable_a_store_lies_where_its_address_says(tmp_path, monkeypatch):
    monkeypatch.delenv(relocation.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert folder_of("assets") == tmp_path / "assets"


def test_two_addresses_of_one_store_stay_one_and_none_leaves_the_root(tmp_path, monkeypatch):
    root, work = tmp_path / "root", tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv(relocation.VARIABLE, str(root))
    place = folder_of("assets")
    assert place == relocation.below(root, work / "assets")
    for address in ("./a/../assets", work / "assets", place, str(place)):
        assert folder_of(address) == place
    for address in ("../../../../../../../../../etc", "~/images", "/"):
        assert folder_of(address).is_relative_to(root)


def test_urls_are_refused_but_those_that_nobody_shares(tmp_path, monkeypatch):
    monkeypatch.setenv(relocation.VARIABLE, str(tmp_path))
    for url in ("s3://team/images", f"file://{tmp_path}"):
        with pytest.raises(InvalidOption, match="has an empty store of its own"):
            open_store(url)
    assert "memory" in repr(open_store("memory:///mine"))


def test_texts_name_what_was_asked_for(tmp_path):
    root, work = tmp_path / "root", tmp_path / "work"
    place = relocation.below(root, work / "assets")
    told = {"text": [f"{place}, {place.as_uri()}, {os.path.relpath(place, work)}", 1]}
    expected = {"text": [f"{work}/assets, {(work / 'assets').as_uri()}, assets", 1]}
    assert relocation.restored(told, root, work) == expected


def test_the_stores_that_were_made_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv(relocation.VARIABLE, str(tmp_path / "root"))
    store = open_store(tmp_path / "work" / "assets")
    assert store.used == 0
    store.close()
    place = relocation.below(tmp_path / "root", tmp_path / "work" / "assets")
    assert relocation.stores_below(tmp_path / "root") == [(tmp_path / "work" / "assets", place)]
