"""Records a notebook: executed once with its calls recorded, written, and then proven by a replay."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from imagegen_nb.core import redaction
from imagegen_nb.core.atomic_files import explain, user_path, write_durably
from imagegen_nb.core.types import Usage
from imagegen_nb.errors import InvalidOption, ReplayError
from imagegen_nb.notebooks import diff
from imagegen_nb.notebooks.execute import execute, parse, text_of
from imagegen_nb.providers import catalog
from imagegen_nb.replay import cassette_file, environment, paths, usage
from imagegen_nb.replay.paths import folder_of
from imagegen_nb.replay.recording import Recording
from imagegen_nb.replay.writer import no_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A notebook with its cassette. `size` counts the bytes of the cassette's `files`; `differences` say
    where its replay showed something else, and are empty for a notebook that is a test."""

    notebook: Path
    folder: Path
    against: Literal["live", "emulator"]
    calls: int
    files: int
    size: int
    usage: Usage
    differences: tuple[str, ...]


def record(
    notebook: Path,
    against: Literal["live", "emulator"],
    *,
    name: str | None = None,
    timeout: float = 600,
    tell: Callable[[str], object] = lambda words: None,
) -> Recorded:
    """Execute `notebook`, record its calls in the cassette `name` (its own by default), and write its
    outputs.

    The old cassette and the old outputs are replaced together, once all has been recorded. `timeout`
    bounds each cell, in seconds; `tell` hears what is going on. Raises `InvalidOption` or
    `ReplayError`, with nothing changed.
    """
    notebook = user_path(notebook, InvalidOption).absolute()
    document = parse(_text(notebook))
    target = folder_of(name or paths.of_notebook(notebook).name, notebook.parent)
    shown = _shown(notebook, target.parent.parent)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".recording-", dir=target.parent) as made:
        fresh = Path(made) / target.name
        told = environment.environment_for(fresh, mode="all", against=against, notebook=shown)
        if against == "emulator":  # a notebook that looks for its key finds one, as it does in a replay
            absent = {name: key for name, key in no_keys().items() if not os.environ.get(name)}
            told = {**told, **absent}
        tell(f"recording {notebook.name} against the {against} …".replace("the live", "live providers"))
        _run(document, notebook, told, timeout)
        recordings = _checked(fresh)
        text = text_of(document)
        if kind := redaction.find(text, catalog.keys_in_use()):
            raise ReplayError(f"the outputs of {notebook.name} hold {kind}: nothing was kept. Show no keys")
        _put_in_place(fresh, target, notebook, text)
    tell("replaying it …")
    return Recorded(
        notebook=notebook,
        folder=target,
        against=against,
        calls=len(recordings),
        files=sum(1 for _ in _files(target)),
        size=sum(path.stat().st_size for path in _files(target)),
        usage=usage.usage_of(recordings),
        differences=tuple(_proven(document, notebook, target, timeout)),
    )


def _text(notebook: Path) -> str:
    try:
        return notebook.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        reason = "it is not text"
    except OSError as error:
        reason = explain(error)
    raise InvalidOption(f"{notebook.name} cannot be read: {reason}")


def _shown(notebook: Path, project: Path) -> str:
    """The notebook as one names it from the project's folder: no path of this machine is written down."""
    return notebook.relative_to(project).as_posix() if notebook.is_relative_to(project) else notebook.name


def _run(document: Any, notebook: Path, told: Any, timeout: float) -> None:
    for cell in (cell for cell in document.cells if cell.cell_type == "code"):
        cell.outputs, cell.execution_count = [], None
    if failed := execute(document, notebook.parent, timeout=timeout, environment=told):
        raise ReplayError(
            f"{notebook.name} stopped, so nothing was kept: {redaction.redact(failed, catalog.keys_in_use())}"
        )


def _checked(fresh: Path) -> list[Recording]:
    if not cassette_file.exists(fresh):
        raise ReplayError("the notebook made no call, so there is nothing to record")
    about, recordings = cassette_file.read(fresh)
    if about.refused:
        places = "".join(f"\n  {place}" for place in about.refused)
        raise ReplayError(f"not all calls could be recorded, so nothing was kept:{places}")
    return recordings


def _put_in_place(fresh: Path, target: Path, notebook: Path, text: str) -> None:
    try:
        _swap(fresh, target)
        write_durably(notebook, text.encode())
    except OSError as error:
        reason = explain(error)
    else:
        return
    raise ReplayError(f"{target.name} or {notebook.name} could not be written: {reason}")


def _swap(fresh: Path, target: Path) -> None:
    """Put the new cassette in the place of the old one, which is whole until the moment it is replaced."""
    old = fresh.with_name(f"{target.name}.old")
    if target.exists():
        target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _proven(document: Any, notebook: Path, folder: Path, timeout: float) -> list[str]:
    again = copy.deepcopy(document)
    told = {**environment.environment_for(folder, mode="none"), **no_keys()}
    failed = execute(again, notebook.parent, timeout=timeout, environment=told)
    found = diff.differences(document, again)
    return [*found, *([f"the replay stopped: {failed}"] if failed and not found else [])]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
