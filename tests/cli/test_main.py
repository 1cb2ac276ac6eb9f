"""What all commands of `imagegen-nb` share: exit codes, errors as text and JSON, help."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from support.command_line import EMULATED, CommandLine

from imagegen_nb import ImageGenerationStep, save_step
from imagegen_nb import cli as cli_package
from imagegen_nb._version import __version__
from imagegen_nb.cli.app import app
from imagegen_nb.cli.examples import BY_COMMAND


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "lamp.step.json", *EMULATED), "{{room}} has no value"),
        (("run", "lamp.step.json", "-i", "room", *EMULATED), "name=value"),
        (("run", "lamp.step.json", "--input-json", "room=[", *EMULATED), "column 1: it ends too early"),
        (("run", "lamp.step.json", "--step", "a=lamp.step.json", *EMULATED), "without an output"),
        (("run", "lamp.step.json", "-i", "room=x"), "OPENAI_API_KEY"),
        (("run", "lamp.step.json", "-i", "room=x", "--backend", "https://x.example"), "backend"),
        (("run", "nowhere.json"), "there is no file"),
        (
            ("validate", "nowhere.json"),
            "error: there is no file nowhere.json; in this folder there is lamp.step.json\n",
        ),
        (("run", "lump.step.json"), "there is no file lump.step.json; did you mean lamp.step.json?"),
        (("run", "."), ". is a folder: give a file in it, such as lamp.step.json"),
        (("sweep", "."), ". is a folder: give a file in it\n"),
        (("record", ".", "--emulator"), ". is a folder: give a file in it\n"),
        (("sweep", "lamp.step.json"), 'a sweep is a TOML file that names it: step = "lamp.step.json"'),
        (("record", "lamp.step.json", "--emulator"), "lamp.step.json is a step file, and not a notebook"),
        (("lab", "lamp.step.json"), "is a file: give the folder of the notebooks, here ."),
        (("init", "lamp.step.json"), "is a file: give the folder of the repository"),
        (("demo", "--folder", "lamp.step.json"), "is a file: choose another folder"),
        (
            ("models", "gpt-image-3"),
            "the nearest known model is gpt-image-2; `imagegen-nb models` lists them",
        ),
        (("models", "nope"), "'nope' is not a known model: `imagegen-nb models` lists them all"),
        (("record", "nowhere.ipynb", "--emulator"), "error: there is no file nowhere.ipynb\n"),
        (("migrate", "lamp.step.json", "lamp.step.json"), "--force"),
        (("runs", "--store", "--json"), "--json follows, which is an option itself: give a folder or a URL"),
        (("demo", "--folder", "--nope"), "--nope follows, which is an option itself: give a path"),
        (("run", "lamp.step.json", "--export", "--json"), "give a path (./--json for one of that name)"),
    ],
)
def test_what_was_given_wrong_is_told_with_exit_code_2(
    cli: CommandLine, file: str, arguments: tuple[str, ...], message: str
) -> None:
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_errors_are_json_too_when_json_is_asked_for(cli: CommandLine, file: str) -> None:
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


@pytest.mark.parametrize("command", [("models",), ("paths", "lamp.step.json")])
def test_json_is_taken_everywhere(cli: CommandLine, file: str, command: tuple[str, ...]) -> None:
    assert cli(*command, "--json").json()


POOR = [
    {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
]
"""Environments in which a terminal does not know all characters."""


@pytest.mark.parametrize("environment", POOR)
def test_a_terminal_without_some_characters_ends_no_command(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    save_step(tmp_path / "a.step.json", ImageGenerationStep(prompt="Ein „Löwe“ 🦁", image_size="1024x1024"))
    command = [sys.executable, "-m", "imagegen_nb", "run", "a.step.json", "--backend", "emulator"]
    options = {"cwd": tmp_path, "env": {**os.environ, **environment}, "capture_output": True, "check": False}
    told = subprocess.run([*command, "--export", "b.step.json"], **options)
    assert (told.returncode, b"Traceback" in told.stderr) == (0, False), told.stderr
    assert b"file_url" in told.stdout
    assert (tmp_path / "b.step.json").exists()
    as_json = subprocess.run([*command, "--json"], **options)
    assert as_json.returncode == 0, as_json.stderr
    assert "löwe" in json.loads(as_json.stdout)["output"]["assets"][0]["file_name"]
    wrong = subprocess.run([*command, "-i", "Löwe"], **options)
    assert (wrong.returncode, b"Traceback" in wrong.stderr) == (2, False), wrong.stderr


def test_version_and_help(cli: CommandLine) -> None:
    from imagegen_nb import __version__

    assert cli("--version").out.strip() == __version__
    assert "emulator" in cli("--help").out


@pytest.mark.parametrize("group", [(), ("store",), ("cassettes",)])
def test_help_lists_commands_with_their_whole_sentence(cli: CommandLine, group: tuple[str, ...]) -> None:
    shown = " ".join(cli(*group, "--help").out.split())
    context = click.Context(app)
    listing = app.get_command(context, group[0]) if group else app
    assert isinstance(listing, click.Group)
    commands = [listing.get_command(context, name) for name in listing.list_commands(context)]
    assert commands
    for command in commands:
        assert command is not None
        assert " ".join((command.help or "").split()) in shown


def test_every_command_is_in_the_file_of_its_name_and_every_such_file_is_listed() -> None:
    files = {
        path.stem
        for path in Path(cli_package.__file__).parent.glob("*.py")
        if f"def {path.stem}(" in path.read_text(encoding="utf-8") and path.stem != "app"
    }
    assert len(files) >= 13
    assert set(app.list_commands(click.Context(app))) == files


def test_an_interrupted_command_leaves_with_130_and_says_what_it_noted(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        interrupted = KeyboardInterrupt()
        interrupted.add_note("one image was paid for")
        raise interrupted

    monkeypatch.setattr("imagegen_nb.step_file.load.load_step", interrupt)
    outcome = cli("validate", "lamp.step.json")
    assert outcome.code == 130
    assert "interrupted" in outcome.err
    assert "one image was paid for" in outcome.err


def test_a_misspelt_command_is_answered_with_the_nearest(cli):
    code, _, said = cli("modles")
    assert (code, "Did you mean 'models'?" in said) == (2, True)
    assert cli("store", "chek").err.count("Did you mean 'check'?") == 1
    assert "Did you mean" not in cli("xyz").err


@pytest.mark.notebooks
def test_the_package_is_the_command_line_too() -> None:
    asked = [sys.executable, "-m", "imagegen_nb", "--version"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == __version__


def test_help_has_examples_exit_codes_and_how_to_complete_words(cli: CommandLine) -> None:
    told = cli("--help").out
    assert "imagegen-nb demo" in told
    assert "130 interrupted" in told
    assert "_IMAGEGEN_NB_COMPLETE=bash_source imagegen-nb" in told


def every_command(group: click.Group = app, path: str = "") -> dict[str, click.Command]:
    """Every command that does something, by what is typed behind the program's name."""
    found: dict[str, click.Command] = {}
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        full = f"{path} {name}".strip()
        found |= every_command(command, full) if isinstance(command, click.Group) else {full: command}
    return found


