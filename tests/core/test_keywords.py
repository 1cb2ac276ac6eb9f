"""Wrong calls are explained, and every public call explains them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import imagegen_nb as ig
from imagegen_nb.core.keywords import did_you_mean, helpful_calls, is_helpful
from imagegen_nb.runs.history import History
from imagegen_nb.step.output import Asset, StepOutput
from imagegen_nb.step_file.document import StepDefinition

PUBLIC = (
    "imagegen_nb",
    "imagegen_nb.judges",
    "imagegen_nb.platform",
    "imagegen_nb.replay",
    "imagegen_nb.testing",
)
"""The modules whose names users call. The emulator's stay apart: it imports nothing of this project."""
GIVEN = (Asset, History, StepDefinition, StepOutput)
"""What users are given, and call."""
MADE_FOR_USERS = ("ProviderContract", "PushReport", "Session", "Status", "VerifyReport")
"""Public to be named in types, or to be derived from."""


def public_calls() -> Iterator[tuple[str, Callable[..., Any]]]:
    named: dict[str, Any] = {kind.__name__: kind for kind in GIVEN}
    for module in map(importlib.import_module, PUBLIC):
        named |= {name: getattr(module, name) for name in module.__all__}
    for name, value in named.items():
        if not isinstance(value, type):
            yield name, value
        elif not issubclass(value, BaseException) and name not in MADE_FOR_USERS:
            for kind in value.__mro__:
                yield from (
                    (f"{name}.{part}", getattr(function, "__func__", function))
                    for part, function in vars(kind).items()
                    if kind.__module__.startswith("imagegen_nb")
                    and isinstance(function, FunctionType | classmethod)
                    and (part == "__init__" or not part.startswith(("_", "model_")))
                )


def test_every_public_call_answers_a_misspelt_keyword():
    assert [name for name, function in public_calls() if not is_helpful(function)] == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: ig.Workspace("assets", backnd="emulator"),
            r"Workspace\(.*did you mean backend\?",
        ),
        (lambda: ig.Sweep(a_step(), ovr={}), "did you mean over?"),
        (lambda: a_step().run(workspac=None), "did you mean workspace?"),
        (lambda: a_step().estimate(partial_image=1), "did you mean partial_images?"),
        (lambda: ig.StepForm(a_step(), workpace=None), "did you mean workspace?"),
        (lambda: ig.Gallery(sorce=None), "did you mean source?"),
        (lambda: ig.load_step("x", workspce=None), "did you mean workspace?"),
        (lambda: ig.save_step("x", a_step(), identifer="a"), "did you mean identifier?"),
        (lambda: ig.Gateway(url="https://x"), "choose from base_url, key_variable"),
        (lambda: ig.diff(a_step(), c=1), "choose from a, b"),
    ],
)
def test_a_misspelt_keyword_is_told_with_what_was_meant(call: Callable[[], object], told: str):
    with pytest.raises(ig.errors.InvalidOption, match=told):
        call()


def test_a_run_without_a_workspace_is_told_how_to_give_one(tmp_path: Path):
    with pytest.raises(ig.errors.InvalidOption, match=r"run\(…\) needs workspace, such as workspace=ig"):
        a_step().run()
    with pytest.raises(ig.errors.InvalidOption, match="takes 1 without a name; give the others by name: w"):
        a_step().run({}, "assets")


async def test_a_workspace_without_its_name_is_told_how_to_give_it_wherever_one_is_taken(tmp_path: Path):
    workspace = ig.Workspace(tmp_path)
    taking = [
        (name, function)
        for name, function in public_calls()
        if "workspace" in inspect.signature(function).parameters
    ]
    assert {"ImageGenerationStep.run", "Sweep.rate", "StepForm.__init__", "Workflow.run"} <= {
        name for name, _ in taking
    }
    for name, function in taking:
        itself = () if isinstance(function, FunctionType) and "." not in name else (a_step(),)
        with pytest.raises(ig.errors.InvalidOption, match=r"given by name, \w+\(workspace=…\)"):
            await finished(function(*itself, workspace))
    with pytest.raises(ig.errors.InvalidOption, match=r"run\(workspace=…\); the first argument is inputs$"):
        a_step().run({}, workspace)
    with pytest.raises(ig.errors.InvalidOption, match=r"run\(workspace=…\)$"):
        ig.Sweep(a_step(), {"prompt": ["a lamp", "a vase"]}).run(workspace)


async def test_an_awaited_call_is_looked_at_too():
    assert inspect.iscoroutinefunction(ig.ImageGenerationStep.arun)
    with pytest.raises(ig.errors.InvalidOption, match="did you mean workspace"):
        await a_step().arun(workspce=None)


def test_a_value_is_never_repeated():
    with pytest.raises(ig.errors.InvalidOption) as refused:
        ig.Gateway(key="a-key-of-mine")
    assert "a-key-of-mine" not in str(refused.value)


def test_what_takes_any_keyword_and_help_stay_as_they_are():
    def anything(**values: Any) -> dict[str, Any]:
        return values

    assert helpful_calls(anything) is anything
    assert list(inspect.signature(ig.Workspace).parameters)[:2] == ["store", "backend"]
    assert "on_event" in inspect.signature(ig.ImageGenerationStep.run).parameters


def test_the_nearest_name_is_meant_or_else_all_are_told():
    assert did_you_mean("sise", ["size", "count"]) == "did you mean size?"
    assert did_you_mean("x", ["size", "count"]) == "choose from size, count"
    assert did_you_mean("x", []) == "there are none"


async def finished(answer: object) -> None:
    if inspect.iscoroutine(answer):
        await answer


def a_step() -> ig.ImageGenerationStep:
    return ig.ImageGenerationStep(prompt="a lamp")
