"""`imagegen-nb run`: images, exports, and what is refused before anything is spent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_line import EMULATED, CommandLine
from support.object_server import ObjectServer
from support.permissions import bound_by_permissions

from imagegen_nb import Workspace, catalog, load_step, save_step
from imagegen_nb.cli import plain_table
from imagegen_nb.emulator import Emulator, Fault
from imagegen_nb.step.step import ImageGenerationStep


def test_run_makes_images_and_says_where_they_are(cli: CommandLine, file: str) -> None:
    outcome = cli("run", file, "--input", "room=a hall", *EMULATED)
    assert outcome.code == 0, outcome.err
    assert "lamp-1.png" in outcome.out
    url = next(line for line in outcome.out.splitlines() if line.startswith("file://"))
    assert Path(url.removeprefix("file://")).read_bytes().startswith(b"\x89PNG")
    assert "emulated" in outcome.err


@pytest.mark.parametrize("columns", ["40", "60", "80", ""])
def test_no_window_is_too_narrow_for_a_file_name(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    step = ImageGenerationStep(prompt="A red enamel camping mug on a wooden table", image_count=2)
    save_step(tmp_path / "mug.step.json", step)
    monkeypatch.setenv("COLUMNS", columns or "80")
    monkeypatch.setattr(plain_table, "is_window", lambda: columns != "")
    outcome = cli("run", "mug.step.json", *EMULATED)
    for index, asset in enumerate(Workspace("assets").history()[0].assets):
        assert asset.file_name in outcome.out
        assert asset.file_url in outcome.out.splitlines()
        assert f"step_1.output.assets.{index}.file_url" in outcome.out
    assert "1024×1024" in outcome.out
    assert "…" not in outcome.out


def test_run_prints_json_for_machines_and_exports(cli: CommandLine, file: str) -> None:
    outcome = cli(
        "run", file, "-i", "room=x", *EMULATED, "--json", "--export", "out.json", "--identifier", "step_7"
    )
    facts = outcome.json()
    assert isinstance(facts, dict)
    assert facts["status"] == "done"
    assert facts["emulated"] is True
    assert list(facts["output"]) == ["settings", "assets"]
    loaded = load_step("out.json")
    assert loaded.identifier == "step_7"
    assert loaded.output is not None
    assert loaded.output.assets[0].id == facts["output"]["assets"][0]["id"]


def test_run_takes_json_inputs_and_earlier_outputs(
    cli: CommandLine,
    tmp_path: Path,
    workspace: Workspace,
    emulator: Emulator,
    step: ImageGenerationStep,
) -> None:
    earlier = step.run({"room": "a hall"}, workspace=workspace)
    save_step(tmp_path / "earlier.json", step, run=earlier)
    later = step.replace(prompt="Like {{step_2.output.assets.0.file_name}} for {{people}}")
    save_step(tmp_path / "later.json", later)
    outcome = cli(
        *("run", "later.json", "--step", "step_2=earlier.json", "--input-json", 'people=["Ada"]'), *EMULATED
    )
    assert outcome.code == 0, outcome.err
    bodies = [request.body for request in emulator.requests]
    assert bodies[-1]["prompt"] == 'Like lamp-1.png for ["Ada"]'


def test_a_failed_step_leaves_with_1(
    cli: CommandLine, file: str, emulator: Emulator, tmp_path: Path, step: ImageGenerationStep
) -> None:
    save_step(tmp_path / "patient.json", step.replace(on_failure="continue"))
    for name in (file, "patient.json"):
        emulator.script("openai", Fault("moderation"))
        outcome = cli("run", name, "-i", "room=x", *EMULATED)
        assert outcome.code == 1
        assert "rejected by the safety system" in outcome.err


def test_an_export_that_cannot_be_written_is_refused_before_anything_is_spent(
    cli: CommandLine, file: str, emulator: Emulator
) -> None:
    outcome = cli("run", file, "-i", "room=x", *EMULATED, "--export", "nowhere/out.json")
    assert outcome.code == 2
    assert "--export" in outcome.err
    outcome = cli("run", file, "-i", "room=x", *EMULATED, "--export", "out.txt")
    assert outcome.code == 2
    assert "its name promises text/plain; save it as out.step.json" in outcome.err
    assert emulator.count("openai") == 0


def test_an_input_the_prompt_does_not_have_is_refused(
    cli: CommandLine, file: str, emulator: Emulator
) -> None:
    outcome = cli("run", file, "-i", "room=x", "-i", "roam=y", *EMULATED)
    assert outcome.code == 2
    assert "no variable 'roam'; did you mean room?" in outcome.err
    assert emulator.count("openai") == 0


def test_a_missing_input_is_given_by_an_option(cli: CommandLine, step: ImageGenerationStep) -> None:
    save_step("plain.json", step.replace(prompt="a {{product}} in {{place}}"))
    outcome = cli("run", "plain.json", "-i", "place=x", *EMULATED)
    assert outcome.code == 2
    assert "{{product}} has no value; available: {{place}}. Give it a value: --input product=…" in outcome.err
    save_step("deep.json", step.replace(prompt="{{a}} {{b.c}} {{step_1.output.assets.0.file_name}}"))
    outcome = cli("run", "deep.json", *EMULATED)
    assert "Give each a value: --input a=… --input-json b='{…}' --step step_1=FILE" in outcome.err
    outcome = cli("estimate", "deep.json", "--json")
    told = "Give each a value: --input a=… --input-json b='{…}' --input-json step_1='{…}'"
    assert told in outcome.err
    assert json.loads(outcome.out)["error"]["message"].endswith(told)


@pytest.mark.parametrize(
    ("prompt", "hint"),
    [
        ('a {product} with {"json": 1}', "{product} has single braces: Write {{product}}"),
        ("a {product} in {{place}}", "{product} has single braces: Write {{product}}"),
        ("a product in {{place}}", "did you mean {{product}}?"),
        ("a lamp", "did you mean {{product}}?"),
        ("a lamp in {{products}}", "did you mean products?"),
    ],
)
def test_an_input_that_is_no_variable_of_the_prompt_is_told_how_it_becomes_one(
    cli: CommandLine, step: ImageGenerationStep, prompt: str, hint: str
) -> None:
    save_step("plain.json", step.replace(prompt=prompt))
    for command in (("run", *EMULATED), ("estimate",)):
        outcome = cli(command[0], "plain.json", "-i", "product=x", *command[1:])
        assert outcome.code == 2
        assert f"the prompt has no variable 'product'; {hint}" in outcome.err


def test_a_step_of_a_model_nobody_knows_yet_runs_by_its_declaration(cli: CommandLine, tmp_path: Path) -> None:
    document: dict[str, object] = {"format": "imagegen-nb/step", "version": 2}
    document |= {"declaration": {"like": "gpt-image-2"}, "step": {"model": "gpt-image-9", "prompt": "a lamp"}}
    (tmp_path / "new.json").write_text(json.dumps(document))
    try:
        assert "gpt-image-9 (declared, like gpt-image-2)" in cli("validate", "new.json").out
        assert cli("migrate", "new.json", "current.json").code == 0
        outcome = cli("run", "current.json", *EMULATED)
        assert "gpt-image-9 is declared by the user, like gpt-image-2" in outcome.err
        del document["declaration"]
        catalog.unregister("gpt-image-9")
        (tmp_path / "bare.json").write_text(json.dumps(document))
        refused = cli("run", "bare.json", *EMULATED)
        assert (refused.code, '"declaration": {"like": "gpt-image-2"}' in refused.err) == (2, True)
    finally:
        catalog.unregister("gpt-image-9")


def test_a_store_may_be_a_url(cli: CommandLine, file: str, object_server: ObjectServer) -> None:
    url = object_server.new_url()
    outcome = cli("run", file, "--input", "room=a hall", *EMULATED, "--store", url)
    assert outcome.code == 0, outcome.err
    assert f"{url}/blobs/" in outcome.out
    assert len(list(Workspace(url).records())) == 1


def test_an_export_replaces_a_file_only_when_told_to(
    cli: CommandLine, file: str, emulator: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "out.json").write_text("mine")
    outcome = cli("run", file, "-i", "room=x", *EMULATED, "--export", "out.json")
    assert outcome.code == 2
    assert "--export out.json: that is there already; choose another name, or add --force" in outcome.err
    assert ((tmp_path / "out.json").read_text(), emulator.count()) == ("mine", 0)
    forced = cli("run", file, "-i", "room=x", *EMULATED, "--export", "out.json", "--force")
    assert (forced.code, "(replacing the older file)" in forced.err) == (0, True)
    assert load_step(tmp_path / "out.json").output is not None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.pdf", "save it as out.step.json"),
        ("there", "there: it is a folder; give a file's name in it"),
        ("nowhere/out.json", "is not a folder that can be written to; make it (mkdir -p "),
        ("mine", "--export mine.step.json: that is there already"),
    ],
)
def test_an_export_without_a_place_is_refused_with_the_remedy(
    cli: CommandLine, file: str, emulator: Emulator, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "mine.step.json").write_text("mine")
    refused = cli("run", file, "-i", "room=x", *EMULATED, "--export", name)
    assert (refused.code, emulator.count()) == (2, 0)
    assert said in refused.err


def test_an_input_without_a_value_is_told_of(cli: CommandLine, file: str) -> None:
    outcome = cli("run", file, "-i", "room=", *EMULATED)
    assert outcome.code == 0
    said = "{{room}} is empty, so the prompt has nothing in its place"
    assert outcome.err.count(f"note: {said}") == 1
    assert said in cli("estimate", file, "-i", "room=").out
    assert "is empty" not in cli("run", file, "-i", "room=x", *EMULATED).err


def test_an_input_that_is_no_misspelt_variable_is_told_of_as_in_python(
    cli: CommandLine, file: str, workspace: Workspace, step: ImageGenerationStep
) -> None:
    said = "the prompt does not use the input season"
    outcome = cli("run", file, "-i", "room=x", "-i", "season=winter", *EMULATED)
    assert outcome.code == 0
    assert outcome.err.count(f"note: {said}") == 1
    estimated = cli("estimate", file, "-i", "room=x", "-i", "season=winter")
    assert estimated.out.count(said) == 1
    assert step.run({"room": "x", "season": "winter"}, workspace=workspace).warnings == (said,)
    assert said in step.estimate({"room": "x", "season": "winter"}).notes


def test_images_are_listed_under_the_name_that_later_steps_use(cli: CommandLine, file: str) -> None:
    assert "step_1.output.assets.0.file_url " in cli("run", file, "-i", "room=x", *EMULATED).out
    named = cli("run", file, "-i", "room=x", *EMULATED, "--identifier", "step_7", "--export", "out.json")
    assert "step_7.output.assets.0.file_url " in named.out
    assert "step_7.output.assets.0.file_url " in cli("run", "out.json", "-i", "room=x", *EMULATED).out


@pytest.mark.parametrize(
    ("backend", "hint"),
    [
        ("emu", " (did you mean emulator?)"),
        ("Live", " (did you mean live?)"),
        ("https://gateway.example", ""),
    ],
)
def test_a_backend_that_is_none_is_told_in_the_command_lines_words(
    cli: CommandLine, file: str, backend: str, hint: str
) -> None:
    refused = cli("run", file, "-i", "room=x", "--backend", backend)
    assert refused.code == 2
    assert f"--backend {backend} is neither live nor emulator{hint}, nor the http:// address" in refused.err
    assert "hosted" not in refused.err


def test_a_folder_to_make_is_named_as_a_shell_takes_it(cli: CommandLine, file: str, tmp_path: Path) -> None:
    folder = tmp_path / "an ü b" / "new"
    told = cli("run", file, "-i", "room=a hall", *EMULATED, "--export", str(folder / "lamp.json"))
    assert f"(mkdir -p '{folder}')" in told.err


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (("-i", "room=x", "-i", "room=y"), "--input"),
        (("-i", "room=x", "--input-json", "room=[1]"), "--input-json"),
        (("-i", "room=x", "--step", "room=lamp.step.json"), "--step"),
    ],
)
def test_an_input_that_is_given_twice_is_refused(
    cli: CommandLine, file: str, given: tuple[str, ...], option: str
) -> None:
    refused = cli("run", file, *given)
    assert refused.code == 2
    assert f"{option} room: room is given twice; leave one out" in refused.err


def test_an_earlier_output_that_nothing_uses_is_told(cli: CommandLine, file: str) -> None:
    cli("run", file, "-i", "room=x", *EMULATED, "--export", "out.json")
    told = cli("run", file, "-i", "room=x", *EMULATED, "--step", "other=out.json", "--input-json", "more=[1]")
    assert told.code == 0
    assert "note: the prompt does not use the input other\n" in told.err
    assert "note: the prompt does not use the input more\n" in told.err
    text = cli("run", file, "-i", "room=x", *EMULATED, "-i", "third=x")
    assert text.err.count("third") == 1


@pytest.mark.rigs
def test_where_nothing_may_be_stored_the_run_says_what_to_do(file: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    store = closed / "assets"
    refused = bound_by_permissions(
        "run", tmp_path / file, "-i", "room=x", "--backend", "emulator", "--store", store
    )
    assert refused.returncode == 1
    assert "this user may not write there (permission denied). Choose another folder, or" in refused.stderr
