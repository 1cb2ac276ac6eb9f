"""Wrong calls are explained, and every public call explains them."""

from __future__ import annotations

import importlib
import inspect
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import imagegen_nb as ig
from imagegen_nb.core.keywords import did_you_mean, helpful_calls, is_helpful, takes
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
        (lambda: a_step().run(colour="red"), r"inputs=\{'colour': …\}; else choose from inputs, workspace"),
        (lambda: ig.Sweep(a_step(), workspace=None), r"given where it runs: run\(workspace=…\)"),
        (lambda: a_step().run(budget="1 USD"), r'the workspace: ig\.Workspace\("assets", budget=…\)'),
        (lambda: ig.Workspace("assets", api_key="abcd"), "read from a variable, such as OPENAI_API_KEY"),
        (lambda: ig.StepForm(a_step(), openai_token="abcd"), "a key stands in no code"),
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


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: a_sweep().compare(0), r"^compare\(…\) needs b, the second of the two to compare$"),
        (lambda: a_sweep().compare(), r"^compare\(…\) needs a"),
        (lambda: a_sweep().pick(), r"^pick\(…\) needs cell, such as sweep\[0\] or its number$"),
        (lambda: a_sweep().report(), r"^report\(…\) needs path"),
        (lambda: a_sweep().find("lamp"), r"^find\(…\) takes none without a name"),
        (lambda: a_sweep().pick(0, cell=0), r"^pick\(…\) has cell twice"),
        (lambda: a_step().replace("lamp"), r"^replace\(…\) takes none without a name"),
        (lambda: a_step().settings("lamp"), r"^settings\(…\) takes none without a name; give no more$"),
        (lambda: ig.Sweep(), r"^Sweep\(…\) needs step"),
        (lambda: ig.Workspace(), r"^Workspace\(…\) needs store"),
        (lambda: ig.Workflow(), r'^Workflow\(…\) needs steps, such as steps=\{"step_1": step\}$'),
        (
            lambda: ig.platform.verify(a_step()),
            r'^verify\(…\) needs deployment, its name on the platform, such as deployment="hero-shot"$',
        ),
        (lambda: ig.save_step("x.step.json"), r"^save_step\(…\) needs step"),
        (lambda: ig.load_step(), r"^load_step\(…\) needs source"),
    ],
)
def test_a_call_with_too_few_or_too_many_values_is_told_which(call: Callable[[], object], told: str):
    with pytest.raises(ig.errors.InvalidOption, match=told):
        call()


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: a_sweep()["x"], r"^sweep\['x'\]: give a cell's number, 0 to 1, or look for its values"),
    (lambda: a_sweep()[1.5], "give a cell's number"),
    (lambda: a_sweep().cells(), r"^sweep\.cells is a list: write it without \(\)$"),
    (lambda: a_sweep().done(), r"^sweep\.done is a list"),
    (lambda: a_sweep().cells["x"], r"^sweep\.cells\['x'\]: give a position"),
    (lambda: a_sweep().to_csv(3), "a value of type int was given: give text"),
    (lambda: a_sweep().report(3), "a value of type int was given: give text"),
    (lambda: a_sweep().report("x.html", remarks="x"), "^remarks is of type str: give a function"),
    (
        lambda: a_sweep().report("x.html", remarks=lambda _: 3),
        "^remarks returned a value of type int for cell 0",
    ),
    (lambda: a_sweep().pick(0), r"run the sweep first, sweep\.run\(workspace=ws\)$"),
    (lambda: ig.simulate(a_step()).images(), r"^run\.images is a list: write it without \(\)$"),
    (lambda: ig.simulate(a_step()).output.assets(), "^assets is a tuple"),
    (lambda: ig.simulate(a_step()).save(3), "a value of type int was given"),
    (lambda: a_step().estimate(3), "^inputs is of type int: give values by name"),
    (lambda: a_step().estimate(partial_images="2"), "^partial_images = '2'"),
    (lambda: ig.Workspace(3), "a value of type int was given"),
    (lambda: ig.Workspace("assets", backend=3), "^backend = 3: use"),
    (lambda: ig.Workspace("assets", hosted=3), "^hosted is of type int: give one for each provider"),
    (lambda: ig.Workspace("assets", requests_per_minute=3), '"openai": 10'),
    (lambda: ig.Workspace("assets").submit(3), "^step is of type int"),
    (lambda: ig.Workspace("assets").runs(after=3), "^after = 3"),
    (lambda: ig.Workspace("assets").history(outcome=3), "^outcome = 3: choose from"),
    (lambda: ig.Workspace("assets").history()["x"], "give a position"),
    (
        lambda: ig.Workflow(steps={"step_1": a_step()}).simulate(3),
        "^outcomes is of type int: give them by step",
    ),
    (lambda: ig.check_references("x", 3), "^step is of type int"),
    (lambda: ig.check_references("x", a_step(), inputs=3), "^inputs is of type int"),
    (lambda: ig.Gateway(3, "X"), "^Gateway base_url is of type int: give text$"),
    (lambda: ig.AzureOpenAI("https://x.openai.azure.com", 3), "^AzureOpenAI api_version is of type int"),
    (lambda: ig.VertexAI(3), "^VertexAI project is of type int"),
    (lambda: ig.catalog.register(3), "int is neither a Provider nor a Model"),
    (
        lambda: ig.platform.push(a_step()),
        r"^path is of type ImageGenerationStep: give the step file .*save_step",
    ),
    (lambda: ig.platform.push(ig.simulate(a_step())), "^path is of type Run"),
    (lambda: ig.platform.push(3), "a value of type int was given"),
    (
        lambda: ig.platform.verify_signature("x", "y", "z"),
        "^body is of type str: give the request's raw bytes",
    ),
    (lambda: ig.platform.verify_signature(b"x", 3, "z"), "^header is of type int: give text"),
    (lambda: ig.replay.use(3), "^a cassette's name is text"),
]


