"""Workflow files on the command line: wherever a step file is taken, or a message that says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command_line import EMULATED, CommandLine

from imagegen_nb import Workflow
from imagegen_nb.emulator import Emulator, Fault
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.workflows.workflow_document import workflow_schema

HERO = ImageGenerationStep(name="Hero", prompt="A {{product}}", image_size="1024x1024", image_quality="low")
CARD = HERO.replace(
    name="Card", prompt="In the mood of {{ask.output.mood}}, like {{step_1.output.assets.0.file_name}}"
)
FLOW = "hero.workflow.json"


def ask(context: dict[str, Any]) -> dict[str, str]:
    return {"mood": f"calm {context['product']}"}


@pytest.fixture
def flow(tmp_path: Path) -> str:
    """A workflow file with what its function gave."""
    workflow = Workflow({"product": "lamp"}, steps={"step_1": HERO, "ask": ask, "step_2": CARD})
    workflow.save(tmp_path / FLOW, run=workflow.simulate())
    return FLOW


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit a file as somebody does by hand."""
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def of_a_function_that_has_not_run(folder: Path) -> str:
    Workflow({"product": "lamp"}, steps={"ask": ask, "step_1": HERO}).save(folder / FLOW, overwrite=True)
    return FLOW


# validate


def test_a_good_workflow_is_valid(cli: CommandLine, flow: str) -> None:
    outcome = cli("validate", flow)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"valid {flow}: workflow of 3 steps (step_1, ask, step_2), inputs: product\n"
    assert cli("validate", flow, "--json").json() == [{"file": flow, "valid": True, "changes": []}]


def test_every_problem_has_its_place_and_remedy(
    cli: CommandLine, flow: str, tmp_path: Path, file: str
) -> None:
    def spoil(document: dict[str, Any]) -> None:
        document["colour"] = "red"
        document["steps"][0]["image_generation"]["step"].update(image_count=11, image_quality="best")
        document["steps"][2]["identifier"] = "step_1"

    change(tmp_path / flow, spoil)
    outcome = cli("validate", file, flow, "--json")
    assert outcome.code == 2
    good, bad = outcome.json()
    assert (good["valid"], bad["valid"], bad["place"]) == (True, False, "colour")
    lines = bad["error"].splitlines()
    assert lines[1:] == [
        "steps.0.image_generation.step.image_count: not in its range (11). Use a whole number from 1 to 10",
        "steps.0.image_generation.step.image_quality: not one of its values. "
        "Did you mean high? Use auto, low, medium or high",
    ]
    change(tmp_path / flow, lambda document: document.pop("colour"))
    assert "steps.2.identifier: step_1 is the identifier of an earlier step" in cli("validate", flow).err


def test_references_that_lead_nowhere_are_found_in_the_file(
    cli: CommandLine, flow: str, tmp_path: Path
) -> None:
    change(tmp_path / flow, lambda document: document["steps"].reverse())
    outcome = cli("validate", flow)
    assert outcome.code == 2
    assert (
        "steps.0.image_generation.step.prompt: {{ask.output.mood}} is the output of a step that runs after"
        in (outcome.err)
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        ('{"format": "imagegen-nb/workflow", "version": 2}', "version: is newer than this program knows (1)"),
        ("{}", 'format: is not "imagegen-nb/workflow": write that if this is a workflow'),
        ('{"format": "imagegen-nb/step", "version": 2}', "this is a step file"),
    ],
)  # fmt: skip
def test_a_file_that_is_named_as_a_workflow_is_read_as_one(
    cli: CommandLine, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / FLOW).write_text(text)
    outcome = cli("validate", FLOW)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_workflow_by_another_name_is_known_by_what_it_says(
    cli: CommandLine, flow: str, tmp_path: Path
) -> None:
    (tmp_path / flow).rename(tmp_path / "hero.json")
    assert "workflow of 3 steps" in cli("validate", "hero.json").out


# estimate


