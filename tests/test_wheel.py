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
