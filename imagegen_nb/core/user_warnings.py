"""Warnings that point at the user's own line, however deep in the toolkit they arise."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pydantic

_INSIDE = (str(Path(__file__).parents[1]), str(Path(pydantic.__file__).parent))


def warn(message: str, category: type[Warning]) -> None:
    """Give a warning that carries the place of the nearest caller outside this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
