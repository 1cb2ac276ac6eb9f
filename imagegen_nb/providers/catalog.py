"""Every provider and model there is: those in `imagegen_nb.providers` and those registered by users."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
import threading
from pathlib import Path

from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers import credentials
from imagegen_nb.providers.base import CatalogEntry, Provider

_registered: list[Provider] = []
_lock = threading.Lock()
_LONGEST_NAME = 100
"""Characters of an unknown name that are compared with the known ones."""


@functools.cache
def _built_in() -> tuple[Provider, ...]:
    files = pkgutil.iter_modules([str(Path(__file__).parent)])
    modules = [importlib.import_module(f"{__package__}.{file.name}") for file in files]
    return tuple(module.PROVIDER for module in modules if hasattr(module, "PROVIDER"))


def providers() -> tuple[Provider, ...]:
    """All providers, in the platform's order, registered ones last."""
    return tuple(sorted((*_built_in(), *_registered), key=lambda provider: provider.rank))


def register(provider: Provider) -> None:
    """Add a provider to this process; its models become usable at once.

    Raises `InvalidOption` when its name or one of its models is taken.
    """
    with _lock:
        taken = {known.name for known in providers()} | {entry.model.name for entry in models()}
        names = [provider.name, *(model.name for model in provider.models)]
        clashes = {name for name in names if name in taken or names.count(name) > 1}
        if clashes:
            raise InvalidOption(f"already registered: {', '.join(sorted(clashes))}. Choose other names")
        _registered.append(provider)


def unregister(name: str) -> None:
    """Take a registered provider out again; unknown names are ignored."""
    with _lock:
        _registered[:] = [provider for provider in _registered if provider.name != name]


def models() -> tuple[CatalogEntry, ...]:
    """Every model with its provider: those the platform offers first, in its order."""
    entries = [CatalogEntry(provider, model) for provider in providers() for model in provider.models]
    return tuple(sorted(entries, key=lambda entry: not entry.model.offered))


def find(name: object) -> CatalogEntry | None:
    """The model called `name`, or None."""
    return next((entry for entry in models() if entry.model.name == name), None)


def nearest(name: object) -> str:
    """The known model name most like `name`; the first one when nothing is."""
    known = [entry.model.name for entry in models()]
    close = difflib.get_close_matches(str(name)[:_LONGEST_NAME], known, n=1, cutoff=0.4)
    return close[0] if close else known[0]


def keys_in_use() -> list[str]:
    """Every key this process could use, of all providers, in clear: no text and no file may hold one."""
    return credentials.keys_in_use(provider.key_variable for provider in providers())