def test_an_estimate_in_words_and_as_json(cli: CommandLine, flow: str) -> None:
    outcome = cli("estimate", flow)
    assert (outcome.code, outcome.err) == (0, "")
    assert "Workflow · 2 image steps · 2 images · $0.0118" in outcome.out
    assert (
        "  step_2: {{ask.output.mood}}, {{step_1.output.assets.0.file_name}} are not known yet" in outcome.out
    )
    facts = cli("estimate", flow, "-i", "product=a very long name", "--json").json()
    assert isinstance(facts, dict)
    assert (facts["count"], facts["task_credits"], list(facts["steps"])) == (2, 2, ["step_1", "step_2"])


def test_an_estimate_needs_no_function_but_the_right_inputs(cli: CommandLine, tmp_path: Path) -> None:
    flow = of_a_function_that_has_not_run(tmp_path)
    assert cli("estimate", flow).code == 0
    outcome = cli("estimate", flow, "-i", "prodct=x")
    assert outcome.code == 2
    assert "did you mean product?" in outcome.err


# run


def test_a_run_goes_through_all_steps_and_exports_what_they_gave(
    cli: CommandLine, flow: str, emulator: Emulator
) -> None:
    outcome = cli("run", flow, "-i", "product=vase", *EMULATED, "--export", "done.workflow.json")
    assert outcome.code == 0, outcome.err
    assert [request.body["prompt"] for request in emulator.requests] == [
        "A vase",
        "In the mood of calm lamp, like hero-1.png",
    ]
    lines = outcome.out.splitlines()
    assert [line for line in lines if line.startswith(("step_", "ask"))] == [
        "step_1",
        "ask ask() stands in",
        "step_2",
    ]
    assert lines[-1] == "Workflow · 3 of 3 steps · done · EMULATED"
    assert "saved done.workflow.json: 3 steps" in outcome.err
    again = Workflow.load("done.workflow.json")
    assert dict(again.inputs) == {"product": "vase"}
    refused = cli("run", flow, *EMULATED, "--export", "done.workflow.json")
    assert (refused.code, "add --force" in refused.err) == (2, True)
    forced = cli("run", flow, *EMULATED, "--export", "done", "--force")
    assert (forced.code, "(replacing the older file)" in forced.err) == (0, True)


def test_a_run_as_json(cli: CommandLine, flow: str) -> None:
    facts = cli("run", flow, *EMULATED, "--json").json()
    assert isinstance(facts, dict)
    assert (facts["status"], facts["stopped_at"], facts["inputs"]) == ("done", None, {"product": "lamp"})
    assert facts["steps"]["ask"] == {"function": "ask", "output": {"mood": "calm lamp"}}
    assert facts["steps"]["step_2"]["output"]["assets"][0]["file_name"] == "card-1.png"


def test_a_step_that_fails_leaves_with_1_and_what_was_made(
    cli: CommandLine, flow: str, emulator: Emulator
) -> None:
    emulator.script("openai", Fault("ok"), Fault("moderation"))
    outcome = cli("run", flow, *EMULATED, "--export", "part.workflow.json")
    assert outcome.code == 1
    assert "hero-1.png" in outcome.out
    assert "Workflow · 3 of 3 steps · failed · EMULATED" in outcome.out
    assert "rejected by the safety system" in outcome.err
    assert "last_run" not in outcome.err
    assert Path("part.workflow.json").is_file()


def test_a_step_that_fails_and_continues_leaves_with_1_too(
    cli: CommandLine, flow: str, tmp_path: Path, emulator: Emulator
) -> None:
    settings = {"on_failure": "continue", "prompt": "A {{product}}"}
    change(
        tmp_path / flow,
        lambda d: [entry["image_generation"]["step"].update(settings) for entry in d["steps"][::2]],
    )
    emulator.script("openai", Fault("moderation"))
    outcome = cli("run", flow, *EMULATED)
    assert outcome.code == 1
    assert "Workflow · 3 of 3 steps · done · EMULATED" in outcome.out


