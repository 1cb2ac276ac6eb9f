"""The tree's Python half: which paths, in which order, with which values."""

from __future__ import annotations

import json

from support.runs import run_of

from imagegen_nb.runs.run import Run
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step import output_references
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.output_tree import OutputTree

STEP = ImageGenerationStep(prompt="a fox", image_count=2)


def paths(tree: OutputTree) -> list[str]:
    return [node["path"] for node in tree.nodes]


def test_a_run_is_shown_with_its_values(workspace: Workspace):
    run = run_of(STEP, workspace.store, identifier="step_2")
    tree = OutputTree(run)
    nodes = {node["path"]: node for node in tree.nodes}
    url = run.output.assets[0].file_url  # long where the temporary folder's path is
    shown = url if len(url) <= 160 else f"{url[:159]}…"
    assert nodes["step_2.output.assets.0.file_url"]["value"] == shown
    assert nodes["step_2.output.assets.0.file_size"] == {
        "path": "step_2.output.assets.0.file_size",
        "type": "number",
        "state": "confirmed",
        "value": str(run.output.assets[0].file_size),
    }
    assert nodes["step_2.output.assets"]["value"] == "2 items"


def test_every_node_stands_directly_before_what_it_holds(workspace: Workspace):
    many = STEP.model_copy(update={"image_count": 10})
    listed = paths(OutputTree(output_references.paths(many)))
    assert listed[:2] == ["step_1.output", "step_1.output.settings"]
    assert listed.index("step_1.output.assets.9") > listed.index("step_1.output.assets.2.id")
    for index, path in enumerate(listed[1:], 1):
        parent = path.rpartition(".")[0]
        between = listed[listed.index(parent) + 1 : index]
        assert all(one.startswith(f"{parent}.") for one in between)


def test_predicted_and_missing_paths_are_marked(workspace: Workspace):
    tree = OutputTree(output_references.paths(STEP, identifier="step_3"))
    assert {node["state"] for node in tree.nodes} == {"predicted"}
    tree.show(
        output_references.paths(STEP.model_copy(update={"image_count": 3}), run_of(STEP, workspace.store))
    )
    missing = [node["path"] for node in tree.nodes if node["state"] == "missing"]
    assert missing[0] == "step_1.output.assets.2"
    assert len(missing) == 6


def test_an_identifier_names_the_run(workspace: Workspace):
    run = run_of(STEP, workspace.store)
    assert paths(OutputTree(run))[0] == "step_1.output"
    assert paths(OutputTree(run, identifier="hero"))[0] == "hero.output"


def test_long_values_are_cut(workspace: Workspace):
    value = "x" * 5000
    node = OutputTree([output_references.OutputPath("a.b", "text", "confirmed", value)]).nodes[0]
    assert len(node["value"]) == 160


def test_its_state_stays_small(workspace: Workspace):
    run: Run = run_of(STEP.model_copy(update={"image_count": 10}), workspace.store, identifier="step_2")
    tree = OutputTree(run)
    assert len(json.dumps(tree.nodes)) < 15_000
    assert repr(tree) == f"Output tree of {len(tree.nodes)} paths (run this cell to see it live)"
    assert repr(OutputTree()) == "Output tree of 0 paths (run this cell to see it live)"
