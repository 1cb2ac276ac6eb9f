"""Notebooks in real kernels: recorded by the command, replayed offline, and told what is in use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest
from support.notebook_diff import differences
from support.notebooks import RUN, SETUP, notebook
from support.pytest_run import run_pytest

import imagegen_nb as ig
from imagegen_nb.cli import main
from imagegen_nb.errors import ReplayError
from imagegen_nb.notebooks.execute import execute
from imagegen_nb.notebooks.record import record
from imagegen_nb.replay import cassette_file, environment

pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.timeout(900),  # many at once are tested here, so that this file begins early
    pytest.mark.usefixtures("quick_starts"),
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


CHAINED = """
like = step.replace(prompt="a poster like {{step_2.output.assets.0.file_url}}, {{step_2.output.assets.0.id}}")
poster = like.run({"step_2": run}, workspace=workspace)
print(poster.prompt, poster.output.assets[0].id)
poster
"""


def files_of(project: Path) -> dict[Path, bytes]:
    """All that is written in a project, but for its store."""
    paths = [each for each in project.rglob("*") if each.is_file() and "assets" not in str(each)]
    return {each: each.read_bytes() for each in paths}


def test_what_a_replay_cannot_repeat_is_named_and_nothing_old_is_replaced(project, monkeypatch, capsys):
    """HTML and Markdown count as in the notebook's test; ids and times do not."""
    path = notebook(project, SETUP, f"{RUN}\nprint(run.id)")
    assert command(monkeypatch, "record", str(path), "--emulator") == 0
    assert "the test passes" in capsys.readouterr().out
    document = nbformat.read(path, as_version=4)
    document.cells[0].source = SETUP.replace("a lamp", "a fox")
    for kind in ("HTML", "Markdown"):
        cell = f"from IPython.display import {kind}\nimport random\n{kind}(f'<b>{{random.random()}}</b>')"
        document.cells.append(nbformat.v4.new_code_cell(cell))
    nbformat.write(document, path)
    before = files_of(project)
    assert command(monkeypatch, "record", str(path), "--emulator") == 1
    printed = capsys.readouterr()
    assert "the test fails: Cell 2: mismatch 'text/html'" in printed.err
    assert "the test fails: Cell 3: mismatch 'text/markdown'" in printed.err
    assert "My demo.ipynb and its cassette were left as they were" in printed.err
    assert "NBVAL_IGNORE_OUTPUT" in printed.err
    assert "not replaced: 1 call in 3 files" in printed.out
    assert "nothing was charged" in printed.out
    assert files_of(project) == before


def test_markers_mean_what_they_mean_to_the_test(project):
    """Comments and tags; nbclient's own tag for leaving a cell out means nothing to nbval."""
    path = notebook(
        project,
        SETUP,
        RUN,
        "# NBVAL_SKIP\nprint('never')",
        "# NBVAL_RAISES_EXCEPTION\n1 / 0",
        "1 / 0",
        "# NBVAL_IGNORE_OUTPUT\nimport random\nrandom.random()",
        "left_out = 'executed'",
        "print(left_out)",
    )
    document = nbformat.read(path, as_version=4)
    document.cells[2].outputs = [nbformat.v4.new_output("stream", name="stdout", text="of before\n")]
    document.cells[2].execution_count = 7
    document.cells[4].metadata["tags"] = ["nbval-raises-exception"]
    document.cells[6].metadata["tags"] = ["skip-execution"]
    nbformat.write(document, path)
    assert record(path, "emulator").differences == ()
    texts = shown(path)
    assert "of before" in texts[2]
    assert "ZeroDivisionError" in texts[3]
    assert "ZeroDivisionError" in texts[4]
    assert "0." in texts[5]
    assert "executed" in texts[7]


