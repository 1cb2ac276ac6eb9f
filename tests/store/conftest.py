"""A store in a folder of its own, and runs in its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ledger import fill

from imagegen_nb.store.local import LocalStore


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
