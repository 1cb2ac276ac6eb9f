"""`imagegen-nb init`, and the way from nothing to a test as the documentation tells it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from imagegen_nb.cli import main

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
    told = json.loads(capsys.readouterr().out)
    assert told["kept"] == ["notebooks/hero.ipynb"]
    assert "cassettes/README.md" in told["written"]
    assert own.read_text() == "mine"
    assert all((tmp_path / "project" / name).stat().st_size for name in told["written"])
    assert init(monkeypatch, str(tmp_path / "project")) == 0
    assert "wrote" not in capsys.readouterr().out


def test_a_place_that_cannot_be_written_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").write_text("a file")
    assert init(monkeypatch, str(tmp_path)) == 2
    assert "hero.ipynb cannot be written: a file is where a folder should be" in capsys.readouterr().err


@pytest.mark.skipif(not DOCUMENT.exists(), reason="the documents are not here")
@pytest.mark.skipif(sys.platform != "linux", reason="sed -i is another elsewhere")
def test_the_documented_way_leads_from_nothing_to_a_test(tmp_path):
    """Each command as it stands there, one after the other, in an empty folder."""
    section = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1]
    blocks = re.findall(r"```(bash|text)\n(.*?)```", section, re.DOTALL)
    assert [kind for kind, _ in blocks] == ["bash", "bash", "text", "bash"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    said = ""
    for kind, block in blocks:
        for line in block.splitlines():
            if kind == "text":
                assert line in said
                continue
            if line.startswith(("pip ", "git ")):
                continue
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                timeout=100,
            )
            said = done.stdout + done.stderr
            assert done.returncode == (1 if line.endswith("# fails") else 0), f"{line}\n{said}"
