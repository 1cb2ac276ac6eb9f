"""What is released: the wheel is whole, and the list of its dependencies is the lock's.

The short form of `./dev wheel`, which installs the wheel on each Python.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.project import ROOT

import imagegen_nb

TRIED = os.environ.get("IMAGEGEN_NB_TRIED_WHEEL")
"""Set by `./dev wheel`: the wheel that these tests run against."""
in_checkout = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only git knows the package's files")


def script(name: str) -> Any:
    """A program of `.ci` as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(TRIED is None, reason="these tests are of a checkout, not of an installed wheel")
def test_it_is_the_installed_package_that_is_tested() -> None:
    installed = Path(imagegen_nb.__file__).parent
    assert installed == Path(sysconfig.get_path("purelib"), "imagegen_nb")
    assert not (ROOT / "imagegen_nb").exists()
    with zipfile.ZipFile(str(TRIED)) as archive:
        files = [name for name in archive.namelist() if name.startswith("imagegen_nb/")]
    assert all((installed.parent / name).is_file() for name in files)


@in_checkout
@pytest.mark.notebooks
def test_the_wheel_is_whole_and_the_same_out_of_the_sdist(tmp_path: Path) -> None:
    wheel = script("wheel")
    sdist, built = wheel.build(tmp_path / "dist", ROOT, "--sdist", "--wheel")
    (again,) = wheel.build(tmp_path / "again", sdist, "--wheel")
    assert list(wheel.problems(built, again)) == []
    missing = "imagegen_nb/py.typed"
    lacking = tmp_path / built.name
    with zipfile.ZipFile(built) as whole, zipfile.ZipFile(lacking, "w") as archive:
        for name in set(whole.namelist()) - {missing}:
            archive.writestr(name, whole.read(name))
    assert list(wheel.problems(lacking, again)) == [
        f"{missing} differs between the checkout's wheel and the sdist's",
        f"{missing} is not in the wheel",
    ]


def test_an_interpreter_is_found_by_version_or_path_or_not_at_all() -> None:
    wheel = script("wheel")
    assert wheel.find_python(sys.executable) == sys.executable
    assert wheel.find_python("2.1") is None


@pytest.mark.notebooks
def test_a_failing_suite_names_its_tests_and_runs_the_rest(tmp_path: Path) -> None:
    wheel = script("wheel")
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name")
    (tmp_path / "test_good.py").write_text("def test_good(): pass")
    (tmp_path / "test_some.py").write_text(
        "import os, pytest\n"
        "@pytest.fixture\ndef broken(): raise ValueError\n"
        "@pytest.mark.parametrize('what', ['a b'])\ndef test_fails(what): assert False, 'for a reason'\n"
        "def test_errs(broken): pass\n"
    )
    log = tmp_path / "3.99.log"
    here = wheel.Environment(Path(sys.prefix), log)
    runs = [["test_some.py", "test_good.py"], ["test_broken.py"]]
    with pytest.raises(wheel.CommandFailed) as failure:
        wheel.run_tests(here, tmp_path, runs)
    message, _, names = str(failure.value).partition("tests that failed (")
    summary, *named = names.splitlines()
    assert summary == "1 failed, 1 passed, 1 error; 1 error):"
    # Two processes run them, in any order.
    assert sorted(named) == ["test_broken.py", "test_some.py::test_errs", "test_some.py::test_fails[a b]"]
    assert "for a reason" in message
    assert log.read_text().count("$ ") == len(runs)


def test_a_run_that_broke_off_has_named_what_failed() -> None:
    begun = "[gw0] [  3%] PASSED tests/a.py::test_a \n[gw1] [  4%] FAILED tests/a.py::test_b[x y] \n[gw0] ["
    (found,) = script("wheel").NAMED.finditer(begun)
    assert found["ran"] == "tests/a.py::test_b[x y]"


@pytest.mark.skipif(TRIED is not None, reason="the list is made in a checkout")
def test_the_bill_of_materials_is_valid_and_lists_what_the_lock_lists(tmp_path: Path) -> None:
    path = script("sbom").write(tmp_path / "dist")
    assert path.name == f"imagegen_nb-{imagegen_nb.__version__}.cdx.json"
    text = path.read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    listed = json.loads(text)
    about = listed["metadata"]["component"]
    assert (about["name"], about["version"]) == ("imagegen-nb", imagegen_nb.__version__)
    lock = (ROOT / "requirements" / "extras.lock").read_text(encoding="utf-8")
    pins = [Requirement(line.removesuffix("\\").strip()) for line in lock.splitlines() if line[:1].isalnum()]
    wanted = sorted((canonicalize_name(pin.name), str(pin.specifier)) for pin in pins)
    components = listed["components"]
    assert sorted((canonicalize_name(each["name"]), f"=={each['version']}") for each in components) == wanted
    hashes = set(re.findall(r"sha256:([0-9a-f]{64})", lock))
    assert hashes == {
        each["content"]
        for component in components
        for reference in component["externalReferences"]
        for each in reference["hashes"]
    }
    shutil.copy(path, tmp_path / "before.json")
    assert script("sbom").write(tmp_path / "dist").read_bytes() == (tmp_path / "before.json").read_bytes()
