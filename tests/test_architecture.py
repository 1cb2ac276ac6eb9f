"""Holds the code to its layers: no cycles, imports only downwards, short functions, types; tests to it."""

from __future__ import annotations

import ast
import functools
import graphlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from support import project

import imagegen_nb

PACKAGE = "imagegen_nb"
ROOT = Path(imagegen_nb.__file__).parent
DOCUMENT = project.ROOT / "docs" / "architecture.md"
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
KNOWN = frozenset(FILES)
LONGEST_FUNCTION = 60


@functools.cache
def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


@functools.cache
def imports_and_functions(file: str) -> list[ast.AST]:
    """All of them in the file, however deep; walking through every file takes as long as parsing them."""
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef
    return [node for node in ast.walk(parsed(file)) if isinstance(node, kinds)]


@functools.cache
def file_of(module: str) -> str | None:
    """The file that holds a module of the package, None for everything else."""
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return None
    path = "/".join(parts[1:])
    return next((name for name in (f"{path}.py", f"{path}/__init__.py".lstrip("/")) if name in KNOWN), None)


def imported_by(file: str) -> Iterator[str]:
    """The package's own files that `file` imports, anywhere in it: in functions and for typing too."""
    for node in imports_and_functions(file):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from targets_of(file, node)


def targets_of(file: str, node: ast.Import | ast.ImportFrom) -> list[str]:
    """The package's own files that one import statement names."""
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    else:
        package = [PACKAGE, *PurePosixPath(file).parent.parts]
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        modules = [
            f"{base}.{alias.name}" if file_of(f"{base}.{alias.name}") else base for alias in node.names
        ]
    return [target for target in map(file_of, modules) if target is not None]


@functools.cache
def import_graph() -> dict[str, list[str]]:
    """For each file, the package's own files that it imports."""
    return {file: sorted(set(imported_by(file))) for file in FILES}


# Layers

ROOT_FILES = {"__init__.py", "__main__.py", "_version.py", "errors.py"}
BESIDE = "emulator"