def test_a_reference_to_what_a_failed_step_left_out_says_what_to_do(
    cli: CommandLine, flow: str, tmp_path: Path, emulator: Emulator
) -> None:
    change(tmp_path / flow, lambda d: d["steps"][0]["image_generation"]["step"].update(on_failure="continue"))
    emulator.script("openai", Fault("moderation"))
    outcome = cli("run", flow, *EMULATED)
    assert outcome.code == 2
    assert "step_1 (failed): 0 of 1 image came. Refer to what is always there" in outcome.err
    assert "step_2 not run" in outcome.out
    assert "{{step_1.output.assets.0.file_name}} has no value" in outcome.err


def test_a_function_that_gave_nothing_is_refused_before_anything_is_asked(
    cli: CommandLine, tmp_path: Path, emulator: Emulator
) -> None:
    outcome = cli("run", of_a_function_that_has_not_run(tmp_path), *EMULATED)
    assert outcome.code == 2
    assert (
        "steps.0: the file has nothing that ask gave: pass the function, ig.Workflow.load(path, functions="
        in outcome.err
    )
    assert emulator.count("openai") == 0


@pytest.mark.parametrize("option", [("--identifier", "x"), ("--step", "a=b.json")])
def test_options_of_a_single_step_are_refused(cli: CommandLine, flow: str, option: tuple[str, str]) -> None:
    outcome = cli("run", flow, *EMULATED, *option)
    assert outcome.code == 2
    assert f"{option[0]}: {flow} is a workflow" in outcome.err


# paths, migrate, schema


def test_paths_are_those_of_every_step(cli: CommandLine, flow: str, tmp_path: Path) -> None:
    listed = cli("paths", flow, "--json").json()
    assert isinstance(listed, list)
    found = {path["path"]: (path["state"], path["value"]) for path in listed}
    assert found["step_2.output.assets.0.file_name"] == ("confirmed", "card-1.png")
    assert found["ask.output.mood"] == ("confirmed", "calm lamp")
    of_one = cli("paths", flow, "--identifier", "ask").out
    assert of_one.split() == [
        "{{ask.output}}",
        "object",
        "confirmed",
        "{{ask.output.mood}}",
        "text",
        "confirmed",
        "calm",
        "lamp",
    ]
    outcome = cli("paths", flow, "--identifier", "step_3")
    assert (outcome.code, "did you mean step_2?" in outcome.err) == (2, True)
    predicted = cli("paths", of_a_function_that_has_not_run(tmp_path), "--json").json()
    assert isinstance(predicted, list)
    assert {path["state"] for path in predicted} == {"predicted"}


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")
def test_older_steps_in_a_workflow_are_brought_up_to_date(
    cli: CommandLine, flow: str, tmp_path: Path
) -> None:
    def make_older(document: dict[str, Any]) -> None:
        document["steps"][0]["image_generation"] = {"prompt": "A {{product}}", "image_quality": "low"}

    change(tmp_path / flow, make_older)
    changes = [
        "steps.0.image_generation: a bare step was put into an envelope",
        "steps.0.image_generation: step.model was absent, as in the older step: set to gpt-image-2",
    ]
    told = cli("validate", flow, "--json").json()
    assert isinstance(told, list)
    assert told[0]["changes"] == changes
    assert cli("migrate", flow, "new.workflow.json", "--json").json() == {
        "file": "new.workflow.json",
        "changes": changes,
    }
    new = json.loads((tmp_path / "new.workflow.json").read_text())
    assert new["steps"][0]["image_generation"]["step"]["model"] == "gpt-image-2"
    assert new["steps"][1:] == json.loads((tmp_path / flow).read_text())["steps"][1:]
    assert cli("validate", "new.workflow.json", "--json").json()[0]["changes"] == []
    assert cli("migrate", flow, "new.workflow.json").code == 2


def test_the_schema_of_a_workflow_file(cli: CommandLine) -> None:
    assert cli("schema", "--workflow").json() == workflow_schema()
    assert cli("schema", "--workflow", "--file").code == 2
