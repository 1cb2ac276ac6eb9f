"""`imagegen-nb validate`."""

from __future__ import annotations

import json
from pathlib import Path

from support.command_line import CommandLine


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
        "error": "step.image_count: not in its range. Use a whole number from 1 to 10",
    }