def test_names_that_meet_keep_their_cassettes_and_their_tests(project):
    """Two folders, two spellings, and letters of other scripts: each is recorded and replayed by itself."""
    names = ("products/hero", "blog/hero", "blog/日本語")
    notebooks = [project / f"{name}.ipynb" for name in names]
    for number, path in enumerate(notebooks):
        path.parent.mkdir(exist_ok=True)
        notebook(path.parent, SETUP.replace("a lamp", f"lamp {number}"), f"{RUN}\n{CHAINED}", name=path.name)
        assert record(path, "emulator").differences == ()
    folders = sorted(each.parent for each in (project / "cassettes").glob("*/cassette.yaml"))
    assert len(folders) == len(names)
    assert project / "cassettes/日本語" in folders
    with pytest.raises(ReplayError, match=r"cassette 'hero' belongs to products/hero\.ipynb, so it was not"):
        record(notebooks[1], "emulator", name="hero")
    replace_in(notebooks[1], "lamp 1", "lamp one")
    copied = shutil.copytree(project, project.with_name("copied"), ignore=shutil.ignore_patterns("assets"))
    told = run_pytest(copied, "--nbval", *names_of(names))
    assert "1 failed, 5 passed" in told.text, told.text
    assert "record: imagegen-nb record blog/hero.ipynb --emulator" in told.text


def test_a_notebook_in_the_place_of_a_moved_one_leaves_its_cassette(project):
    for folder in ("products", "blog"):
        (project / folder).mkdir()
    here, moved = project / "products/hero.ipynb", project / "blog/hero.ipynb"
    notebook(here.parent, SETUP, RUN, name=here.name)
    assert record(here, "emulator").differences == ()
    here.rename(moved)
    notebook(here.parent, SETUP.replace("a lamp", "a fox"), RUN, name=here.name)
    before = files_of(project)
    with pytest.raises(ReplayError, match=r"'hero' is also replayed by blog/hero\.ipynb.+ record blog/hero"):
        record(here, "emulator")
    assert files_of(project) == before
    for path in (moved, here):
        assert record(path, "emulator").differences == ()
    told = run_pytest(project, "--nbval", "products", "blog")
    assert "4 passed" in told.text, told.text


def names_of(names: tuple[str, ...]) -> list[str]:
    return [f"{name}.ipynb" for name in names]


