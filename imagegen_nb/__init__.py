"""Prototype Image Generation steps in Jupyter: validate, run, look, export.

    import imagegen_nb as ig

    ws = ig.Workspace("assets", backend="emulator")
    step = ig.ImageGenerationStep(prompt="A hero image for {{product}}", image_size="1536x1024")
    run = step.run({"product": "a blue bottle"}, workspace=ws)

Names are loaded when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from imagegen_nb._version import __version__ as __version__

if TYPE_CHECKING:
    from imagegen_nb.checking import check_references
    from imagegen_nb.credentials import Gateway, VertexAI
    from imagegen_nb.errors import ImagegenError, InvalidStep, StepFailed
    from imagegen_nb.exporting import save_step
    from imagegen_nb.importing import load_step
    from imagegen_nb.references import paths
    from imagegen_nb.run import Run
    from imagegen_nb.simulation import simulate
    from imagegen_nb.step import ImageGenerationStep
    from imagegen_nb.widgets.form import StepForm
    from imagegen_nb.widgets.gallery import Gallery
    from imagegen_nb.workspace import Workspace

__all__ = [
    "Gallery",
    "Gateway",
    "ImageGenerationStep",
    "ImagegenError",
    "InvalidStep",
    "Run",
    "StepFailed",
    "StepForm",
    "VertexAI",
    "Workspace",
    "check_references",
    "load_step",
    "paths",
    "save_step",
    "simulate",
]

_HOMES = {
    "Gallery": "widgets.gallery",
    "Gateway": "credentials",
    "ImageGenerationStep": "step",
    "ImagegenError": "errors",
    "InvalidStep": "errors",
    "Run": "run",
    "StepFailed": "errors",
    "StepForm": "widgets.form",
    "VertexAI": "credentials",
    "Workspace": "workspace",
    "check_references": "checking",
    "load_step": "importing",
    "paths": "references",
    "save_step": "exporting",
    "simulate": "simulation",
}
_MODULES = frozenset(("catalog", "emulator", "errors", "replay", "testing"))


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext imagegen_nb` in a notebook: adds `%cassette`."""
    from imagegen_nb.replay.magics import register

    register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext imagegen_nb`: puts away the cassette in use."""
    from imagegen_nb.replay.magics import unregister

    unregister()


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
