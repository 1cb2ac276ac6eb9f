"""Notebooks in real kernels: recorded by the command, replayed offline, and told what is in use."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from support.notebooks import RUN, SETUP, notebook

from imagegen_nb.cli import main
from imagegen_nb.errors import ReplayError
from imagegen_nb.notebooks.diff import differences
from imagegen_nb.notebooks.execute import execute
from imagegen_nb.notebooks.record import record
from imagegen_nb.replay import cassette_file, environment

pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the Jupyter packages
]


def shown(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [str(cell.outputs) for cell in cells]


def command(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["imagegen-nb", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_the_command_records_writes_and_proves(project, monkeypatch, capsys):
    path = notebook(
        project, SETUP, RUN, "run.output.assets[0].image()", "await step.arun(workspace=workspace)"
    )
    assert command(monkeypatch, "record", str(path), "--emulator", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    folder = project / "cassettes" / "my-demo"
    assert (facts["cassette"], facts["calls"], facts["verified"]) == (str(folder), 2, True)
    assert facts["usage"]["total_tokens"] > 0
    assert facts["bytes"] == sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
    about, recordings = cassette_file.read(folder)
    assert (about.against, about.notebook, len(recordings)) == ("emulator", "My demo.ipynb", 2)
    assert "EMULATED · recorded" in shown(path)[1]
    assert [each.name for each in (project / "cassettes").iterdir()] == ["my-demo"]

    # The notebook as it is, offline; and with one character changed.
    variables = environment.environment_for(folder, mode="none")
    document = nbformat.read(path, as_version=4)
    again = nbformat.read(path, as_version=4)
    assert execute(again, project, environment=variables) == ""
    assert differences(document, again) == []
    again.cells[0].source = SETUP.replace("a lamp", "a lamq")
    failed = execute(again, project, environment=variables)
    assert "recorded 'a lamp', asked 'a lamq'" in failed
    assert "record: imagegen-nb record 'My demo.ipynb' --emulator" in failed


def test_a_notebook_that_stops_changes_nothing(project):
    path = notebook(project, SETUP, RUN)
    record(path, "emulator")
    before = {
        each: each.read_bytes() for each in project.rglob("*") if each.is_file() and "assets" not in str(each)
    }
    document = nbformat.read(path, as_version=4)
    document.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(document, path)
    before[path] = path.read_bytes()
    with pytest.raises(ReplayError, match=r"My demo\.ipynb stopped, so nothing was kept: ZeroDivisionError"):
        record(path, "emulator")
    after = {
        each: each.read_bytes() for each in project.rglob("*") if each.is_file() and "assets" not in str(each)
    }
    assert after == before


def test_an_error_cell_replays_its_error(project):
    cell = nbformat.v4.new_code_cell(
        "ig.ImageGenerationStep(prompt='x', model='gpt-image-2').run(workspace=refused)",
        metadata={"tags": ["raises-exception"]},
    )
    path = notebook(
        project,
        "import imagegen_nb as ig\nfrom imagegen_nb.emulator import Emulator, Fault\n"
        "refused = ig.Workspace('assets', backend='emulator')\n"
        "refused.emulator.script('openai', Fault('moderation'))",
    )
    document = nbformat.read(path, as_version=4)
    document.cells.append(cell)
    nbformat.write(document, path)
    done = record(path, "emulator")
    assert (done.calls, done.differences) == (1, ())
    assert "moderation" in shown(path)[1]


def test_what_a_replay_cannot_repeat_is_named_and_the_recording_kept(project, monkeypatch, capsys):
    path = notebook(project, SETUP, f"{RUN}\nprint(run.id)")
    assert command(monkeypatch, "record", str(path), "--emulator") == 1
    printed = capsys.readouterr()
    assert "the replay differs: cell 2: recorded" in printed.err
    assert "1 call in 3 files" in printed.out
    assert "nothing was charged" in printed.out
    assert cassette_file.exists(project / "cassettes/my-demo")


def test_keys_keep_everything_from_being_written(project, monkeypatch):
    monkeypatch.setenv("XAI_API_KEY", "xai-CanaryTwo9j8i7h6g5f4e3d2c1b0a")
    before = "import os; key = os.environ['XAI_API_KEY']"
    path = notebook(
        project, SETUP + before, "step.replace(prompt=f'a {key}').run(workspace=workspace).status"
    )
    with pytest.raises(ReplayError, match="field `prompt`, holds") as caught:
        record(path, "emulator")
    assert "Canary" not in str(caught.value)
    path = notebook(project, SETUP + before, RUN, "print(key)")
    with pytest.raises(ReplayError, match=r"the outputs of My demo\.ipynb hold"):
        record(path, "emulator")
    assert list((project / "cassettes").iterdir()) == []


def test_what_cannot_be_recorded(project, monkeypatch, capsys):
    path = notebook(project, "1 + 1")
    assert command(monkeypatch, "record", str(path)) == 2
    assert "--emulator (free), or --live" in capsys.readouterr().err
    assert command(monkeypatch, "record", str(path), "--emulator") == 2
    assert "the notebook made no call" in capsys.readouterr().err
    assert command(monkeypatch, "record", str(project / "none.ipynb"), "--emulator") == 2
    assert "none.ipynb cannot be read" in capsys.readouterr().err
    (project / "text.ipynb").write_text("{}")
    assert command(monkeypatch, "record", str(project / "text.ipynb"), "--emulator") == 2
    assert "this is no notebook" in capsys.readouterr().err


def test_live_without_a_key_says_which_to_set(project, monkeypatch, capsys):
    path = notebook(project, SETUP, RUN)
    assert command(monkeypatch, "record", str(path), "--live") == 2
    assert "OPENAI_API_KEY is not set" in capsys.readouterr().err
    assert list((project / "cassettes").iterdir()) == []


def test_cassettes_are_listed_checked_and_pruned(lamp, monkeypatch, capsys):
    assert command(monkeypatch, "cassettes", "ls", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["name"], found["recorded_against"], found["calls"]) == ("lamp", "emulator", 1)
    stray = lamp / "blobs" / f"{'0' * 32}.png"
    stray.write_bytes(b"x")
    assert command(monkeypatch, "cassettes", "prune", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"removed": [f"lamp/blobs/{stray.name}"]}
    assert command(monkeypatch, "cassettes", "check") == 0
    assert "good lamp" in capsys.readouterr().out

    (blob,) = (lamp / "blobs").iterdir()
    blob.write_bytes(b"x")
    assert command(monkeypatch, "cassettes", "check") == 2
    assert f"blobs/{blob.name} was changed" in capsys.readouterr().err
    assert command(monkeypatch, "cassettes", "ls") == 0
    assert "damaged" in capsys.readouterr().out
    assert command(monkeypatch, "cassettes", "check", "lump") == 2
    assert "there is no cassette 'lump'" in capsys.readouterr().err


def test_a_key_that_came_in_later_is_found(lamp, monkeypatch, capsys):
    file = lamp / "cassette.yaml"
    file.write_text(file.read_text().replace("a lamp", "a sk-CanaryOne0a1b2c3d4e5f6g7h8i9j"))
    assert command(monkeypatch, "cassettes", "check") == 2
    printed = capsys.readouterr().err
    assert "field `prompt`, holds an OpenAI key" in printed
    assert "Canary" not in printed
