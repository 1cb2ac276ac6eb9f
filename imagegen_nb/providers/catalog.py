"""Every provider and model there is: those in `imagegen_nb.providers`, and those of users."""

from __future__ import annotations

import functools
import importlib
import operator
import pkgutil
import re
from pathlib import Path
from typing import NamedTuple, cast

from imagegen_nb.core.fork_safe_lock import ForkSafeLock
from imagegen_nb.core.redaction import redact
from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers import credentials
from imagegen_nb.providers.base import CatalogEntry, Provider
from imagegen_nb.providers.capabilities import Model

_registered: list[Provider] = []
_declared: dict[str, CatalogEntry] = {}
"""The models that users declared, by name."""
_changes = 0
"""How often what is registered or declared has changed."""


class _Listed(NamedTuple):
    """All models, and what they were listed from."""

    changes: int
    sources: list[tuple[Model, ...]]
    by_name: dict[str, CatalogEntry]


_last: _Listed | None = None
_lock = ForkSafeLock()
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}")
_LONGEST_NAME = 100
_NEAR = 0.6
"""How like a known name another must be for the known one to be suggested, as `difflib` counts it."""
"""Characters of an unknown name that are compared with the known ones."""


@functools.cache
def _built_in() -> tuple[Provider, ...]:
    files = pkgutil.iter_modules([str(Path(__file__).parent)])
    modules = [importlib.import_module(f"{__package__}.{file.name}") for file in files]
    return tuple(module.PROVIDER for module in modules if hasattr(module, "PROVIDER"))


def providers() -> tuple[Provider, ...]:
    """All providers, in the platform's order, registered ones last."""
    return _providers(_changes)


@functools.lru_cache(maxsize=1)
def _providers(_changes: int) -> tuple[Provider, ...]:
    return tuple(sorted((*_built_in(), *_registered), key=lambda provider: provider.rank))


def register(provider: Provider | Model) -> None:
    """Add a provider, or a model declared as `Model(name, like=…)`, to this process; usable at once.

    Raises `InvalidOption` when its name or one of its models is taken; a declared model may be declared anew.
    """
    if isinstance(provider, Model):
        declare(provider)
        return
    given: object = provider
    if not (hasattr(given, "name") and hasattr(given, "models")):
        raise InvalidOption(
            f"register: {type(given).__name__} is neither a Provider nor a Model: "
            'write register(ig.Model("name", like="gpt-image-2"))'
        )
    variable = getattr(given, "key_variable", None)
    if isinstance(variable, str) and not credentials.names_a_variable(variable):
        raise InvalidOption(
            f"register: {type(given).__name__}.key_variable: {credentials.give_the_name('PAINT_API_KEY')}"
        )
    with _lock:
        taken = {known.name for known in providers()} | {entry.model.name for entry in models()}
        names = [provider.name, *(model.name for model in provider.models)]
        clashes = {name for name in names if name in taken or names.count(name) > 1}
        if clashes:
            raise InvalidOption(f"already registered: {', '.join(sorted(clashes))}. Choose other names")
        _registered.append(provider)
        _note_change()


def declare(model: Model) -> CatalogEntry:
    """Make a model usable that a user declared, with what it takes over from the model it is like.

    The last declaration of a name holds, so that a notebook's cell can be run again. Raises `InvalidOption`
    for a name that the catalog knows itself or that can be none, and where the model to be like is unknown.
    """
    with _lock:
        known = find(model.name)
        if known is not None and known.model is model:
            return known
        if known is not None and not known.model.like:
            raise InvalidOption(
                f"{model.name} is known already, with its own settings: write model={model.name!r}"
            )
        if not model.like:
            raise InvalidOption(
                f"{model.name} belongs to no registered provider: declare it as "
                f"Model({model.name!r}, like='gpt-image-2'), with the model it is like"
            )
        if not can_be_declared(model.name):
            raise InvalidOption(
                f"Model({str(model.name)[:_LONGEST_NAME]!r}): a model's name has letters, digits and ._:/@-"
            )
        like = find(model.like)
        if like is None or model.like == model.name:
            raise InvalidOption(
                f"Model({model.name!r}, like={model.like!r}): like is not a known model; "
                f"{listing(model.like)}"
            )
        _declared[model.name] = CatalogEntry(like.provider, model.resembling(like.model))
        _note_change()
        return _declared[model.name]


def origin(model: Model) -> str:
    """The model of the catalog that a declared one is like in the end; empty for one that is not declared."""
    seen = {model.name}
    while model.like and (like := find(model.like)) is not None and model.like not in seen:
        if not like.model.like:
            return like.model.name
        seen.add(like.model.name)
        model = like.model
    return model.like


def declaration(name: object) -> str:
    """What a user can do in Python about a model that is not known. What can be no model's name is not
    repeated."""
    close = nearest(name)
    if not can_be_declared(name) or redact(str(name)) != name:
        return listing(name)
    if not close:
        return (
            f"{listing(name)}; declare one that is not among them as model=ig.Model({name!r}, like=…), "
            "with the known model it is like"
        )
    return (
        f"the nearest known model is {close}; declare a newer one as model=ig.Model({name!r}, like={close!r})"
    )


def listing(name: object) -> str:
    """What to do about a model that is not known where none can be declared, as on a command line."""
    close = nearest(name)
    return f"{f'the nearest known model is {close}; ' if close else ''}`imagegen-nb models` lists them all"


def can_be_declared(name: object) -> bool:
    """Whether a model can have this name; it stands in addresses and files."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None and ".." not in name


def unregister(name: str) -> None:
    """Take a registered provider or declared model out again; unknown names are ignored."""
    with _lock:
        _declared.pop(name, None)
        _registered[:] = [provider for provider in _registered if provider.name != name]
        _note_change()


def _note_change() -> None:
    """After each change, and under the lock: a list that was begun before it is then found out of date."""
    global _changes
    _changes += 1


def models() -> tuple[CatalogEntry, ...]:
    """Every model with its provider: those the platform offers first, in its order; declared ones last."""
    return tuple(_by_name().values())


def _by_name() -> dict[str, CatalogEntry]:
    """All models by name, listed anew after a change: a step looks its own up each time it is read."""
    global _last
    changes, known = _changes, providers()
    sources = [provider.models for provider in known]  # a provider may be given others at any time
    last = _last
    if last is not None and last.changes == changes and all(map(operator.is_, last.sources, sources)):
        return last.by_name
    entries = [CatalogEntry(provider, model) for provider in known for model in provider.models]
    entries += list(_declared.values())
    entries.sort(key=lambda entry: not entry.model.offered)
    by_name = {entry.model.name: entry for entry in entries}
    _last = _Listed(changes, sources, by_name)
    return by_name


def find(name: object) -> CatalogEntry | None:
    """The model called `name`, or None."""
    try:
        return _by_name().get(cast("str", name))  # whatever was given as a model
    except TypeError:  # not hashable
        return None


def nearest(name: object) -> str:
    """The known model name most like `name`; empty where none is near."""
    import difflib  # deferred, as everywhere: only what was misspelt needs it

    known = [entry.model.name for entry in models()]
    close = difflib.get_close_matches(str(name)[:_LONGEST_NAME], known, n=1, cutoff=_NEAR)
    return close[0] if close else ""


def keys_in_use() -> list[str]:
    """Every key this process could use, of all providers, in clear: no text and no file may hold one."""
    return credentials.keys_in_use(provider.key_variable for provider in providers())
