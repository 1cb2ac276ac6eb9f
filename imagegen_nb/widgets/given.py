"""What a form and a gallery are given, looked at: of what is meant for something else, what to write instead.

Much of it is known by what it has: its class lies in a layer above this one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from imagegen_nb.core.keywords import is_workspace
from imagegen_nb.errors import InvalidOption
from imagegen_nb.runs.history import PastRun
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import Asset, StepOutput
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.store.base import Store
from imagegen_nb.sweeps.cell import Cell

_FILE = re.compile(r"\S+\.json", re.IGNORECASE)
"""A text that is no prompt."""
_RECORDS = "Gallery(ws.records(), store=ws.store)"
_SHOWS = f"give a run, a list of runs, or all that a store holds: {_RECORDS}"
_WHOLES = (str, bytes, type, Mapping, ImageGenerationStep, StepOutput, Asset)


def step_of(given: object) -> ImageGenerationStep | None:
    """The step that a form shows first, where it is one, or the text of a prompt. Raises `InvalidOption`."""
    if isinstance(given, str):
        if _FILE.fullmatch(given):
            raise InvalidOption(
                f"step = {given!r}: the name of a file, not a prompt; write "
                f"StepForm(ig.load_step({given!r}).step)"
            )
        return ImageGenerationStep(given)
    if given is None or isinstance(given, ImageGenerationStep):
        return given
    raise InvalidOption(f"step is of type {type(given).__name__}: {_instead_of_step(given)}")


def _instead_of_step(given: Any) -> str:
    if isinstance(given, StepDefinition):
        return "write StepForm(definition.step, inputs=definition.inputs)"
    if isinstance(given, Run):
        return "write StepForm(run.step, inputs=run.inputs); Gallery(run) shows its images"
    if isinstance(given, Mapping):
        return "write StepForm(ig.ImageGenerationStep(**settings)), settings by their keys"
    if isinstance(given, bytes | os.PathLike):
        return "write StepForm(ig.load_step(path).step)"
    if is_workspace(given):
        return "write StepForm(step, workspace)"
    if isinstance(steps := getattr(given, "image_steps", None), Mapping):
        name = next(iter(steps), "step_1")
        return f"a form edits one step; write StepForm(workflow.steps[{name!r}])"
    if isinstance(given, Cell):
        return "write StepForm(cell.step)"
    if isinstance(given, PastRun):
        return "write StepForm(past.step)"
    if _is_many(given):
        return "a form edits one step; give one of them"
    return "give a step, such as ig.ImageGenerationStep(prompt='A lamp'), or a prompt's text"


def check_workspace(given: object) -> None:
    """Raise `InvalidOption` for what no form can run in; None stands for the default."""
    if given is None or is_workspace(given):
        return
    example = 'StepForm(step, ig.Workspace("assets", backend="emulator"))'
    remedy = f"give a workspace, which says where images go and who pays, e.g. {example}"
    if isinstance(given, str | os.PathLike):
        remedy = f"write StepForm(step, ig.Workspace({str(os.fspath(given) or 'assets')!r}))"
    elif isinstance(given, Mapping):
        remedy = "values of variables are given by name, StepForm(step, inputs={…})"
    raise InvalidOption(f"workspace is of type {type(given).__name__}: {remedy}")


def check_run(given: object, name: str = "run") -> None:
    """Raise `InvalidOption` for what is no run."""
    if not isinstance(given, Run):
        remedy = _instead_of_run(given) or "give a run, as step.run() returns it"
        raise InvalidOption(f"{name} is of type {type(given).__name__}: {remedy}")


def sources_of(given: Any) -> Iterable[Any]:
    """What a gallery shows, one after the other. Raises `InvalidOption`."""
    if given is None:
        return ()
    if isinstance(given, Run):
        return (given,)
    if _is_many(given):
        return iter(given)
    raise InvalidOption(f"source is of type {type(given).__name__}: {_instead_of_run(given) or _SHOWS}")


def not_shown(given: object) -> InvalidOption:
    """The error for one of many that a gallery was given, which is neither a run nor a record."""
    remedy = _instead_of_run(given, many=True) or _SHOWS
    return InvalidOption(f"source has something of type {type(given).__name__}: {remedy}")


def check_store(given: object) -> None:
    """Raise `InvalidOption` for what keeps no images."""
    if given is not None and not isinstance(given, Store):
        remedy = "write store=ws.store" if is_workspace(given) else f"write {_RECORDS}"
        raise InvalidOption(f"store is of type {type(given).__name__}: {remedy}")


def check_asset(given: object) -> None:
    """Raise `InvalidOption` for what is no image."""
    if not isinstance(given, Asset):
        remedy = "give an image, such as run.output.assets[0]"
        raise InvalidOption(f"asset is of type {type(given).__name__}: {remedy}")


def _instead_of_run(given: Any, *, many: bool = False) -> str:
    """What to write for what is no run, alone or as one of `many`; empty for what was never meant as one."""
    if isinstance(given, ImageGenerationStep):
        return "a step has no images before it runs; give its run, as step.run(workspace=ws) returns it"
    if isinstance(given, StepDefinition):
        return "a gallery shows runs, as step.run() returns them; these images are definition.output.assets"
    if isinstance(given, Asset | StepOutput):
        return "a gallery shows whole runs; give the run that made it"
    if isinstance(given, Cell):
        return "write Gallery([cell.run for cell in sweep.done])" if many else "give the cell's run, cell.run"
    if isinstance(given, PastRun):
        return "write Gallery([past.run for past in history])" if many else "give its run, past.run"
    if is_workspace(given):
        return f"write {_RECORDS}"
    if isinstance(given, Store):
        return "write Gallery(store.records(), store=store)"
    if isinstance(given, str | os.PathLike) and not many:
        path = str(os.fspath(given) or "assets")
        if _FILE.fullmatch(path):
            return f"a gallery shows runs; the images of a step file are ig.load_step({path!r}).output.assets"
        return f"write ws = ig.Workspace({path!r}), then {_RECORDS}"
    if not isinstance(given, type) and isinstance(getattr(given, "runs", None), tuple):
        return "write Gallery(form.runs)"
    return ""


def _is_many(given: object) -> TypeGuard[Iterable[Any]]:
    """Whether it holds several; texts, outputs and steps can be walked through too."""
    return isinstance(given, Iterable) and not isinstance(given, _WHOLES)
