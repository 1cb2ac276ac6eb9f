"""`imagegen-nb init`, and the way from nothing to a test as the documentation tells it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.disks import fill_up, small_disk

from imagegen_nb.cli import main
from imagegen_nb.core.own_files import CASSETTE_FILE

DOCUMENT = Path(__file__).parents[2] / "docs" / "cassettes.md"


def init(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["imagegen-nb", "init", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_it_writes_what_is_not_there_and_overwrites_nothing(tmp_path, monkeypatch, capsys):
    own = tmp_path / "project" / "notebooks" / "hero.ipynb"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    assert init(monkeypatch, str(tmp_path / "project"), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["kept"] == ["notebooks/hero.ipynb"]
    assert "cassettes/README.md" in report["written"]
    assert own.read_text() == "mine"
    assert all((tmp_path / "project" / name).stat().st_size for name in report["written"])
    assert init(monkeypatch, str(tmp_path / "project")) == 0
    assert "wrote" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("missing", "extras"),
    [
        ({"nbval", "jupyterlab"}, "[test,lab]"),
        ({"nbval"}, "[test]"),
        ({"jupyterlab"}, "[lab]"),
        (set(), ""),
    ],
)
def test_what_the_next_steps_need_is_installed_first_and_at_once(
    tmp_path, monkeypatch, capsys, missing, extras
):
    found = {name: None if name in missing else object() for name in ("nbval", "jupyterlab")}
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: found[name] if name in found else find_spec(name)
    )
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "https://git.example/imagegen_nb-1-py3-none-any.whl")
    assert init(monkeypatch, str(tmp_path)) == 0
    before, record, _ = capsys.readouterr().out.partition("  imagegen-nb record notebooks/hero.ipynb")
    assert record
    installs = before.partition("next, in")[2].splitlines()[1:]
    assert [extras in line and "pip install" in line for line in installs] == ([True] if extras else [])


def test_a_notebook_that_was_recorded_is_not_to_be_recorded_first(tmp_path, monkeypatch, capsys):
    assert init(monkeypatch, str(tmp_path)) == 0
    capsys.readouterr()
    (tmp_path / "cassettes" / "hero").mkdir()
    (tmp_path / "cassettes" / "hero" / CASSETTE_FILE).touch()
    assert init(monkeypatch, str(tmp_path)) == 0
    steps = capsys.readouterr().out.partition("next, in")[2]
    places = [steps.index(command) for command in ("pytest --nbval", "imagegen-nb lab", "imagegen-nb record")]
    assert places == sorted(places)


def test_a_place_that_cannot_be_written_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").write_text("a file")
    assert init(monkeypatch, str(tmp_path)) == 2
    assert "hero.ipynb cannot be written: a file is where a folder should be" in capsys.readouterr().err


@pytest.mark.rigs
def test_a_full_disk_leaves_no_empty_notebook(tmp_path, monkeypatch, capsys):
    with small_disk(tmp_path / "disk", 1 << 16) as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        ballast = fill_up(disk)
        assert init(monkeypatch, str(disk)) == 2
        told = capsys.readouterr().err
        assert f"{disk}/notebooks/hero.ipynb cannot be written: the disk is full. Free some space" in told
        assert list((disk / "notebooks").iterdir()) == []
        ballast.unlink()
        assert init(monkeypatch, str(disk)) == 0
        assert "wrote notebooks/hero.ipynb" in capsys.readouterr().out


def test_an_empty_file_is_no_notebook_and_is_not_kept(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    for name in ("hero.ipynb", ".gitignore"):
        (tmp_path / "notebooks" / name).touch()
    assert init(monkeypatch, str(tmp_path)) == 0
    told = capsys.readouterr().out
    assert "wrote notebooks/hero.ipynb" in told
    assert "kept notebooks/.gitignore" in told


# Where others install the package from

REQUIREMENTS = "notebooks/requirements.txt"
WORKFLOW = ".github/workflows/notebooks.yml"


def install_step(folder: Path) -> dict[str, Any]:
    workflow = yaml.safe_load((folder / WORKFLOW).read_text())
    (step,) = [step for step in workflow["jobs"]["replay"]["steps"] if "pip install" in step.get("run", "")]
    return step


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("https://git.example/a.git", "imagegen-nb[test] @ git+https://git.example/a.git"),
        ("git+https://git.example/a.git@v1", "imagegen-nb[test] @ git+https://git.example/a.git@v1"),
        ("git@git.example:a.git", "imagegen-nb[test] @ git+ssh://git@git.example/a.git"),
        (
            "https://files.example/a-1-py3-none-any.whl",
            "imagegen-nb[test] @ https://files.example/a-1-py3-none-any.whl",
        ),
    ],
)
def test_the_source_is_written_as_it_was_given(tmp_path, monkeypatch, capsys, source, line):
    assert init(monkeypatch, str(tmp_path), "--source", source) == 0
    assert (tmp_path / REQUIREMENTS).read_text() == f"{line}\n"
    assert install_step(tmp_path) == {"run": "pip install -r notebooks/requirements.txt"}
    assert "note:" not in capsys.readouterr().out


def test_a_wheel_in_the_repository_is_written_relative_to_it(tmp_path, monkeypatch):
    wheel = tmp_path / "wheels" / "imagegen_nb-1-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    assert init(monkeypatch, str(tmp_path), "--source", "wheels/imagegen_nb-1-py3-none-any.whl") == 0
    assert (tmp_path / REQUIREMENTS).read_text() == "./wheels/imagegen_nb-1-py3-none-any.whl[test]\n"


@pytest.mark.parametrize("setting", ["", "/somebody's own/folder", "git+file:///somebody's own/clone"])
def test_what_lies_on_this_machine_only_is_never_written(tmp_path, monkeypatch, capsys, setting):
    """The tests run in a checkout: this is where this installation came from."""
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", setting)
    assert init(monkeypatch, str(tmp_path)) == 0
    requirements = (tmp_path / REQUIREMENTS).read_text()
    assert requirements.endswith("\nimagegen-nb[test] @ ${IMAGEGEN_NB_SOURCE}\n")
    assert install_step(tmp_path)["env"] == {"IMAGEGEN_NB_SOURCE": "${{ vars.IMAGEGEN_NB_SOURCE }}"}
    assert "does not say yet where to install imagegen-nb from" in capsys.readouterr().out
    texts = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    checkout = str(Path(__file__).parents[2])
    assert not any("somebody" in text or checkout in text for text in texts)


def test_a_source_that_others_reach_and_that_is_known_needs_no_option(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "https://git.example/a.git")
    assert init(monkeypatch, str(tmp_path)) == 0
    assert (tmp_path / REQUIREMENTS).read_text() == "imagegen-nb[test] @ git+https://git.example/a.git\n"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (".", "is not a file in the repository"),
        ("absent.whl", "is not a file in the repository"),
        ("../outside.whl", "is not a file in the repository"),
        ("/etc/hostname", "is not a file in the repository"),
        ("git+file:///srv/clone", "is not a file in the repository"),
        ("https://me:secret@git.example/a.git", "a password"),
        ("https://token@git.example/a.git", "a password"),
        ("https://git.example/a.git\n-r evil.txt", "line breaks"),
    ],
)
def test_a_source_that_others_cannot_use_is_refused_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, source, problem
):
    (tmp_path / "outside.whl").touch()
    (tmp_path / "project").mkdir()
    assert init(monkeypatch, str(tmp_path / "project"), "--source", source) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert problem in message
    assert "secret" not in message
    assert list((tmp_path / "project").iterdir()) == []


@pytest.mark.notebooks
@pytest.mark.skipif(not DOCUMENT.exists(), reason="the documents are not here")
@pytest.mark.skipif(sys.platform != "linux", reason="sed -i is another elsewhere")
def test_the_documented_way_leads_from_nothing_to_a_test(tmp_path):
    """Each command as it stands there, one after the other, in an empty folder."""
    section = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1]
    blocks = re.findall(r"```(bash|text)\n(.*?)```", section, re.DOTALL)
    assert [kind for kind, _ in blocks] == ["bash", "bash", "text", "bash"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    output = ""
    for kind, block in blocks:
        for line in block.splitlines():
            if kind == "text":
                assert line in output
                continue
            if line.startswith(("pip ", "git ")):
                continue
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                timeout=300,
            )
            output = done.stdout + done.stderr
            assert done.returncode == (1 if line.endswith("# fails") else 0), f"{line}\n{output}"


def test_it_says_what_each_file_is_for_and_what_to_do_next(tmp_path, monkeypatch, capsys):
    assert init(monkeypatch, str(tmp_path)) == 0
    told = capsys.readouterr().out
    assert "wrote notebooks/hero.ipynb: a notebook to start from\n" in told
    assert f"next, in {tmp_path}:\n" in told
    assert (
        "  pytest --nbval notebooks                            its test: offline, without keys, free\n"
        in told
    )


def test_the_notebooks_first_cell_says_that_it_asks_the_provider_and_how_it_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert init(monkeypatch) == 0
    first, code, *_ = json.loads((tmp_path / "notebooks" / "hero.ipynb").read_text(encoding="utf-8"))["cells"]
    said = "".join(first["source"])
    assert "needs the key and costs money" in said
    assert 'ig.Workspace("assets", backend="emulator")' in said
    assert 'ig.Workspace("assets")' in "".join(code["source"])
