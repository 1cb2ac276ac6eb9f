"""What is imported is declared, what is declared is locked, and the lock names no machine and no index."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.project import PACKAGE, ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PEERS = ROOT / "requirements" / "bench.lock"
"""What the benchmark compares with: as its users get it, so it need not agree with ours."""
OWN = {"benchmarks", "imagegen_nb", "rigs", "support"}


def declared(group: str) -> Iterator[Requirement]:
    """The requirements of a dependency group, with those of the groups it includes."""
    for entry in PYPROJECT["dependency-groups"][group]:
        if isinstance(entry, str):
            yield Requirement(entry)
        else:
            yield from declared(entry["include-group"])


RUNTIME = [Requirement(each) for each in PROJECT["dependencies"]]
EXTRAS = [Requirement(each) for extra in PROJECT["optional-dependencies"].values() for each in extra]
USERS = [each for each in (*RUNTIME, *EXTRAS) if each.name != PROJECT["name"]]
ALL = [*USERS, *declared("dev")]


def pins(path: Path) -> dict[str, list[Requirement]]:
    """The pinned versions of each package in a lock file: several where Pythons differ."""
    found: dict[str, list[Requirement]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "# ":
            pin = Requirement(line.removesuffix("\\").strip())
            found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found


distributions_of_modules = cache(packages_distributions)
DEV = pins(ROOT / "requirements" / "dev.lock")


def imported(source: str) -> Iterator[str]:
    """The top names of what a file imports, in functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def perhaps_imported(source: str) -> set[str]:
    """All that `imported` finds, one statement a line, and some words of prose. Parsing takes far longer."""
    statements = re.findall(r"^[ \t]*(import|from)[ \t]+([^\n]+)", source, re.MULTILINE)
    modules = [
        each for word, rest in statements for each in (rest.split(",") if word == "import" else [rest])
    ]
    return {module.strip().partition(" ")[0].partition(".")[0] for module in modules} - {""}


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        (PACKAGE, USERS),
        (ROOT / "tests", ALL),
        (ROOT / "docs", ALL),
        (ROOT / "benchmarks", [*ALL, *declared("bench")]),
    ],
    ids=["imagegen_nb", "tests", "docs", "benchmarks"],
)
def test_what_is_imported_is_declared(folder: Path, allowed: list[Requirement]) -> None:
    names = {canonicalize_name(each.name) for each in allowed}

    def undeclared(modules: Iterable[str]) -> set[str]:
        found = set(modules) - set(sys.stdlib_module_names) - OWN
        # What is not installed here, as flip_evaluator on Python 3.14, is taken by its own name.
        of_modules = {module: distributions_of_modules().get(module, [module]) for module in found}
        return {
            module for module, each in of_modules.items() if names.isdisjoint(map(canonicalize_name, each))
        }

    sources = [path.read_text(encoding="utf-8") for path in folder.rglob("*.py")]
    assert sources
    doubtful = [source for source in sources if undeclared(perhaps_imported(source))]
    assert undeclared(name for source in doubtful for name in imported(source)) == set()


@pytest.mark.parametrize("wanted", ALL, ids=str)
def test_what_is_declared_is_locked_in_a_version_that_is_allowed(wanted: Requirement) -> None:
    locked = DEV[canonicalize_name(wanted.name)]
    assert all(wanted.specifier.contains(_version(pin)) for pin in locked)


@pytest.mark.parametrize("wanted", [*declared("bench")], ids=str)
def test_what_the_benchmark_compares_with_is_locked_in_a_version_that_is_allowed(wanted: Requirement) -> None:
    locked = pins(PEERS)[canonicalize_name(wanted.name)]
    assert all(wanted.specifier.contains(_version(pin)) for pin in locked)


@pytest.mark.parametrize("path", [path for path in LOCKS if path != PEERS], ids=lambda path: path.stem)
def test_the_smaller_locks_agree_with_the_larger(path: Path) -> None:
    assert len(LOCKS) == 5
    for name, locked in pins(path).items():
        assert {_version(pin) for pin in locked} == {_version(pin) for pin in DEV[name]}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_a_lock_pins_by_hash_and_names_no_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text)[1:]
    assert len(entries) == sum(map(len, pins(path).values()))
    assert all(re.search(r"^    --hash=sha256:[0-9a-f]{64}", entry, re.MULTILINE) for entry in entries)
    assert re.findall(r"://|\s/|^--|\bfile:|-index|find-links", text, re.MULTILINE) == []


def test_the_pythons_that_are_classified_are_those_that_ci_tries() -> None:
    prefix = "Programming Language :: Python :: 3."
    classified = {
        f"3.{each.removeprefix(prefix)}" for each in PROJECT["classifiers"] if each.startswith(prefix)
    }
    tried = set(re.findall(r'python: "(3\.\d+)"', (ROOT / ".github/workflows/ci.yml").read_text()))
    assert classified == tried | {"3.11"}
    assert PROJECT["requires-python"] == ">=3.11"


def workflow(name: str) -> Any:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_a_workflow_pins_its_actions_by_hash_and_may_only_read(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", each)] == []
    assert len(set(used)) == len({each.partition("@")[0] for each in used})  # one version of each
    assert workflow(name)["permissions"] == {"contents": "read"}
    verbs = set(re.findall(r"run: \./dev ([a-z]+)", text))
    assert verbs <= set(re.findall(r"^#   \./dev ([a-z]+)", (ROOT / "dev").read_text(), re.MULTILINE))


def test_a_release_is_tried_on_every_python_before_it_is_attested_and_published() -> None:
    jobs = workflow("release.yml")["jobs"]
    of_workflows = set(re.findall(r'"(3\.\d+)"', (ROOT / ".github/workflows/ci.yml").read_text()))
    for name in ("wheel", "newest"):
        assert set(jobs[name]["strategy"]["matrix"]["python"]) == of_workflows
    assert jobs["wheel"]["steps"][-1]["run"].startswith("./dev wheel --built ")
    assert jobs["attest"]["needs"] == ["wheel", "newest"]
    assert jobs["publish"]["needs"] == "attest"
    writing = {name for name, job in jobs.items() if "write" in job.get("permissions", {}).values()}
    assert writing == {"attest", "publish"}


def _version(pin: Requirement) -> Any:
    (specifier,) = pin.specifier
    assert specifier.operator == "=="
    return specifier.version
