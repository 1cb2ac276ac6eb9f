"""The error tree: as drawn, informative, and safe to send to another process."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

import imagegen_nb as ig
from imagegen_nb import errors
from imagegen_nb.errors import ImagegenError, InvalidStep, Problem, ProviderError, StepFailed


def classes() -> list[type[ImagegenError]]:
    """Every error of the tree, the root first."""
    found = [ImagegenError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


def made(kind: type[ImagegenError]) -> ImagegenError:
    """An error of each kind with everything it can carry."""
    if issubclass(kind, ProviderError):
        return kind(
            "refused",
            provider="openai",
            status=429,
            code="rate_limit_exceeded",
            request_id="req_1",
            charge="unknown",
            retry_after=2.5,
        )
    if kind is InvalidStep:
        return InvalidStep((Problem("image_count", 11, "gpt-image-2", "not in its range", "Use 1 to 10"),))
    if kind is StepFailed:
        return StepFailed("a run", errors.ProviderTimeout("too late", provider="xai"))
    if kind is errors.MissingCredential:
        return errors.MissingCredential("no key", variable="XAI_API_KEY")
    if kind is errors.VariableError:
        return errors.VariableError("no value", missing=("a",))
    if issubclass(kind, errors.DefinitionError):
        return kind("wrong", place="step.prompt")
    return kind("something went wrong")


def state(error: ImagegenError) -> tuple:
    facts = {name: value for name, value in vars(error).items() if name != "error"}
    return type(error), str(error), facts, str(getattr(error, "error", ""))


def drawn() -> dict[str, str]:
    """The tree of the module's docstring: each name with its parent's."""
    assert errors.__doc__
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        found = re.match(r"((?:│   |    )*)(├── |└── )?([A-Z]\w+)(?: {2,}|$)", line)
        if not found:
            continue
        indent, branch, name = found.groups()
        depth = len(indent) // 4 + 1 if branch else 0
        above[depth:] = [name]
        parents[name] = above[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_in_the_docstring_is_the_real_one():
    assert drawn() == {kind.__name__: kind.__bases__[0].__name__ for kind in classes()}


def test_every_error_has_a_kind_of_its_own_and_an_explanation():
    kinds = [kind.kind for kind in classes()]
    assert len(set(kinds)) == len(kinds)
    assert all(kind.__doc__ for kind in classes())


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("through", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_every_error_survives_a_pickle_and_a_copy(kind, through):
    error = made(kind)
    assert state(through(error)) == state(error)


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_an_error_with_a_note_survives_a_pickle(kind):
    error = made(kind)
    error.add_note("while painting")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while painting"]


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_every_error_says_something(kind):
    assert str(made(kind)).strip()
    assert made(kind).summary().strip()


def test_a_provider_error_tells_its_facts():
    error = made(errors.RateLimited)
    assert str(error) == (
        "openai: refused [HTTP 429, code rate_limit_exceeded, request req_1, charge unknown]"
    )


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, "provider: m"),
        ({"provider": "xai"}, "xai: m"),
        ({"provider": "xai", "status": 500}, "xai: m [HTTP 500]"),
        ({"provider": "xai", "charge": "charged"}, "xai: m [charged]"),
        ({"provider": "xai", "charge": "none"}, "xai: m"),
    ],
)
def test_facts_that_are_not_known_are_left_out(facts, told):
    assert str(ProviderError("m", **facts)) == told


def test_the_summary_leaves_out_what_differs_between_equal_failures():
    assert "req_1" not in made(errors.RateLimited).summary()
    assert "HTTP 429" in made(errors.RateLimited).summary()


def test_a_failed_step_tells_the_words_of_its_error():
    failed = made(StepFailed)
    assert str(failed) == str(failed.error)
    assert "too late" in str(failed)


def test_a_definition_error_starts_with_its_place():
    assert str(errors.DefinitionError("wrong", place="step.prompt")) == "step.prompt: wrong"
    assert str(errors.DefinitionError("wrong")) == "wrong"


def test_a_problem_without_a_value_does_not_show_one():
    problem = Problem("prompt", None, "gpt-image-2", "missing", "Write one")
    assert str(problem) == "prompt (gpt-image-2): missing. Write one"


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_one_except_clause_catches_them_all(kind):
    with pytest.raises(ImagegenError):
        raise made(kind)


KEY = "sk-proj-abcdefghijklmnopqrstuvwx"


@pytest.mark.parametrize("option", ["backend", "budget", "timeout", "storage_limit", "requests_per_minute"])
def test_an_option_that_is_given_a_key_does_not_repeat_it(tmp_path, option):
    with pytest.raises(errors.InvalidOption) as refused:
        ig.Workspace(tmp_path, **{option: KEY})
    assert option in str(refused.value)
    assert "abcdefgh" not in str(refused.value) + repr(refused.value) + str(refused.value.args)


@pytest.mark.parametrize("setting", ["image_size", "model"])
def test_a_setting_that_is_given_a_key_does_not_repeat_it(setting):
    with pytest.raises(errors.InvalidStep) as refused:
        ig.ImageGenerationStep(prompt="A lamp", **{setting: f"{'long ' * 8}{KEY}"})
    assert "abcdefgh" not in str(refused.value)
