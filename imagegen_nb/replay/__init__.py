"""Records the calls of a program or notebook once, and replays them offline, free and unchanged.

    import imagegen_nb as ig

    with ig.replay.use("hero"):
        run = step.run(workspace=workspace)

Cassettes are folders below `cassettes/`: the calls as readable text, the images as files beside it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagegen_nb.replay.environment import environment_for
    from imagegen_nb.replay.session import Session, Status, status, use, use_environment

__all__ = ["Session", "Status", "environment_for", "status", "use", "use_environment"]

_HOMES = {
    "Session": "session",
    "Status": "session",
    "environment_for": "environment",
    "status": "session",
    "use": "session",
    "use_environment": "session",
}


def __getattr__(name: str) -> Any:
    # Lazily, so that a kernel can import the network block without httpx2, pydantic and the providers.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
