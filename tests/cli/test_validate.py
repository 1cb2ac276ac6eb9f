"""`imagegen-nb validate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.images import picture
from support.ledger import made

from imagegen_nb.store.local import LocalStore

SIGNED = Path(__file__).parents[1] / "support" / "signed_images"


def test_validate_tells_good_from_bad(cli: CommandLine, file: str, tmp_path: Path) -> None:
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
        "error": "step.image_count: not in its range (11). Use a whole number from 1 to 10",
    }


def test_a_variable_that_is_not_closed_is_told_before_a_run(
    cli: CommandLine, file: str, tmp_path: Path
) -> None:
    document = json.loads((tmp_path / file).read_text())
    document["step"]["prompt"] = "A lamp for {{room"
    (tmp_path / "bad.json").write_text(json.dumps(document))
    (told,) = cli("validate", "bad.json", "--json").json()
    assert (told["valid"], told["place"]) == (False, "step.prompt")
    assert told["error"].startswith(
        "step.prompt: holds a variable that is not closed. Write {{room}}; braces"
    )
    for command in ("validate", "estimate", "run"):
        outcome = cli(command, "bad.json")
        assert outcome.code == 2
        assert "holds a variable that is not closed. Write {{room}}" in outcome.err + outcome.out
    assert not (tmp_path / "assets").exists()


def test_images_are_checked_by_the_step_they_hold(cli: CommandLine, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "assets")
    made(store, picture()).save(tmp_path / "told.png", embed=True)
    made(store, (SIGNED / "signed.jpg").read_bytes()).save(tmp_path / "signed.jpg", embed=True)
    store.close()
    told = cli("validate", "told.png", "signed.jpg")
    assert told.code == 0
    assert "valid told.png: gpt-image-2, variables: product\n" in told.out
    assert (
        "signed.jpg: gpt-image-2, variables: product, content credentials: present, not verified" in told.out
    )
    (tmp_path / "signed.jpg.step.json").unlink()
    (tmp_path / "plain.png").write_bytes(picture())
    outcome = cli("validate", "plain.png", "signed.jpg", "absent.png", "--json")
    assert outcome.code == 2
    plain, signed, absent = outcome.json()
    assert "does not name the step" in plain["error"]
    assert "content_credentials" not in plain
    assert (signed["valid"], signed["content_credentials"]) == (False, "present, not verified")
    assert "there is no file" in absent["error"]


def test_credentials_are_verified_where_that_is_asked(cli: CommandLine, tmp_path: Path) -> None:
    pytest.importorskip("c2pa")
    store = LocalStore(tmp_path / "assets")
    made(store, (SIGNED / "signed.jpg").read_bytes()).save(tmp_path / "signed.jpg", embed=True)
    store.close()
    told = cli("validate", "--verify", "signed.jpg")
    assert (
        "content credentials: intact; its signer is on none of the trust lists used here; signer: Signer, T"
        in told.out
    )


def test_each_problem_of_a_file_is_told_with_its_name(cli: CommandLine, tmp_path: Path) -> None:
    step = {"prompt": "x", "image_count": 99, "image_quality": "best"}
    document = {"format": "imagegen-nb/step", "version": 2, "step": step}
    (tmp_path / "two.json").write_text(json.dumps(document))
    lines = cli("validate", "two.json").err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("error: two.json: step.image_") for line in lines)