def test_each_command_ends_its_help_with_examples_that_are_taken_as_they_stand() -> None:
    commands = every_command()
    assert set(commands) == set(BY_COMMAND)
    for name, command in commands.items():
        told = command.get_help(click.Context(command, info_name=name))
        assert "Exit codes: 0 " in told
        assert "130 interrupted." in " ".join(told.split())
        for line in BY_COMMAND[name].lines:
            assert f"  imagegen-nb {line}\n" in told, "on a line of its own"
            assert line.startswith(name)
            command.make_context(name, shlex.split(line.removeprefix(name)))


@pytest.mark.notebooks
def test_the_shells_completion_is_what_the_help_says() -> None:
    main = "import sys; sys.argv[0] = 'imagegen-nb'; from imagegen_nb.cli import main; main()"
    asked = {**os.environ, "_IMAGEGEN_NB_COMPLETE": "bash_complete", "COMP_WORDS": "imagegen-nb val"}
    asked["COMP_CWORD"] = "1"
    told = subprocess.run(
        [sys.executable, "-c", main], env=asked, capture_output=True, text=True, check=False
    )
    assert told.stdout.split() == ["plain,validate"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("models grok-imagine-image-", ["grok-imagine-image-quality", "grok-imagine-image-2.0"]),
        ("run a.step.json --backend e", ["emulator"]),
        ("runs --outcome f", ["failed"]),
        ("store ls --model gpt-image-2.6", ["gpt-image-2.6-flare", "gpt-image-2.6-sunburst"]),
    ],
)
def test_a_shell_is_offered_the_values(words: str, offered: list[str]) -> None:
    *before, begun = words.split()
    completed = ShellComplete(app, {}, "imagegen-nb", "").get_completions(before, begun)
    assert [item.value for item in completed] == offered


KEY = "sk-proj-abcdefghijklmnopqrstuvwx"


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "lamp.step.json", "--backend", KEY),
        ("run", "lamp.step.json", "--budget", KEY),
        ("run", "lamp.step.json", "--timeout", KEY),
        ("run", "lamp.step.json", f"--{KEY}"),
        ("run", "lamp.step.json", "--input", KEY),
        ("run", KEY),
        ("paths", "lamp.step.json", f"--key={KEY}"),
        ("sweep", KEY, "--json"),
        ("validate", "lamp.step.json", KEY),
        (KEY,),
    ],
)
def test_a_key_in_the_wrong_place_is_not_printed(
    cli: CommandLine, file: str, arguments: tuple[str, ...]
) -> None:
    refused = cli(*arguments)
    assert refused.code == 2
    assert KEY not in refused.out + refused.err
    assert "abcdefghij" not in refused.out + refused.err
    assert refused.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "lamp.step.json", "-i", "room=a", "--backend", "emulator", "--store", ""),
        ("run", "lamp.step.json", "-i", "room=a", "--backend", "emulator", "--export", " "),
        ("runs", "--store", ""),
        ("doctor", "--store", ""),
        ("scan", ""),
        ("init", ""),
        ("store", "check", ""),
        ("platform", "sheet", "lamp.step.json", "-o", ""),
    ],
)
def test_a_blank_path_is_refused_and_nothing_is_written(
    cli: CommandLine, file: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    outcome = cli(*arguments)
    assert outcome.code == (1 if arguments[0] == "doctor" else 2)
    assert "blank" in outcome.out + outcome.err
    assert [entry.name for entry in tmp_path.iterdir()] == [file]
