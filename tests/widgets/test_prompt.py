"""The prompt field's Python half: what it accepts, and what it sends to the page."""

from __future__ import annotations

import pytest
import traitlets

from imagegen_nb.widgets.prompt import PromptBox


def test_variables_are_completed():
    box = PromptBox(
        variables=[{"path": "product"}, {"path": "step_1.output.text", "group": "Workflow Steps"}]
    )
    assert box.variables[0] == {"path": "product", "group": "Inputs", "state": "", "type": "", "sample": ""}
    assert box.variables[1]["group"] == "Workflow Steps"


@pytest.mark.parametrize(
    "variable", [{}, {"path": ""}, {"path": "a", "group": "Others"}, {"path": "a", "state": "perhaps"}]
)
def test_a_variable_that_cannot_be_shown_is_refused(variable: dict[str, str]):
    with pytest.raises(traitlets.TraitError, match="a variable needs a path"):
        PromptBox(variables=[variable])


def test_long_samples_are_cut_and_unknown_keys_left_out():
    (variable,) = PromptBox(variables=[{"path": "a", "sample": "x" * 5000, "secret": "y"}]).variables
    assert len(variable["sample"]) == 120
    assert variable["sample"].endswith("…")
    assert "secret" not in variable


def test_equal_variables_are_no_change():
    box = PromptBox(variables=[{"path": "a"}])
    changes: list[object] = []
    box.observe(changes.append, "variables")
    box.variables = [{"path": "a"}]
    assert changes == []


def test_what_a_front_end_types_arrives():
    box = PromptBox()
    values: list[str] = []
    box.observe(lambda change: values.append(change["new"]), "value")
    box.set_state({"value": "A fox"})
    assert (box.value, values) == ("A fox", ["A fox"])


def test_its_text_is_short():
    assert repr(PromptBox(value="x" * 30_000)) == (
        "Prompt field of 30000 characters (run this cell to see it live)"
    )
    assert PromptBox()._repr_mimebundle_()[0]["text/plain"].startswith("Prompt field")
