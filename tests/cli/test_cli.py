from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from support.ledger import entry, new

from imagegen_nb import Workspace, load_step, save_step
from imagegen_nb.cli import main
from imagegen_nb.cli.console import app
from imagegen_nb.emulator import Emulator, Fault
from imagegen_nb.step.step import ImageGenerationStep


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    def json(self) -> object:
        return json.loads(self.out)


@pytest.fixture
def cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, emulator: Emulator
) -> Callable[..., Outcome]:
    """Runs a command line in an empty folder and gives its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main() replaces it

    def call(*arguments: str) -> Outcome:
        given = [emulator.url if argument == "THE EMULATOR" else argument for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["imagegen-nb", *given])
        with pytest.raises(SystemExit) as left:
            main()
        captured = capsys.readouterr()
        return Outcome(int(left.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def step() -> ImageGenerationStep:
    return ImageGenerationStep(name="Lamp", prompt="A lamp for {{room}}", image_size="1024x1024")


@pytest.fixture
def file(tmp_path: Path, step: ImageGenerationStep) -> str:
    save_step(tmp_path / "lamp.step.json", step)
    return "lamp.step.json"


EMULATED = ("--backend", "THE EMULATOR")


def test_run_makes_images_and_says_where_they_are(cli: Callable[..., Outcome], file: str) -> None:
    outcome = cli("run", file, "--input", "room=a hall", *EMULATED)
    assert outcome.code == 0, outcome.err
    assert "lamp-1.png" in outcome.out
    url = next(line for line in outcome.out.splitlines() if line.startswith("file://"))
    assert Path(url.removeprefix("file://")).read_bytes().startswith(b"\x89PNG")
    assert "emulated" in outcome.err


def test_run_prints_json_for_machines_and_exports(cli: Callable[..., Outcome], file: str) -> None:
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
    cli: Callable[..., Outcome],
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


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "lamp.step.json", *EMULATED), "{{room}} has no value"),
        (("run", "lamp.step.json", "-i", "room", *EMULATED), "name=value"),
        (("run", "lamp.step.json", "--input-json", "room=[", *EMULATED), "not valid JSON"),
        (("run", "lamp.step.json", "--step", "a=lamp.step.json", *EMULATED), "without an output"),
        (("run", "lamp.step.json", "-i", "room=x"), "OPENAI_API_KEY"),
        (("run", "lamp.step.json", "-i", "room=x", "--backend", "https://x.example"), "backend"),
        (("run", "nowhere.json"), "there is no file"),
        (("validate", "nowhere.json"), "there is no file"),
        (("models", "gpt-image-3"), "the nearest is gpt-image-2"),
        (("migrate", "lamp.step.json", "lamp.step.json"), "--force"),
    ],
)
def test_what_was_given_wrong_is_told_with_exit_code_2(
    cli: Callable[..., Outcome], file: str, arguments: tuple[str, ...], told: str
) -> None:
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert told in outcome.err
    assert "Traceback" not in outcome.err


def test_a_failed_step_leaves_with_1(
    cli: Callable[..., Outcome], file: str, emulator: Emulator, tmp_path: Path, step: ImageGenerationStep
) -> None:
    save_step(tmp_path / "patient.json", step.replace(on_failure="continue"))
    for name in (file, "patient.json"):
        emulator.script("openai", Fault("moderation"))
        outcome = cli("run", name, "-i", "room=x", *EMULATED)
        assert outcome.code == 1
        assert "rejected by the safety system" in outcome.err


def test_validate_tells_good_from_bad(cli: Callable[..., Outcome], file: str, tmp_path: Path) -> None:
    document = json.loads((tmp_path / file).read_text())
    document["step"]["image_count"] = 11
    (tmp_path / "bad.json").write_text(json.dumps(document))
    assert cli("validate", file).code == 0
    outcome = cli("validate", file, "bad.json", "--json")
    assert outcome.code == 2
    good, bad = outcome.json()
    assert good["valid"] is True
    assert bad == {
        "file": "bad.json",
        "valid": False,
        "place": "step.image_count",
        "error": "step.image_count: not in its range. Use a whole number from 1 to 10",
    }


def test_paths_are_predicted_before_a_run(cli: Callable[..., Outcome], file: str) -> None:
    found = cli("paths", file, "--identifier", "step_4", "--json").json()
    assert {
        "path": "step_4.output.assets.0.file_url",
        "type": "text",
        "state": "predicted",
        "value": None,
    } in found
    assert "{{step_4.output.assets.0.id}}" in cli("paths", file, "--identifier", "step_4").out


@pytest.mark.filterwarnings("default")
def test_migrate_writes_todays_layout(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps({"prompt": "Like {{step_2.output.0.file_url}}"}))
    outcome = cli("migrate", "old.json", "new.json")
    assert outcome.code == 0
    assert load_step(tmp_path / "new.json").step.prompt == "Like {{step_2.output.assets.0.file_url}}"
    assert "warning: step.prompt" in outcome.err
    assert ".py" not in outcome.err


def test_models_and_schema(cli: Callable[..., Outcome]) -> None:
    assert "gemini-2.5-flash-image" in cli("models").out
    assert "3840" in cli("models", "gpt-image-2").out
    rows = cli("models", "--json").json()
    assert {row["model"] for row in rows if row["offered"]} == {
        "gpt-image-2",
        "grok-imagine-image-quality",
        "grok-imagine-image",
        "gemini-2.5-flash-image",
    }
    assert cli("schema").json() == ImageGenerationStep.json_schema()
    assert "provenance" in cli("schema", "--file").json()["properties"]


def test_version_and_help(cli: Callable[..., Outcome]) -> None:
    from imagegen_nb import __version__

    assert cli("--version").out.strip() == __version__
    assert "emulator" in cli("--help").out


def test_an_export_that_cannot_be_written_is_refused_before_anything_is_spent(
    cli: Callable[..., Outcome], file: str, emulator: Emulator
) -> None:
    outcome = cli("run", file, "-i", "room=x", *EMULATED, "--export", "nowhere/out.json")
    assert outcome.code == 2
    assert "--export" in outcome.err
    assert emulator.count("openai") == 0


def test_an_input_the_prompt_does_not_have_is_refused(
    cli: Callable[..., Outcome], file: str, emulator: Emulator
) -> None:
    outcome = cli("run", file, "-i", "room=x", "-i", "roam=y", *EMULATED)
    assert outcome.code == 2
    assert "no variable 'roam'; did you mean room?" in outcome.err
    assert emulator.count("openai") == 0


def test_references_are_whole_also_in_a_narrow_window(
    cli: Callable[..., Outcome], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = cli("paths", file, "--identifier", "step_4").out.splitlines()
    assert "{{step_4.output.settings.image_output_format}}  text        predicted" in lines


def test_errors_are_json_too_when_json_is_asked_for(cli: Callable[..., Outcome], file: str) -> None:
    outcome = cli("run", file, "-i", "room=x", "--json")
    assert outcome.code == 2
    assert outcome.json() == {
        "error": {
            "kind": "missing_credential",
            "message": "no key: set OPENAI_API_KEY, or run without a key and without cost: "
            "--backend emulator",
            "place": "",
        }
    }


@pytest.mark.parametrize("command", [("schema",), ("models",), ("paths", "lamp.step.json")])
def test_json_is_taken_everywhere(cli: Callable[..., Outcome], file: str, command: tuple[str, ...]) -> None:
    assert cli(*command, "--json").json()


def test_a_port_in_use_is_told_without_a_traceback(cli: Callable[..., Outcome], emulator: Emulator) -> None:
    port = emulator.url.rpartition(":")[2]
    outcome = cli("emulator", "--port", port)
    assert outcome.code == 2
    assert f"--port {port} cannot be used" in outcome.err
    assert "Traceback" not in outcome.err


def test_scan_names_the_place_of_a_key_and_leaves_with_1(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("harmless")
    outcome = cli("scan", "good.txt")
    assert (outcome.code, outcome.out) == (0, "no key in 1 file\n")
    key = "xai-" + "q8Zr" * 20
    (tmp_path / "bad [1].txt").write_text(f"one\nkey = {key}\n")
    outcome = cli("scan", ".")
    assert (outcome.code, outcome.out) == (1, "bad [1].txt:2: an xAI key\n")
    assert "revoke" in outcome.err
    outcome = cli("scan", ".", "--json")
    finding = {"file": "bad [1].txt", "place": "", "line": 2, "kind": "an xAI key", "how": ""}
    assert outcome.json() == {"files": 2, "findings": [finding], "unread": []}
    assert outcome.code == 1
    assert key[:8] not in outcome.out + outcome.err


def test_scan_finds_a_key_of_the_environment_and_tells_what_it_could_not_read(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XAI_API_KEY", "plain-old-password")
    (tmp_path / "a.txt").write_text("plain-old-password")
    assert cli("scan", "a.txt").out == "a.txt:1: a key that is in use here\n"
    (tmp_path / "link").symlink_to("a.txt")
    outcome = cli("scan", "link")
    assert outcome.code == 2
    assert "not searched: link: it is a link" in outcome.err
    outcome = cli("scan", "nowhere")
    assert outcome.code == 2
    assert "nowhere: there is no such file" in outcome.err


def test_the_hook_for_pre_commit_calls_a_command_that_is_there() -> None:
    (hook,) = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())
    assert {"id", "name", "entry", "language"} <= set(hook)
    program, command = hook["entry"].split()
    assert program == "imagegen-nb"
    assert command in {
        each.name or getattr(each.callback, "__name__", "") for each in app.registered_commands
    }


def test_a_store_is_checked_rebuilt_and_tidied(
    cli: Callable[..., Outcome], workspace: Workspace, step: ImageGenerationStep
) -> None:
    folder = "assets"
    step.run({"room": "a hall"}, workspace=workspace)
    workspace.store.begin(entry("a-run"), None)
    workspace.store.finish(entry("a-run", state="interrupted"), [])
    new(workspace.store, b"of a run that was killed")
    workspace.close()

    checked = cli("store", "check", folder)
    assert checked.code == 0, checked.err
    assert "1 images" in checked.out
    assert "interrupted: gpt-image-2, 2 images asked for" in checked.out
    assert "charge unknown (emulated): run a-run" in checked.out
    facts = cli("store", "check", folder, "--json").json()
    assert isinstance(facts, dict)
    assert (facts["images"], facts["runs"], facts["problems"]) == (1, 2, [])
    assert [run["run_id"] for run in facts["interrupted"]] == ["a-run"]

    assert cli("store", "gc", folder, "--json").json() == {"removed": facts["unused_files"]}
    assert cli("store", "gc", folder).out == "nothing to remove\n"

    (Path(folder) / "index.sqlite3").write_bytes(b"no database " * 100)
    broken = cli("store", "check", folder)
    assert broken.code == 2
    assert "imagegen-nb store rebuild" in broken.err
    assert cli("store", "rebuild", folder).code == 0
    again = cli("store", "check", folder, "--json").json()
    assert again == {**facts, "unused_files": []}


@pytest.mark.parametrize("command", ["check", "rebuild", "gc"])
def test_a_mistyped_folder_is_no_store_and_is_not_made(
    cli: Callable[..., Outcome], tmp_path: Path, command: str
) -> None:
    outcome = cli("store", command, "nowhere")
    assert outcome.code == 2
    assert "there is no store in nowhere" in outcome.err
    assert not (tmp_path / "nowhere").exists()
