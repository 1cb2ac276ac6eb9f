"""What the picker offers of inputs, runs, and steps that are yet to be run."""

from __future__ import annotations

import pytest
from support.runs import run_of

from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.picker_variables import picker_variables

STEP = ImageGenerationStep(prompt="a logo")


def offered(values, predicted=None):
    return {variable["path"]: variable for variable in picker_variables(values, predicted or {})}


def test_all_that_an_input_holds_is_offered_by_path():
    found = offered({"brand": {"name": "Lumen", "big": True, "sizes": [1, {"w": 2.5}], "none": None}})
    assert {path: (one["type"], one["sample"]) for path, one in found.items()} == {
        "brand": ("object", ""),
        "brand.name": ("text", "Lumen"),
        "brand.big": ("true/false", "true"),
        "brand.sizes": ("array", ""),
        "brand.sizes.0": ("number", "1"),
        "brand.sizes.1": ("object", ""),
        "brand.sizes.1.w": ("number", "2.5"),
    }
    assert {one["group"] for one in found.values()} == {"Inputs"}


@pytest.mark.parametrize("name", ["}} <b>{{x", "step 1", "1st", ""])
def test_what_no_path_leads_to_is_not_offered(name):
    assert offered({name: "x"}) == {}
    assert list(offered({"a": {name: "x", "b": "y"}})) == ["a", "a.b"]


def test_what_no_prompt_can_hold_is_not_offered():
    assert list(offered({"bad": {1, 2}, "worse": object(), "good": "x"})) == ["good"]


def test_of_a_large_table_the_first_rows_are_offered():
    assert len(offered({"rows": [{"a": n} for n in range(10_000)]})) == 200


def test_runs_and_predicted_steps_are_offered_by_path(workspace):
    run = run_of(STEP, workspace.store)
    found = offered({"step_1": run}, {"step_1": STEP, "step_2": STEP})
    assert found["step_1.output.assets.0.file_name"]["sample"] == run.output.assets[0].file_name
    states = {path: one["state"] for path, one in found.items() if path.endswith("0.file_url")}
    assert states == {
        "step_1.output.assets.0.file_url": "confirmed",
        "step_2.output.assets.0.file_url": "predicted",
    }
    assert {one["group"] for one in found.values()} == {"Workflow Steps"}
