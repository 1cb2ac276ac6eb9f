"""What a cell's tags and its `# NBVAL_…` comments say, as nbval itself reads them.

So a notebook is recorded exactly as its test runs it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from imagegen_nb.core.install_hint import install_command
from imagegen_nb.errors import InvalidOption

SKIP = "skip"
"""The cell is not run."""
MAY_FAIL = "check_exception"
"""The cell may raise, and what follows it is run all the same."""


def markers_of(cell: Any) -> Mapping[str, bool]:
    """The markers of a cell; comments count before tags. Raises `InvalidOption` without nbval."""
    nbval = import_nbval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbval tells of contradictions where it tests the notebook
        tags, comments = nbval.find_metadata_tags, nbval.find_comment_markers
        return {**dict(tags(cell.metadata)), **dict(comments(cell.source))}


def import_nbval() -> Any:
    """nbval's plugin. Raises `InvalidOption` where it is not installed."""
    try:
        import nbval.plugin
    except ImportError:
        raise InvalidOption(f"this tests a notebook: {install_command('test')}") from None
    return nbval.plugin
