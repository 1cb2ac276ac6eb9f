"""The options of a run: shown by help and completion, and refused by name where they are unknown."""

from __future__ import annotations

import inspect

import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter

from imagegen_nb import ImageGenerationStep, Workspace
from imagegen_nb.errors import InvalidOption
from imagegen_nb.step.run_context import _DEFAULTS, RunOptions

STEP = ImageGenerationStep(prompt="a fox")


def test_every_declared_option_has_a_default():
    assert list(_DEFAULTS) == list(RunOptions.__annotations__)


@pytest.mark.parametrize("method", [ImageGenerationStep.run, ImageGenerationStep.arun, Workspace.submit])
def test_every_way_to_start_a_run_shows_the_options(method):
    parameters = inspect.signature(method).parameters
    assert {name: parameters[name].default for name in RunOptions.__annotations__} == _DEFAULTS
    assert {parameters[name].kind for name in RunOptions.__annotations__} == {inspect.Parameter.KEYWORD_ONLY}
    assert "options" not in parameters
    assert parameters["identifier"].annotation == "str | None"


@pytest.mark.parametrize(
    ("keyword", "says"),
    [
        ("partial_image", "did you mean partial_images?"),
        ("input", "did you mean inputs?"),
        ("colour", "choose from "),
    ],
)
async def test_an_unknown_option_is_named_with_the_known_ones(workspace, emulator, keyword, says):
    for start in (
        lambda: STEP.run(workspace=workspace, **{keyword: 1}),
        lambda: workspace.submit(STEP, **{keyword: 1}),
    ):
        with pytest.raises(InvalidOption) as caught:
            start()
        assert keyword in str(caught.value)
        assert says in str(caught.value)
        if keyword == "colour":
            assert "on_event, partial_images, identifier" in str(caught.value)
    with pytest.raises(InvalidOption, match=keyword):
        await STEP.arun(workspace=workspace, **{keyword: 1})
    assert emulator.count() == 0


@pytest.mark.notebooks
def test_a_notebook_completes_the_options():
    text = "step.run(part"
    with provisionalcompleter():
        completions = IPCompleter(namespace={"step": STEP}).completions(text, len(text))
        assert "partial_images=" in {completion.text for completion in completions}