def replace_in(path: Path, before: str, after: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


def test_an_unknown_kernel_is_named_with_a_way_out(project, monkeypatch, capsys):
    path = notebook(project, SETUP, RUN)
    document = nbformat.read(path, as_version=4)
    document.metadata["kernelspec"] = {"name": "julia-1.9", "display_name": "Julia"}
    nbformat.write(document, path)
    before = files_of(project)
    assert command(monkeypatch, "record", str(path), "--emulator", "--json") == 2
    printed = capsys.readouterr()
    message = json.loads(printed.out)["error"]["message"]
    expected = "the kernel 'julia-1.9', which the notebook asks for, is not installed here; there are"
    assert message.startswith(expected)
    assert "--kernel NAME" in message
    assert "\n" not in message
    assert "Traceback" not in printed.err
    assert files_of(project) == before
    told = run_pytest(project, "--nbval", path.name)
    assert told.text.partition("short test summary")[0].count(expected) == 1, told.text
    assert "NoSuchKernel" not in told.text
    assert command(monkeypatch, "record", str(path), "--emulator", "--kernel", "python3") == 0
    assert nbformat.read(path, as_version=4).metadata.kernelspec.name == "python3"


@pytest.mark.parametrize(
    ("kernel_json", "reason"),
    [
        ('{"argv": ["/nope/python", "{connection_file}"], "display_name": "x"}', "does not start"),
        ('{"argv": ["/bin/false", "{connection_file}"], "display_name": "x"}', "does not start"),
        ('{"argv":[', "has a kernel.json that cannot be read"),
        ("[1]", "has a kernel.json that cannot be read"),
    ],
)
def test_a_stale_or_damaged_kernel_is_named_with_a_way_out(kernel_json, reason, project, monkeypatch, capsys):
    kernels = project / "jupyter"
    (kernels / "kernels/stale").mkdir(parents=True)
    (kernels / "kernels/stale/kernel.json").write_text(kernel_json)
    monkeypatch.setenv("JUPYTER_PATH", str(kernels))
    path = notebook(project, SETUP, RUN)
    document = nbformat.read(path, as_version=4)
    document.metadata["kernelspec"] = {"name": "stale", "display_name": "x"}
    nbformat.write(document, path)
    told = run_pytest(project, "--nbval", path.name, JUPYTER_PATH=str(kernels))
    expected = f"the kernel 'stale', which the notebook asks for, {reason}"
    assert told.text.partition("short test summary")[0].count(expected) == 1, told.text
    assert "Traceback" not in told.text
    assert "1 skipped, 1 error" in told.text, told.text
    if "/bin/false" not in kernel_json:
        assert command(monkeypatch, "record", str(path), "--emulator", "--json") == 2
        assert json.loads(capsys.readouterr().out)["error"]["message"].startswith(expected)


def test_a_test_that_cannot_be_run_proves_nothing(project):
    (project / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    path = notebook(project, SETUP, RUN)
    (difference,) = record(path, "emulator").differences
    assert difference.startswith("the test cannot be run: ")
    assert "--no-such-option" in difference
    assert not list((project / "cassettes").iterdir())


@pytest.mark.parametrize("option", ["--collect-only", "--setup-only"])
def test_a_test_that_runs_no_cell_proves_nothing(option, project):
    (project / "pytest.ini").write_text(f"[pytest]\naddopts = {option}\n")
    path = notebook(project, SETUP, RUN, "import random\nrandom.random()")
    before = files_of(project)
    (difference,) = record(path, "emulator").differences
    assert difference == "the test cannot be run: 0 of 3 cells were run with your pytest options"
    assert files_of(project) == before


def test_a_live_recording_that_fails_its_test_is_kept_aside(project, emulator, monkeypatch, capsys):
    """It may have cost money. A gateway on this machine stands for a live provider."""
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    gateway = f"hosted={{'openai': ig.Gateway({emulator.url + '/openai/v1'!r}, 'GATEWAY_KEY')}}"
    path = notebook(project, SETUP.replace("timeout=60", gateway), f"{RUN}\nimport random\nrandom.random()")
    before = files_of(project)
    assert command(monkeypatch, "record", str(path), "--live", "--json") == 1
    printed = capsys.readouterr()
    facts = json.loads(printed.out)
    assert (facts["verified"], facts["recorded_against"], facts["calls"]) == (False, "live", 1)
    assert facts["stores"] == [str(project / "assets")]
    assert f"its images and what they cost: {project / 'assets'}" in printed.err
    with ig.Workspace(project / "assets") as workspace:
        (image,) = workspace.records()
        assert (workspace.count_runs(), workspace.store.holds(image)) == (1, True)
    assert f"the new recording is kept in {facts['cassette']}" in printed.err
    assert cassette_file.read(Path(facts["cassette"]))[0].against == "live"
    shutil.rmtree(Path(facts["cassette"]).parent)
    assert files_of(project) == before


def test_what_a_live_recording_paid_for_is_kept_beside_the_store_in_use(project, emulator, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    gateway = f"hosted={{'openai': ig.Gateway({emulator.url + '/openai/v1'!r}, 'GATEWAY_KEY')}}"
    setup = SETUP.replace("timeout=60", gateway)
    with ig.Workspace(project / "assets", backend="emulator") as workspace:
        ig.ImageGenerationStep(prompt="mine").run(workspace=workspace)
    path = notebook(project, setup, f"{RUN}\nworkspace.count_runs()")
    (kept,) = record(path, "live").stores
    assert kept.name.startswith("assets-recorded-20")
    assert "'text/plain': '1'" in shown(path)[1]
    notebook(project, setup, f"{RUN}\n1 / 0")
    with pytest.raises(ReplayError, match=r"its images and what they cost: .*assets-recorded-20"):
        record(path, "live")
    for folder, runs in ((project / "assets", 1), (kept, 1)):
        with ig.Workspace(folder) as workspace:
            assert workspace.count_runs() == runs


def test_keys_keep_everything_from_being_written(project, monkeypatch):
    monkeypatch.setenv("XAI_API_KEY", "the-Canary-of-no-known-shape")
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
    assert "there is no file none.ipynb" in capsys.readouterr().err
    (project / "text.ipynb").write_text("{}")
    assert command(monkeypatch, "record", str(project / "text.ipynb"), "--emulator") == 2
    assert "text.ipynb is JSON, and not a notebook: give one, .ipynb" in capsys.readouterr().err


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
    assert json.loads(capsys.readouterr().out) == {
        "removed": [f"lamp/blobs/{stray.name}"],
        "problems": [],
    }
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
