"""pytest in a process of its own, for the tests that ask for it: they are in the lane of the notebooks."""

from __future__ import annotations

import pytest
from support import pytest_run


@pytest.fixture(scope="module")
def run_pytest(quick_starts):
    """`run_pytest(folder, *options, **environment)`, a fixture because it puts a test into its lane."""
    return pytest_run.run_pytest
