"""Holds the code to its layers: no cycles, imports only downwards, short functions, everything typed."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

import imagegen_nb

PACKAGE = "imagegen_nb"
ROOT = Path(imagegen_nb.__file__).parent
DOCUMENT = ROOT.parent / "docs" / "architecture.md"
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
LONGEST_FUNCTION = 60


@functools.cache
def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def file_of(module: str) -> str | None:
    """The file that holds a module of the package, None for everything else."""
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return None
    path = "/".join(parts[1:])
    return next((name for name in (f"{path}.py", f"{path}/__init__.py".lstrip("/")) if name in FILES), None)


def imported_by(file: str) -> Iterator[str]:
    """The package's own files that `file` imports, anywhere in it: in functions and for typing too."""
    for node in ast.walk(parsed(file)):
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


GRAPH = {file: sorted(set(imported_by(file))) for file in FILES}


# Layers

ROOT_FILES = {"__init__.py", "_version.py", "errors.py"}
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
    assert list(graphlib.TopologicalSorter(GRAPH).static_order())


def test_the_root_holds_only_what_all_share():
    assert {file for file in FILES if "/" not in file} == ROOT_FILES


@needs_document
def test_the_table_names_every_package():
    assert set(layers()) == {package_of(file) for file in FILES} - {"", BESIDE}


@needs_document
def test_packages_import_only_from_lower_layers():
    table = layers()
    upwards = []
    for file, targets in GRAPH.items():
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
    assert [(file, target) for file in plug_ins for target in GRAPH[file] if target in plug_ins] == []


PLUG_INS = {"providers": ("openai", "xai", "gemini"), "store": ("local",)}


def test_the_emulator_imports_nothing_else_of_the_package():
    inside = [file for file in FILES if package_of(file) == BESIDE]
    assert inside
    assert [(file, target) for file in inside for target in GRAPH[file] if package_of(target) != BESIDE] == []


def test_only_faces_and_the_workspace_know_the_emulator():
    outside = {
        file
        for file in FILES
        if package_of(file) != BESIDE
        for target in GRAPH[file]
        if package_of(target) == BESIDE
    }
    assert outside <= {"runs/workspace.py"} | {file for file in FILES if file.startswith("cli/")}


def test_sdks_are_imported_only_inside_their_plug_ins():
    homes = {
        "openai": {"providers/openai.py"},
        "google": {"providers/gemini.py", "providers/credentials.py"},
        "ipywidgets": {file for file in FILES if file.startswith("widgets/")},
    }
    strangers = []
    for file in FILES:
        for node in ast.walk(parsed(file)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            strangers += [
                (file, name)
                for name in names
                if name.split(".")[0] in homes and file not in homes[name.split(".")[0]]
            ]
    assert strangers == []


# Size and types


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for file in FILES:
        for node in ast.walk(parsed(file)):
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
