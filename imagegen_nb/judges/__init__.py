"""Ready judges: callables that score an image, for `sweep.score`.

    from imagegen_nb.judges import VisionJudge

Loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagegen_nb.judges.verdict import Verdict
    from imagegen_nb.judges.vision_judge import VisionJudge

__all__ = ["Verdict", "VisionJudge"]

_HOMES = {"Verdict": f"{__name__}.verdict", "VisionJudge": f"{__name__}.vision_judge"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
