"""CONTRIBUTING's changes are made as they are written, in a copy of the package, and everything follows.

Each takes as many files as it says. What follows is checked in a process that knows only the copy.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.project import ROOT

import imagegen_nb

DOCUMENT = ROOT / "CONTRIBUTING.md"
PACKAGE = Path(imagegen_nb.__file__).parent

pytestmark = pytest.mark.notebooks  # each starts a process that imports all of a copy


def block(name: str) -> str:
    """The code block below the marker `name`."""
    text = DOCUMENT.read_text(encoding="utf-8")
    (found,) = re.findall(rf"<!-- {name} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    return found


def apply(diff: str, folder: Path) -> None:
    """Make the changes of `diff`; the lines it shows must stand in the file, exactly once."""
    for name, hunks in re.findall(r"^--- (\S+)\n(.*?)(?=^--- |\Z)", diff, re.DOTALL | re.MULTILINE):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for hunk in hunks.split("@@\n")[1:]:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
            assert text.count(before) == 1, f"{name} does not hold these lines once:\n{before}"
            text = text.replace(before, after)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the package."""
    shutil.copytree(PACKAGE, tmp_path / "imagegen_nb", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def changed(copy: Path) -> list[str]:
    """The files of the copy that are new or differ from the package's."""
    files = [path.relative_to(copy / "imagegen_nb") for path in (copy / "imagegen_nb").rglob("*.py")]
    return sorted(
        str(path)
        for path in files
        if not (PACKAGE / path).exists()
        or (PACKAGE / path).read_bytes() != (copy / "imagegen_nb" / path).read_bytes()
    )


CHECKS = """
import json, sys, warnings
from pathlib import Path

import imagegen_nb as ig
from imagegen_nb.emulator import Emulator
from imagegen_nb.providers import catalog
from imagegen_nb.step import codegen, model_table
from imagegen_nb.testing.provider_contract import ProviderContract
from imagegen_nb.widgets.form_state import Draft, FormState

folder, model, key, value, default = sys.argv[1:6]
assert Path(ig.__file__).is_relative_to(folder), ig.__file__
warnings.simplefilter("error")

step = ig.ImageGenerationStep(model=model, prompt="a fox", **({key: value} if key else {}))
schema = json.dumps(ig.ImageGenerationStep.json_schema())
row = {row["model"]: row for row in model_table.model_rows()}[model]
form = FormState.of(Draft.of(step)).fields
paths = {path.path: path.type for path in ig.paths(step)}
assert model in schema
assert model in [option.value for option in form["model"].options]
assert model in codegen.as_python(step)

with Emulator() as emulator:
    with ig.Workspace(Path(folder) / "assets", backend=emulator.url) as workspace:
        run = step.run(workspace=workspace)
        unset = step.replace(**{key: None}).run(workspace=workspace) if key else run
    bodies = [request.body for request in emulator.requests]
    provider = catalog.find(model).provider

    class Contract(ProviderContract):
        pass

    Contract.provider = provider
    Contract.base_url = f"{emulator.url}/{provider.name}/v1"
    failed = []
    for name in dir(Contract):
        if name.startswith("test_"):
            try:
                getattr(Contract(), name)()
            except AssertionError as error:
                failed.append(f"{name}: {error}")

if key:
    assert f'"{key}"' in schema
    assert row["settings"][key]["default"] == default
    assert (form[key].visible, form[key].value) == (True, value)
    assert paths[f"step_1.output.settings.{key}"] == "text"
    assert f"{key}={value!r}" in codegen.as_python(step)
    try:
        step.replace(**{key: "nonsense"})
    except ig.InvalidStep as error:
        assert f"Use {default} or {value}" in str(error), error
    else:
        raise AssertionError("nonsense was taken")
confirmed = {path.path: path.type for path in ig.paths(step, run)}
print(json.dumps({
    "status": run.status,
    "images": run.returned,
    "used": run.output.settings.model_dump(),
    "used when unset": unset.output.settings.model_dump(),
    "warnings": run.warnings,
    "bodies": bodies,
    "paths came true": confirmed == paths,
    "contract": failed,
}))
"""


def check(copy: Path, model: str, key: str = "", value: str = "", default: str = "") -> dict:
    """What holds in a process that has only the copy."""
    import json

    command = [sys.executable, "-c", CHECKS, str(copy), model, key, value, default]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=copy, env=environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_setting_is_added_in_two_files(copy: Path) -> None:
    apply(block("add-a-setting"), copy)
    assert changed(copy) == ["providers/xai.py", "step/step.py"]
    facts = check(copy, "grok-imagine-image", "image_resolution", "2k", "1k")
    common = {"model": "grok-imagine-image", "provider": "xai", "image_count": 1}
    assert facts == {
        "status": "done",
        "images": 1,
        "used": {**common, "image_resolution": "2k"},
        "used when unset": {**common, "image_resolution": "1k"},
        "warnings": [],
        "bodies": [
            {
                "model": "grok-imagine-image",
                "prompt": "a fox",
                "n": 1,
                "response_format": "b64_json",
                "resolution": "2k",
            },
            {"model": "grok-imagine-image", "prompt": "a fox", "n": 1, "response_format": "b64_json"},
        ],
        "paths came true": True,
        "contract": [],
    }


def test_a_setting_that_is_not_sent_is_caught(copy: Path) -> None:
    """The same change without the provider's name for it."""
    diff = block("add-a-setting")
    line = next(line for line in diff.splitlines(keepends=True) if line.startswith("+_WIRE_NAMES"))
    apply(diff.replace(line, "+_WIRE_NAMES: dict[str, str] = {}\n"), copy)
    facts = check(copy, "grok-imagine-image", "image_resolution", "2k", "1k")
    assert facts["used"]["image_resolution"] is facts["used when unset"]["image_resolution"] is None
    assert facts["warnings"] == ["image_resolution = '2k' was not sent: xAI does not read it"]
    assert len(facts["contract"]) == 1
    assert "image_resolution" in facts["contract"][0]


def test_a_model_is_added_in_one_file(copy: Path) -> None:
    apply(block("add-a-model"), copy)
    assert changed(copy) == ["providers/xai.py"]
    facts = check(copy, "grok-imagine-image-2026-03-02")
    assert (facts["status"], facts["images"], facts["paths came true"]) == ("done", 1, True)
    assert facts["bodies"][0]["model"] == "grok-imagine-image-2026-03-02"
    assert facts["contract"] == []


def test_a_provider_is_added_in_one_file(copy: Path) -> None:
    (copy / "imagegen_nb" / "providers" / "swatch.py").write_text(block("add-a-provider"), encoding="utf-8")
    assert changed(copy) == ["providers/swatch.py"]
    facts = check(copy, "swatch-1", "image_background", "blue", "red")
    assert (facts["status"], facts["images"], facts["paths came true"]) == ("done", 1, True)
    assert facts["used"] == {"model": "swatch-1", "image_background": "blue"}
    assert facts["used when unset"] == {"model": "swatch-1", "image_background": "red"}
    assert (facts["warnings"], facts["bodies"], facts["contract"]) == ([], [], [])
