"""The security page names tests that there are, and every rig."""

from __future__ import annotations

import re

from support.project import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(tests/[^`\s]+\.py)`", PAGE))


def test_every_test_it_names_exists():
    assert len(NAMED) > 20
    assert [name for name in sorted(NAMED) if not (ROOT / name).is_file()] == []


def test_every_rig_against_hostile_input_is_named():
    rigs = {f"tests/rigs/{path.name}" for path in (ROOT / "tests" / "rigs").glob("test_*.py")}
    of_something_else = {"tests/rigs/test_rigs.py", "tests/rigs/test_virtual_time.py"}
    assert rigs - NAMED - of_something_else == set()


def test_every_promise_names_its_test():
    rows = [
        line
        for line in PAGE.partition("## Figures")[0].splitlines()
        if line.startswith("|") and "---" not in line
    ]
    promises = [row for row in rows if "held by" not in row][5:]
    assert promises
    assert [row for row in promises if "`tests/" not in row] == []
