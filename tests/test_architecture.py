"""The house holds the code to its floors: no cycles, imports only downwards, small files, all typed."""

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
LONGEST_FILE = 300
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
    package = [PACKAGE, *PurePosixPath(file).parent.parts]
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            modules = [
                f"{base}.{alias.name}" if file_of(f"{base}.{alias.name}") else base for alias in node.names
            ]
        else:
            continue
        yield from filter(None, map(file_of, modules))


GRAPH = {file: sorted(set(imported_by(file))) for file in FILES}


# Floors


def expanded(pattern: str) -> list[str]:
    """`a/{b,c}.py` as its files."""
    found = re.fullmatch(r"(.*)\{([^}]*)\}(.*)", pattern)
    return [f"{found[1]}{name}{found[3]}" for name in found[2].split(",")] if found else [pattern]


def floors() -> dict[str, int]:
    """The floor of each file, or folder (ending in a slash), from the table in the document."""
    rows = re.findall(r"^\|\s*(\d+)\s*\|([^|]*)\|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        name: int(floor)
        for floor, cell in rows
        for pattern in re.findall(r"`([^`]+)`", cell)
        for name in expanded(pattern)
    }


def place(file: str, table: dict[str, int]) -> str | None:
    """The row entry that covers `file`."""
    return next(
        (name for name in table if name == file or (name.endswith("/") and file.startswith(name))), None
    )


def beside(file: str) -> bool:
    return file.startswith("emulator/")


needs_document = pytest.mark.skipif(not DOCUMENT.exists(), reason="docs/architecture.md is not written yet")


def test_there_are_no_import_cycles():
    assert list(graphlib.TopologicalSorter(GRAPH).static_order())


@needs_document
def test_every_file_stands_on_a_floor_and_every_row_names_a_file():
    table = floors()
    assert len(set(table.values())) > 3
    assert [file for file in FILES if not beside(file) and place(file, table) is None] == []
    assert [name for name in table if not any(file.startswith(name) for file in FILES)] == []


@needs_document
def test_files_import_only_from_lower_floors():
    table = floors()
    upwards = []
    for file, targets in GRAPH.items():
        here = place(file, table)
        for target in targets:
            there = place(target, table)
            same_folder = here == there and (here or "").endswith("/")
            if beside(file) or beside(target) or same_folder or here is None or there is None:
                continue
            if table[there] >= table[here]:
                upwards.append(f"{file} ({table[here]}) imports {target} ({table[there]})")
    assert upwards == []


def test_plug_ins_of_one_folder_never_import_each_other():
    plug_ins = {f"{folder}/{name}.py" for folder, names in PLUG_INS.items() for name in names}
    assert plug_ins <= set(FILES)
    assert [(file, target) for file in plug_ins for target in GRAPH[file] if target in plug_ins] == []


PLUG_INS = {"providers": ("openai", "xai", "gemini"), "store": ("local",)}


def test_the_emulator_imports_nothing_else_of_the_package():
    inside = [file for file in FILES if beside(file)]
    assert inside
    assert [(file, target) for file in inside for target in GRAPH[file] if not beside(target)] == []


def test_only_faces_and_the_workspace_know_the_emulator():
    outside = {file for file in FILES if not beside(file) for target in GRAPH[file] if beside(target)}
    assert outside <= {"workspace.py"} | {file for file in FILES if file.startswith("cli/")}


def test_sdks_are_imported_only_inside_their_plug_ins():
    homes = {
        "openai": {"providers/openai.py"},
        "google": {"providers/gemini.py", "credentials.py"},
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


@pytest.mark.parametrize("file", FILES)
def test_no_file_is_too_long(file):
    assert len((ROOT / file).read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_half_the_files_are_short():
    lengths = sorted(len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in FILES)
    assert lengths[len(lengths) // 2] <= 120


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
