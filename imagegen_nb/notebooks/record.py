"""Records a notebook: executes it once with its calls recorded, and proves by its test that a replay shows
the same. Only then the old cassette and the old outputs are replaced.

As in its test, the stores it opens are empty ones of its own: else it would show what earlier runs left.
Those of a live recording, which cost money, are kept.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from imagegen_nb.core import given_files, redaction
from imagegen_nb.core.atomic_files import explain, explain_writing, user_path, write_durably
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.types import Usage
from imagegen_nb.errors import InvalidOption, ReplayError
from imagegen_nb.notebooks import proof
from imagegen_nb.notebooks.execute import execute, parse, text_of
from imagegen_nb.notebooks.markers import SKIP, import_nbval, markers_of
from imagegen_nb.providers import catalog
from imagegen_nb.replay import cassette_file, paths
from imagegen_nb.replay.environment import environment_for, placeholder_keys
from imagegen_nb.replay.recording import Recording, usage_of
from imagegen_nb.store import relocation


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookRecording:
    """A recorded notebook and its cassette. `size` counts the bytes of the cassette's `files`.

    `differences` say how its test fails. Then nothing old was replaced, and `folder` is where a live
    recording, which may have cost money, is kept, or where an emulated one would have been written. `stores`
    are where the images of a live recording are.
    """

    notebook: Path
    folder: Path
    against: Literal["live", "emulator"]
    calls: int
    files: int
    size: int
    usage: Usage
    differences: tuple[str, ...]
    stores: tuple[Path, ...] = ()


def record(
    notebook: Path,
    against: Literal["live", "emulator"],
    *,
    name: str | None = None,
    kernel: str | None = None,
    timeout: float = 600,
    on_progress: Callable[[str], object] = lambda message: None,
) -> NotebookRecording:
    """Execute `notebook`, record its calls in the cassette `name` (its own by default), and write its
    outputs.

    The old cassette and the old outputs are replaced together, once everything has been recorded and the
    notebook's test passes with it. `kernel` runs it, and is written into the notebook; by default the one
    it names. `timeout` bounds each cell, in seconds. Raises `InvalidOption` or `ReplayError`, with nothing
    changed.
    """
    import_nbval()  # first: its test needs all that running it does, and the extra `test` brings both
    notebook = user_path(notebook, InvalidOption).absolute()
    document = parse(read_text(notebook))
    if kernel:
        document.metadata["kernelspec"] = {"name": kernel, "display_name": kernel}
    folder = _folder_for(name, notebook)
    if not os.access(notebook.parent, os.W_OK):  # where its new outputs would find no place
        raise InvalidOption(f"{notebook.name} cannot be written: {notebook.parent} is read-only; copy it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".recording-", dir=folder.parent) as temporary:
        new_folder = Path(temporary) / folder.name
        on_progress(f"recording {notebook.name} against {_NAMES[against]} …")
        variables = _recording_environment(new_folder, against, paths.name_in_project(notebook))
        stores = _execute_anew(document, notebook, variables, timeout, keep_stores=against == "live")
        for moved in stores:
            on_progress(f"its images and what they cost: {moved}")
        recordings = _read_complete(new_folder)
        text = text_of(document)
        if kind := redaction.find(text, catalog.keys_in_use()):
            raise ReplayError(f"the outputs of {notebook.name} hold {kind}: nothing was kept. Show no keys")
        files = [path for path in new_folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        on_progress("testing its replay …")
        differences = proof.differences(document, notebook, new_folder, timeout)
        if not differences:
            _replace_both(new_folder, folder, notebook, text, against)
        elif against == "live":
            folder = _kept(new_folder)
    return NotebookRecording(
        notebook=notebook,
        folder=folder,
        against=against,
        calls=len(recordings),
        files=len(files),
        size=size,
        usage=usage_of(recordings),
        differences=differences,
        stores=stores,
    )


_ENDINGS = (".ipynb",)
_NAMES = {"live": "live providers", "emulator": "the emulator"}


def read_text(notebook: Path) -> str:
    """A notebook's text. Raises `InvalidOption` for what is none, with what it is instead."""
    shown = given_files.near(notebook)
    if notebook.is_dir():
        raise InvalidOption(given_files.is_folder(shown, _ENDINGS))
    try:
        data = notebook.read_bytes()
        kind, taken_by = given_files.other_kind(data)
        if kind and kind != "a notebook":
            told = f" ({taken_by})" if taken_by else ""
            raise InvalidOption(f"{notebook.name} is {kind}, and not a notebook{told}: give one, .ipynb")
        return data.decode()
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidOption(given_files.missing(shown, _ENDINGS)) from None
    except UnicodeDecodeError:
        problem = "it is not text"
    except OSError as error:
        problem = explain(error)
    raise InvalidOption(f"{notebook.name} cannot be read: {problem}")


