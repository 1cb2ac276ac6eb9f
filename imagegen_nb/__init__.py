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
    from imagegen_nb.errors import ImagegenError, InvalidStep, StepFailed
    from imagegen_nb.providers.capabilities import Model
    from imagegen_nb.providers.credentials import AzureOpenAI, Gateway, VertexAI
    from imagegen_nb.runs.output_reference_check import check_references
    from imagegen_nb.runs.run import Run
    from imagegen_nb.runs.simulation import simulate
    from imagegen_nb.runs.workspace import Workspace
    from imagegen_nb.step.diff import diff
    from imagegen_nb.step.output_references import paths
    from imagegen_nb.step.step import ImageGenerationStep
    from imagegen_nb.step_file.export import save_step
    from imagegen_nb.step_file.load import load_step, step_from
    from imagegen_nb.sweeps.sweep import Sweep
    from imagegen_nb.widgets.form import StepForm
    from imagegen_nb.widgets.gallery import Gallery
    from imagegen_nb.workflows.workflow import Workflow

__all__ = [
    "AzureOpenAI",
    "Gallery",
    "Gateway",
    "ImageGenerationStep",
    "ImagegenError",
    "InvalidStep",
    "Model",
    "Run",
    "StepFailed",
    "StepForm",
    "Sweep",
    "VertexAI",
    "Workflow",
    "Workspace",
    "check_references",
    "diff",
    "load_step",
    "paths",
    "save_step",
    "simulate",
    "step_from",
]

_HOMES = {
    "AzureOpenAI": "providers.credentials",
    "Gallery": "widgets.gallery",
    "Gateway": "providers.credentials",
    "ImageGenerationStep": "step.step",
    "ImagegenError": "errors",
    "InvalidStep": "errors",
    "Model": "providers.capabilities",
    "Run": "runs.run",
    "StepFailed": "errors",
    "StepForm": "widgets.form",
    "Sweep": "sweeps.sweep",
    "VertexAI": "providers.credentials",
    "Workflow": "workflows.workflow",
    "Workspace": "runs.workspace",
    "check_references": "runs.output_reference_check",
    "diff": "step.diff",
    "load_step": "step_file.load",
    "paths": "step.output_references",
    "save_step": "step_file.export",
    "simulate": "runs.simulation",
    "step_from": "step_file.load",
}
_MODULES = {
    "catalog": "providers.catalog",
    "emulator": "emulator",
    "errors": "errors",
    "platform": "platform",
    "replay": "replay",
    "testing": "testing",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    if name not in _HOMES:
        import difflib

        close = difflib.get_close_matches(name, __all__, n=1) if not name.startswith("_") else []
        hint = f": did you mean {close[0]}?" if close else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext imagegen_nb` in a notebook: adds `%cassette`, `%%imagegen` and `%imagegen form`."""
    from imagegen_nb.magics import imagegen
    from imagegen_nb.replay import magics

    magics.register(shell)
    imagegen.register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext imagegen_nb`: puts away the cassette in use."""
    from imagegen_nb.replay.magics import unregister

    unregister()


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
