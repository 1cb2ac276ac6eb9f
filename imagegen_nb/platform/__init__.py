"""The way into the workflow platform: images sent to it, its form filled in, later steps wired, a deployment
compared with the run here.

    from imagegen_nb import platform

    platform.push("hero.step.json", workspace_id="…", store="assets")

These names load when they are first used. `docs/platform.md` says what the platform documents of all this,
and what is decided here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagegen_nb.platform.callbacks import Callbacks
    from imagegen_nb.platform.comparison import VerifyReport
    from imagegen_nb.platform.deployment import verify
    from imagegen_nb.platform.push_report import PushReport
    from imagegen_nb.platform.setup_sheet import sheet
    from imagegen_nb.platform.signature import verify_signature
    from imagegen_nb.platform.snippets import wiring
    from imagegen_nb.platform.uploads import push

__all__ = ["Callbacks", "PushReport", "VerifyReport", "push", "sheet", "verify", "verify_signature", "wiring"]

# No module here has the name of a function: importing it would put it in the function's place.
_HOMES = {
    "Callbacks": "callbacks",
    "PushReport": "push_report",
    "VerifyReport": "comparison",
    "push": "uploads",
    "sheet": "setup_sheet",
    "verify": "deployment",
    "verify_signature": "signature",
    "wiring": "snippets",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
