"""Assertions on runs and images, for pytest and for notebooks that are tests, and what a provider must do.

    from imagegen_nb.testing import assert_run, assert_similar

`assert_similar` needs the extra `testing`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagegen_nb.testing.image_assertions import assert_similar
    from imagegen_nb.testing.provider_contract import ProviderContract
    from imagegen_nb.testing.run_assertions import assert_run

__all__ = ["ProviderContract", "assert_run", "assert_similar"]

_HOMES = {
    "ProviderContract": "provider_contract",
    "assert_run": "run_assertions",
    "assert_similar": "image_assertions",
}


def __getattr__(name: str) -> Any:
    # Lazily, because pytest imports this package in every session where the plugin is installed.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