def layers() -> dict[str, int]:
    """The layer of each package, from the table in the document."""
    rows = re.findall(r"^\|\s*(\d+)\s*\|\s*`(\w+)`\s*\|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {package: int(layer) for layer, package in rows}


def package_of(file: str) -> str:
    """The package a file lies in, empty for the root's own files."""
    return PurePosixPath(file).parts[0] if "/" in file else ""


needs_document = pytest.mark.skipif(not DOCUMENT.exists(), reason="docs/architecture.md is not installed")


def test_there_are_no_import_cycles():
    assert list(graphlib.TopologicalSorter(import_graph()).static_order())


def test_the_root_holds_only_what_all_share():
    assert {file for file in FILES if "/" not in file} == ROOT_FILES


@needs_document
def test_the_table_names_every_package():
    assert set(layers()) == {package_of(file) for file in FILES} - {"", BESIDE}


@needs_document
def test_packages_import_only_from_lower_layers():
    table = layers()
    upwards = []
    for file, targets in import_graph().items():
        for target in targets:
            importing, imported = package_of(file), package_of(target)
            if importing in ("", BESIDE) or imported in ("", BESIDE, importing):
                continue
            if table[imported] >= table[importing]:
                upwards.append(f"{file} imports {target}")
    assert upwards == []


def test_the_roots_own_files_import_nothing_but_each_other_until_a_name_is_asked_for():
    allowed = {"__init__.py": {"_version.py"}, "errors.py": set(), "_version.py": set()}
    for file, expected in allowed.items():
        loaded = {
            target
            for node in parsed(file).body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for target in targets_of(file, node)
        }
        assert loaded == expected


def test_plug_ins_of_one_folder_never_import_each_other():
    plug_ins = {f"{folder}/{name}.py" for folder, names in PLUG_INS.items() for name in names}
    assert plug_ins <= set(FILES)
    assert [
        (file, target) for file in plug_ins for target in import_graph()[file] if target in plug_ins
    ] == []


PLUG_INS = {"providers": ("openai", "xai", "gemini"), "store": ("local",)}


def test_the_emulator_imports_nothing_else_of_the_package():
    inside = [file for file in FILES if package_of(file) == BESIDE]
    assert inside
    assert [
        (file, target) for file in inside for target in import_graph()[file] if package_of(target) != BESIDE
    ] == []


def test_only_faces_the_workspace_and_the_platforms_client_know_the_emulator():
    outside = {
        file
        for file in FILES
        if package_of(file) != BESIDE
        for target in import_graph()[file]
        if package_of(target) == BESIDE
    }
    faces = {file for file in FILES if file.startswith("cli/")}
    assert outside <= {"runs/workspace.py", "platform/client.py"} | faces


def test_sdks_are_imported_only_inside_their_plug_ins():
    homes = {
        "openai": {"providers/openai.py"},
        "google": {
            "providers/gemini.py",
            "providers/credentials.py",
            "providers/http/google_tokens.py",
        },
        "ipywidgets": {file for file in FILES if file.startswith("widgets/")},
        "vcr": {"replay/vcr_adapter.py"},
        "yaml": {"replay/cassette_yaml.py"},
    }
    strangers = []
    for file in FILES:
        for node in imports_and_functions(file):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            strangers += [
                (file, name)
                for name in names
                if name.split(".")[0] in homes and file not in homes[name.split(".")[0]]
            ]
    assert strangers == []


# Imports


def modules_loaded_by(module: str, *, after: str = "") -> tuple[set[str], set[str]]:
    """The package's modules and the third-party packages that importing `module` brings into a new process.

    What importing `after` has brought in already does not count.
    """
    program = (
        f"import json, sys{f', {after}' if after else ''}\n"
        "before = set(sys.modules)\n"
        f"import {module}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    own = {name for name in loaded if name.split(".")[0] == PACKAGE}
    third_party = {name.split(".")[0] for name in loaded - own} - sys.stdlib_module_names
    return own, {name for name in third_party if not name.startswith("_")}


def with_parents(*names: str) -> set[str]:
    """Modules by their names below the package, and all that importing them loads without their own doing."""
    parts = [[PACKAGE, *name.split(".")] for name in names]
    return {
        f"{PACKAGE}._version",
        *(".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)),
    }


SUBPACKAGES = sorted(
    PurePosixPath(file).parent.as_posix().replace("/", ".") for file in FILES if file.endswith("/__init__.py")
)
EAGER = {
    "cli": "it is the program's entry: the commands' names, and what errors are printed with",
    "emulator": "its public classes are annotations of others, and light",
}
"""Packages whose `__init__` imports modules of the package, and why."""


@pytest.mark.parametrize("package", [name for name in SUBPACKAGES if name.split(".")[0] not in EAGER])
def test_importing_a_package_imports_nothing_else(package):
    """Importing any module imports its parents first: what their `__init__` loads, everybody pays for."""
    assert modules_loaded_by(f"{PACKAGE}.{package}") == (with_parents(package), set())


def test_importing_the_root_imports_only_the_version():
    assert modules_loaded_by(PACKAGE) == ({PACKAGE, f"{PACKAGE}._version"}, set())


def test_importing_the_emulator_loads_neither_a_web_framework_nor_an_imaging_library():
    own, third_party = modules_loaded_by(f"{PACKAGE}.{BESIDE}")
    assert {name for name in own if not name.startswith(f"{PACKAGE}.{BESIDE}")} == {
        PACKAGE,
        f"{PACKAGE}._version",
    }
    assert third_party == set()


@pytest.mark.notebooks
def test_importing_the_command_line_imports_no_command():
    own, third_party = modules_loaded_by(f"{PACKAGE}.cli")
    assert own == with_parents("cli.app", "cli.console", "cli.examples", "errors")
    assert third_party == {"click"}


SLOW = frozenset(
    ("openai", "google", "httpx2", "PIL", "ipywidgets", "IPython", "vcr", "yaml", "starlette", "uvicorn")
)
"""What no command loads that only reads and prints."""


@pytest.mark.notebooks
@pytest.mark.parametrize(
    ("arguments", "packages", "missing"),
    [
        (("--help",), {"cli", "core"}, {"rich", "pydantic", "asyncio", "importlib.metadata", "typer"}),
        (
            ("models",),
            {"cli", "core", "providers", "step"},
            {"rich.progress", "rich.markdown", "pydantic", "asyncio", "email"},
        ),
        (
            ("validate", "a.step.json"),
            {"cli", "core", "providers", "step", "step_file", "store"},
            {"rich.table", "rich.progress", "rich.markdown"},
        ),
    ],
)
def test_a_command_loads_no_more_than_its_own_part(tmp_path, arguments, packages, missing):
    (tmp_path / "a.step.json").write_text('{"prompt": "A glass of water"}', encoding="utf-8")
    program = (
        f"import sys, {PACKAGE}.cli\n"
        "try:\n"
        f"    {PACKAGE}.cli.main()\n"
        "finally:\n"
        "    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    own = {name.split(".")[1] for name in loaded if name.startswith(f"{PACKAGE}.")}
    assert own - {"_version", "errors"} == packages
    assert loaded & (missing | SLOW) == set()


@pytest.mark.notebooks
def test_making_a_workspace_loads_nothing_that_only_runs_need(tmp_path):
    program = (
        f"import sys, {PACKAGE} as ig\n"
        "ig.ImageGenerationStep(prompt='a fox')\n"
        "ig.Workspace('assets')\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    runs = {
        f"{PACKAGE}.{name}" for name in ("runs.runner", "runs.history", "step.output", "pricing.estimate")
    }
    assert loaded & {*runs, "asyncio", "ssl", "pydantic.networks", *SLOW} == set()


LEAVES = {
    "core.active_cassette": (
        {"core.active_cassette", "core.ancestors", "core.types", "errors"},
        set(),
    ),
    "replay.network_block": ({"replay.network_block", "errors"}, set()),
    "replay.paths": ({"replay.paths", "core.filenames", "errors"}, set()),
    "store.base": (
        {"store.base", "core.atomic_files", "core.error_chain", "core.money", "core.open_files"}
        | {"core.opinions", "core.timestamps", "errors"},
        set(),
    ),
}


@pytest.mark.parametrize("module", LEAVES)
def test_importing_a_leaf_imports_what_it_needs_and_nothing_else(module):
    """`replay.network_block` is imported in every kernel under test, `core.active_cassette` by every run."""
    own, third_party = LEAVES[module]
    assert modules_loaded_by(f"{PACKAGE}.{module}") == (with_parents(*own), third_party)


@pytest.mark.notebooks
def test_the_pytest_plugin_costs_next_to_nothing_in_sessions_that_do_not_use_it():
    own, third_party = modules_loaded_by(f"{PACKAGE}.testing.plugin", after="pytest")
    needed = {"testing.plugin", "testing.baselines", "errors"}
    needed |= {
        "core.atomic_files",
        "core.error_chain",
        "core.open_files",
        "core.images",
        "core.image_metadata",
        "core.png_proof",
        "core.received_file",
        "core.content_credentials",
        "core.image_file_parts",
        "core.png_text",
        "core.xmp",
    }
    assert (own, third_party) == (with_parents(*needed), set())


# Size and types


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for file in FILES:
        for node in imports_and_functions(file):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{file}:{node.lineno} {node.name}", node


def test_no_function_is_too_long():
    lengths = {name: (node.end_lineno or 0) - node.lineno + 1 for name, node in functions()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_everything_is_annotated():
    bare = []
    for name, node in functions():
        given = node.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        if arguments and arguments[0] is not None and arguments[0].arg in ("self", "cls"):
            arguments = arguments[1:]
        missing = [argument.arg for argument in arguments if argument and argument.annotation is None]
        if missing or node.returns is None:
            bare.append((name, missing))
    assert bare == []


@pytest.mark.parametrize("file", FILES)
def test_every_file_says_why_it_exists(file):
    assert ast.get_docstring(parsed(file)) or not parsed(file).body or file == "_version.py"


def test_the_package_is_marked_as_typed():
    assert (ROOT / "py.typed").exists()


# Tests

TESTS = Path(__file__).parent
TEST_FILES = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py"))
OF_THE_WHOLE = ("browser", "rigs")
"""Folders of tests that go through the whole, as do the files beside this one."""
ACROSS_A_PACKAGE = {
    "judges/test_recorded.py",
    "cli/test_main.py",
    "providers/test_contract.py",
    "providers/test_faults.py",
    "providers/test_recorded_contract.py",
    "providers/test_odd_answers.py",
    "providers/test_recordings.py",
    "replay/test_no_route.py",
    "runs/test_kernel.py",
}
"""Tests of what no single module of their package does; each says in its docstring what that is."""


def mirrors_a_module(file: str) -> bool:
    """Whether `a/test_b.py` stands beside `a/b.py` or `a/b/`; `b/test_b.py` may test the package `b`."""
    path = PurePosixPath(file)
    name = path.stem.removeprefix("test_")
    module = ROOT / path.parent / name
    return module.with_suffix(".py").exists() or module.is_dir() or name in (path.parent.name, "init")


def test_each_test_file_stands_beside_what_it_tests():
    inside = {file for file in TEST_FILES if "/" in file and not file.startswith(OF_THE_WHOLE)}
    assert {file for file in inside if not mirrors_a_module(file)} == ACROSS_A_PACKAGE


@pytest.mark.parametrize("file", sorted(ACROSS_A_PACKAGE))
def test_tests_across_a_package_say_what_of(file):
    assert ast.get_docstring(ast.parse((TESTS / file).read_text(encoding="utf-8")))
