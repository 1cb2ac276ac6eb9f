"""A store in a folder of its own, and runs in its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen_nb.store.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    store = LocalStore(tmp_path / "assets")
    yield store
    store.close()
