"""A store in a folder of its own, one of each kind, and runs in its ledger."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ledger import fill
from support.object_server import ObjectServer

from imagegen_nb.store.base import Store
from imagegen_nb.store.local import LocalStore
from imagegen_nb.store.open_store import open_store

KINDS = ["folder", "memory", pytest.param("s3", marks=pytest.mark.loopback)]


@pytest.fixture(params=KINDS)
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "s3":
        object_server: ObjectServer = request.getfixturevalue("object_server")
        address = object_server.new_url()
    else:
        address = {"folder": str(tmp_path / "assets"), "memory": f"memory:///{uuid.uuid4().hex}"}[
            request.param
        ]
    store = open_store(address)
    yield store
    store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    store = LocalStore(tmp_path / "assets")
    yield store
    store.close()


@pytest.fixture
def full(store: LocalStore) -> LocalStore:
    """With runs of all kinds, and images outside of any."""
    fill(store)
    return store
