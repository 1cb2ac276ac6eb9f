"""Records a notebook: executes it once with its calls recorded, writes it, and proves both by a replay."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
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
from imagegen_nb.replay import cassette_file, paths
from imagegen_nb.replay.environment import environment_for, placeholder_keys
from imagegen_nb.replay.recording import Recording, usage_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookRecording:
    """A recorded notebook and its cassette. `size` counts the bytes of the cassette's `files`;
    `differences` say where its replay showed something else, and are empty for a notebook that is a test."""

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
    on_progress: Callable[[str], object] = lambda message: None,
) -> NotebookRecording:
    """Execute `notebook`, record its calls in the cassette `name` (its own by default), and write its
    outputs.

    The old cassette and the old outputs are replaced together, once everything has been recorded.
    `timeout` bounds each cell, in seconds. Raises `InvalidOption` or `ReplayError`, with nothing changed.
    """
    notebook = user_path(notebook, InvalidOption).absolute()
    document = parse(_read(notebook))
    folder = paths.folder_of(name or paths.of_notebook(notebook).name, notebook.parent)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".recording-", dir=folder.parent) as temporary:
        new_folder = Path(temporary) / folder.name
        name_in_project = _name_in(folder.parent.parent, notebook)
        on_progress(f"recording {notebook.name} against {_NAMES[against]} …")
        _execute_anew(
            document, notebook, _recording_environment(new_folder, against, name_in_project), timeout
        )
        recordings = _read_complete(new_folder)
        text = text_of(document)
        if kind := redaction.find(text, catalog.keys_in_use()):
            raise ReplayError(f"the outputs of {notebook.name} hold {kind}: nothing was kept. Show no keys")
        _replace_both(new_folder, folder, notebook, text)
    on_progress("replaying it …")
    files = [path for path in folder.rglob("*") if path.is_file()]
    return NotebookRecording(
        notebook=notebook,
        folder=folder,
        against=against,
        calls=len(recordings),
        files=len(files),
        size=sum(path.stat().st_size for path in files),
        usage=usage_of(recordings),
        differences=tuple(_replay_differences(document, notebook, folder, timeout)),
    )


_NAMES = {"live": "live providers", "emulator": "the emulator"}


def _read(notebook: Path) -> str:
    try:
        return notebook.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        problem = "it is not text"
    except OSError as error:
        problem = explain(error)
    raise InvalidOption(f"{notebook.name} cannot be read: {problem}")


def _name_in(project: Path, notebook: Path) -> str:
    """The notebook's path from the project's folder: no path of this machine goes into a cassette."""
    return notebook.relative_to(project).as_posix() if notebook.is_relative_to(project) else notebook.name


def _recording_environment(folder: Path, against: str, notebook: str) -> dict[str, str]:
    variables = dict(environment_for(folder, mode="all", against=against, notebook=notebook))
    if against == "emulator":
        # A replay has placeholder keys. Set them here too, so that a notebook that looks for a key does the
        # same in both; keys that are really set stay.
        variables |= {
            variable: key for variable, key in placeholder_keys().items() if not os.environ.get(variable)
        }
    return variables


def _execute_anew(document: Any, notebook: Path, environment: Mapping[str, str], timeout: float) -> None:
    """Run `document` without the outputs it had. Raises `ReplayError` where a cell fails."""
    for cell in (cell for cell in document.cells if cell.cell_type == "code"):
        cell.outputs, cell.execution_count = [], None
    if problem := execute(document, notebook.parent, timeout=timeout, environment=environment):
        problem = redaction.redact(problem, catalog.keys_in_use())
        raise ReplayError(f"{notebook.name} stopped, so nothing was kept: {problem}")


def _read_complete(folder: Path) -> list[Recording]:
    """The recordings just made. Raises `ReplayError` where there are none, or where some were left out."""
    if not cassette_file.exists(folder):
        raise ReplayError("the notebook made no call, so there is nothing to record")
    about, recordings = cassette_file.read(folder)
    if about.refused:
        places = "".join(f"\n  {place}" for place in about.refused)
        raise ReplayError(f"not all calls could be recorded, so nothing was kept:{places}")
    return recordings


def _replace_both(new_folder: Path, folder: Path, notebook: Path, text: str) -> None:
    """Replace the cassette and the notebook by the new ones."""
    try:
        _replace(new_folder, folder)
        write_durably(notebook, text.encode())
    except OSError as error:
        problem = explain(error)
    else:
        return
    raise ReplayError(f"{folder.name} or {notebook.name} could not be written: {problem}")


def _replace(new_folder: Path, folder: Path) -> None:
    """Move the new cassette to the place of the old one, which comes back if that fails."""
    old = new_folder.with_name(f"{folder.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        new_folder.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _replay_differences(document: Any, notebook: Path, folder: Path, timeout: float) -> list[str]:
    """What a replay of the notebook shows differently."""
    replayed = copy.deepcopy(document)
    environment = {**environment_for(folder, mode="none"), **placeholder_keys()}
    problem = execute(replayed, notebook.parent, timeout=timeout, environment=environment)
    differences = diff.differences(document, replayed)
    return [*differences, *([f"the replay stopped: {problem}"] if problem and not differences else [])]
