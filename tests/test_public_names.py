"""The root's names, and that importing them costs nothing before they are used."""

from __future__ import annotations

import pytest
from support.loaded_modules import loaded_after

import imagegen_nb

HEAVY = (
    *("openai", "google.genai", "httpx2", "PIL", "ipywidgets", "anywidget", "vcr", "starlette", "uvicorn"),
    *("sqlite3", "pydantic", "numpy", "flip_evaluator", "imagegen_nb.testing"),
)


def test_the_public_names_are_few_and_sorted():
    assert imagegen_nb.__all__ == sorted(imagegen_nb.__all__)
    assert len(set(imagegen_nb.__all__)) == len(imagegen_nb.__all__) <= 21


@pytest.mark.parametrize("name", imagegen_nb.__all__)
def test_every_public_name_resolves_and_is_listed(name):
    assert getattr(imagegen_nb, name) is not None
    assert name in dir(imagegen_nb)


@pytest.mark.parametrize("name", [name for name in imagegen_nb.__all__ if not name.startswith("__")])
def test_every_public_name_is_explained(name):
    assert getattr(imagegen_nb, name).__doc__


def test_a_star_import_brings_exactly_the_public_names():
    names: dict[str, object] = {}
    exec("from imagegen_nb import *", names)
    assert set(names) - {"__builtins__"} == set(imagegen_nb.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Workspce'"):
        _ = imagegen_nb.Workspce


def test_the_package_says_that_it_is_typed_and_which_version_it_is():
    assert imagegen_nb.__version__.count(".") == 2


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_after("import imagegen_nb; dir(imagegen_nb)", HEAVY) == set()


@pytest.mark.notebooks
def test_making_a_step_loads_no_sdk_and_no_pillow():
    program = (
        "from imagegen_nb import ImageGenerationStep\n"
        "step = ImageGenerationStep(prompt='a {{b}}', image_size='1536x1024')\n"
        "step.replace(image_count=2), step.json_schema(), step.variables, repr(step)"
    )
    assert loaded_after(program, HEAVY) <= {"pydantic"}


@pytest.mark.notebooks
def test_making_a_workspace_and_reading_a_file_loads_no_sdk():
    program = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from imagegen_nb import Workspace, load_step\n"
        "Workspace('never-made'), load_step(b'{\"prompt\": \"x\"}')"
    )
    assert not loaded_after(program, HEAVY) & {"openai", "google.genai", "starlette", "uvicorn", "PIL"}


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match=r"'ImageGenStep': did you mean ImageGenerationStep\?"):
        imagegen_nb.ImageGenStep  # noqa: B018
    assert not hasattr(imagegen_nb, "nothing_like_it")
