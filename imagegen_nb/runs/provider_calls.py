"""What stands around every call of a provider: it is ready, keeps to its deadline, raises our own errors."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from weakref import WeakSet

from imagegen_nb.core.open_files import is_out_of_modules, patiently
from imagegen_nb.errors import ImagegenError, ProviderFault, ProviderTimeout
from imagegen_nb.providers.base import Provider

T = TypeVar("T")

_GRACE = 5.0
"""Seconds after the deadline until a provider that does not keep to it is cut off."""
_ready: WeakSet[Provider] = WeakSet()
"""The providers that have imported what they need."""


async def make_ready(provider: Provider) -> None:
    """Let a provider import what it needs, in a thread, before the deadline counts."""
    if provider not in _ready:
        await asyncio.to_thread(patiently, provider.prepare, is_out_of_modules)
        _ready.add(provider)


async def bounded(provider: Provider, deadline: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work`, which calls the provider, returns. Raises the toolkit's own errors, whatever a plug-in
    raises inside it."""
    limit = asyncio.timeout_at(deadline + _GRACE)
    try:
        async with limit:
            return await work
    except ImagegenError:
        raise
    except TimeoutError:
        reason = "did not keep to the deadline"
    # A plug-in may raise anything, and whatever it raises may hold a request.
    except Exception as error:  # noqa: BLE001
        reason = f"raised {type(error).__name__}"
    kind = ProviderTimeout if limit.expired() else ProviderFault
    raise kind(f"the provider {reason}", provider=provider.name, charge="unknown")