def _folder_for(name: str | None, notebook: Path) -> Path:
    """The cassette that may be replaced. Raises `ReplayError` where it is another notebook's."""
    folder = paths.folder_of(name, notebook.parent) if name else paths.to_record(notebook)
    if name and (owner := paths.owner_of(folder, notebook)):
        raise ReplayError(
            f"cassette {name!r} belongs to {owner}, so it was not overwritten: choose another --name, or "
            "leave it out"
        )
    if other := paths.replayed_by(folder, notebook):
        raise ReplayError(
            f"cassette {folder.name!r} is also replayed by {other}, which may have recorded it before it was "
            f"moved, so it was not overwritten: record {other} first, which gives it a cassette of its own"
        )
    return folder


def _recording_environment(folder: Path, against: str, notebook: str) -> dict[str, str]:
    variables = dict(environment_for(folder, mode="all", against=against, notebook=notebook))
    if against == "emulator":
        # A replay has placeholder keys. Set them here too, so that a notebook that looks for a key does the
        # same in both; keys that are really set stay.
        variables |= {
            variable: key for variable, key in placeholder_keys().items() if not os.environ.get(variable)
        }
    return variables


def _execute_anew(
    document: Any, notebook: Path, environment: Mapping[str, str], timeout: float, *, keep_stores: bool
) -> tuple[Path, ...]:
    """Run `document` without the outputs it had, but for cells that its test skips.

    Returns where its stores are kept. Raises `ReplayError` where a cell fails.
    """
    code = [cell for cell in document.cells if cell.cell_type == "code"]
    for cell in code:
        if not markers_of(cell).get(SKIP):
            cell.outputs, cell.execution_count = [], None
    with relocation.temporary_root() as name:
        root = Path(name)
        kept: tuple[Path, ...] = ()
        try:
            problem = execute(
                document,
                notebook.parent,
                timeout=timeout,
                environment={**environment, relocation.VARIABLE: name},
                markers=markers_of,
            )
        finally:
            relocation.name_stores_in_exports(root)
            if keep_stores:
                kept = tuple(_moved(store, place) for place, store in relocation.stores_below(root))
        for output in (output for cell in code for output in cell.outputs):
            output.update(relocation.restored(output, root, notebook.parent))
        problem = relocation.restored(problem, root, notebook.parent)
    if problem:
        problem = redaction.redact(problem, catalog.keys_in_use())
        told = "".join(f"\n  its images and what they cost: {folder}" for folder in kept)
        raise ReplayError(f"{notebook.name} stopped, so nothing was kept: {problem}{told}")
    return kept


def _moved(store: Path, place: Path) -> Path:
    """The store of a live recording in a lasting place: where it was asked for, or beside the one there."""
    stamp = utc_now().translate({ord(each): None for each in "-:"})[:15]
    beside = place.with_name(f"{place.name}-recorded-{stamp}")
    for target in (place, beside):
        try:
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                return Path(shutil.move(store, target))
        except OSError:
            continue
    return Path(shutil.move(store, Path(tempfile.mkdtemp(prefix="imagegen-nb-")) / place.name))


def _read_complete(folder: Path) -> list[Recording]:
    """The recordings just made. Raises `ReplayError` where there are none, or where some were left out."""
    if not cassette_file.exists(folder):
        raise ReplayError("the notebook made no call, so there is nothing to record")
    about, recordings = cassette_file.read(folder)
    if about.refused:
        places = "".join(f"\n  {place}" for place in about.refused)
        raise ReplayError(f"not all calls could be recorded, so nothing was kept:{places}")
    return recordings


def _kept(new_folder: Path) -> Path:
    """A lasting copy of a cassette that replaces none: it may have cost money."""
    folder = Path(tempfile.mkdtemp(prefix="imagegen-nb-")) / new_folder.name
    return Path(shutil.copytree(new_folder, folder))


def _replace_both(new_folder: Path, folder: Path, notebook: Path, text: str, against: str) -> None:
    """Replace the cassette and the notebook by the new ones."""
    try:
        _replace(new_folder, folder)
        write_durably(notebook, text.encode())
    except OSError as error:
        problem = explain_writing(error, notebook.parent)
    else:
        return
    if against == "live" and new_folder.exists():
        problem += f". The recording is kept in {_kept(new_folder)}"
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