@pytest.mark.parametrize(("call", "told"), WRONG, ids=[told for _, told in WRONG])
def test_a_value_of_a_wrong_kind_is_told_with_its_remedy(
    call: Callable[[], object], told: str, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ig.errors.ImagegenError, match=told):
        call()


def test_what_is_not_there_is_told_with_what_is(tmp_path):
    sweep = a_sweep()
    with pytest.raises(IndexError, match=r"^there is no cell 9: the sweep has 2 cells, 0 to 1$"):
        sweep[9]
    with pytest.raises(IndexError, match=r"^there is no sweep\.done\[0\]: it has no cell$"):
        sweep.done[0]
    with pytest.raises(IndexError, match=r"^there is no run\.images\[5\]: it has 1 image$"):
        ig.simulate(a_step()).images[5]
    assert sweep[0:2] == sweep.cells == list(sweep)
    assert type(pickle.loads(pickle.dumps(ig.simulate(a_step()).images))) is list
    assert [cell.number for cell in sweep.cells[1:]] == [1]


def test_no_public_call_without_its_values_ends_in_an_error_of_python():
    for _, function in public_calls():
        parameters = list(inspect.signature(function).parameters.values())
        values = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        wanted = [p.name for p in values if p.name not in ("self", "cls")]
        if wanted and not inspect.iscoroutinefunction(function):
            itself = () if len(wanted) == len(values) else (object(),)
            with pytest.raises(ig.errors.InvalidOption, match=rf"\(…\) needs {wanted[0]}"):
                function(*itself)


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

    assert helpful_calls(anything)(colour="red") == {"colour": "red"}
    with pytest.raises(
        ig.errors.InvalidOption, match="takes none without a name; give the others by name: …"
    ):
        helpful_calls(anything)("red")  # type: ignore[call-arg]
    assert list(inspect.signature(ig.Workspace).parameters)[:2] == ["store", "backend"]
    assert "on_event" in inspect.signature(ig.ImageGenerationStep.run).parameters


def test_the_nearest_name_is_meant_or_else_all_are_told():
    assert did_you_mean("sise", ["size", "count"]) == "did you mean size?"
    assert did_you_mean("x", ["size", "count"]) == "choose from size, count"
    assert did_you_mean("x", []) == "there are none"


def test_whether_a_function_takes_so_many_is_known_without_calling_it():
    def two(image: object, run: object) -> None:
        raise AssertionError("called")

    told: list[object] = []
    assert [takes(two, count) for count in (1, 2, 3)] == [False, True, False]
    assert [takes(told.append, count) for count in (0, 1, 2)] == [False, True, False]
    assert takes(print, 5)
    assert takes(max, 1)  # of C, it says nothing
    assert not takes(lambda *, event: None, 1)


async def finished(answer: object) -> None:
    if inspect.iscoroutine(answer):
        await answer


def a_sweep() -> ig.Sweep:
    return ig.Sweep(a_step(), {"prompt": ["a lamp", "a vase"]})


def a_step() -> ig.ImageGenerationStep:
    return ig.ImageGenerationStep(prompt="a lamp")
