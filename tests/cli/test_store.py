"""`imagegen-nb store`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.ledger import entry, new

from imagegen_nb import Workspace
from imagegen_nb.step.step import ImageGenerationStep


def test_a_store_is_checked_rebuilt_and_tidied(
    cli: CommandLine, workspace: Workspace, step: ImageGenerationStep
) -> None:
    folder = "assets"
    step.run({"room": "a hall"}, workspace=workspace)
    workspace.store.begin(entry("a-run"), None)
    workspace.store.finish(entry("a-run", state="interrupted"), [])
    asked = {"model": "gpt-5.4-mini", "count": 0, "estimate": 0}
    workspace.store.begin(entry("a-question", **asked), None)
    workspace.store.finish(entry("a-question", state="interrupted", **asked), [])
    new(workspace.store, b"of a run that was killed")
    workspace.close()

    checked = cli("store", "check", folder)
    assert checked.code == 0, checked.err
    assert "1 images" in checked.out
    assert "interrupted: gpt-image-2, 2 images asked for" in checked.out
    assert "charge unknown (emulated): run a-run" in checked.out
    assert "interrupted: gpt-5.4-mini, asked about an image on" in checked.out
    facts = cli("store", "check", folder, "--json").json()
    assert isinstance(facts, dict)
    assert (facts["images"], facts["runs"], facts["problems"]) == (1, 3, [])
    assert [run["run_id"] for run in facts["interrupted"]] == ["a-run", "a-question"]

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
    cli: CommandLine, tmp_path: Path, command: str
) -> None:
    outcome = cli("store", command, "nowhere")
    assert outcome.code == 2
    assert "there is no store in nowhere" in outcome.err
    assert not (tmp_path / "nowhere").exists()


def test_a_url_has_no_index_to_look_after(cli: CommandLine) -> None:
    outcome = cli("store", "check", "s3://bucket/team")
    assert outcome.code == 2
    assert "is a URL: only a folder has an index" in outcome.err
