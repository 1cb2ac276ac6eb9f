from __future__ import annotations

import pytest

import imagegen_nb as ig
from imagegen_nb import ImageGenerationStep
from imagegen_nb.providers import catalog
from imagegen_nb.providers.capabilities import Model
from imagegen_nb.step.codegen import as_python

STEPS = [
    ig.ImageGenerationStep(prompt="a fox"),
    ig.ImageGenerationStep(
        name='It\'s "quoted"',
        prompt="line one\nline two {{product}} \\ 🦊",
        image_size="1536x1024",
        image_count=2,
        image_output_format="webp",
        image_output_compression=0,
        charge_type="personal",
        on_failure="continue",
    ),
    ig.ImageGenerationStep(model="grok-imagine-image", prompt="x", image_count=10),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.model)
def test_the_python_of_a_step_makes_the_step(step):
    assert eval(as_python(step), {"ig": ig}) == step  # our own text


def test_defaults_are_left_out_except_the_model():
    assert as_python(STEPS[0]) == "ig.ImageGenerationStep(\n    model='gpt-image-2',\n    prompt='a fox',\n)"


def test_a_declared_model_is_declared_in_the_code_too():
    step = ImageGenerationStep(model=Model("my-model", like="gpt-image-2"), prompt="x")
    code = as_python(step)
    assert "model=ig.Model('my-model', like='gpt-image-2')" in code
    catalog.unregister("my-model")
    assert eval(code, {"ig": ig}) == step
