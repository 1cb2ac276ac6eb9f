"""A sweep as a folder that describes itself: an RO-Crate, with each image, how it was made, and the report.

Actions, what they were asked and what came of them are said by the profile Process Run Crate (0.5). The
RO-Crate community's own library, which is an extra, writes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen_nb._version import __version__
from imagegen_nb.core.atomic_files import explain_writing, sync_folder
from imagegen_nb.core.install_hint import install_command
from imagegen_nb.core.redaction import without_keys
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.words import counted
from imagegen_nb.errors import AssetNotFound, InvalidOption, StoreError
from imagegen_nb.providers import catalog
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import Asset
from imagegen_nb.sweeps.axes import label
from imagegen_nb.sweeps.cell import Cell
from imagegen_nb.sweeps.tables import free_path

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

_METADATA = "ro-crate-metadata.json"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_TERMS = {name: f"http://schema.org/{name}" for name in ("digitalSourceType", "sha256")}
"""Words that the context of RO-Crate 1.1, which the profile is for, does not have, as that of 1.2 has them:
readers drop what is in no context."""
_MADE_BY_MODEL = "http://schema.org/TrainedAlgorithmicMediaDigitalSource"
_DRAWN = "http://schema.org/AlgorithmicMediaDigitalSource"
"""Of an emulator's picture: nothing in it was trained."""
_NO_LICENCE = "None is stated: the terms of the models' providers hold."
_COMPLETED, _FAILED = "http://schema.org/CompletedActionStatus", "http://schema.org/FailedActionStatus"


def free_folder(folder: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Where to write a crate. Raises `StoreError` where something is there already, unless `overwrite` and it
    is a crate: no other folder is ever removed."""
    target = free_path(folder, overwrite=overwrite)
    if target.is_symlink() or (target.exists() and not (target / _METADATA).is_file()):
        raise StoreError(f"cannot write {target}: what is there is not an RO-Crate; give another name")
    return target


def write(
    folder: Path,
    cells: Iterable[Cell],
    *,
    title: str,
    texts: Mapping[str, str],
    licence: str | None,
    author: str | None,
) -> Path:
    """Write the crate into `folder`, all or nothing; one that is there is replaced whole. `texts` are further
    files by their names. Raises `InvalidOption` without the library, and `StoreError`."""
    try:
        from rocrate.rocrate import ROCrate
    except ImportError:
        raise InvalidOption(f"this writes an RO-Crate: {install_command('rocrate')}") from None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            # The version that the profile was written for.
            _Writer(ROCrate(version="1.1"), made).write(cells, title, texts, licence, author)
            made.chmod(0o755)  # a temporary folder is for its owner only
            _put(made, folder)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        sync_folder(folder.parent)
    except OSError as error:
        reason = explain_writing(error, folder.parent)
    else:
        return folder
    raise StoreError(f"cannot write {folder}: {reason}")


def _put(made: Path, folder: Path) -> None:
    """Give a new crate its name, and remove the one that had it."""
    if not folder.exists():
        made.rename(folder)
        return
    # A folder that is not empty cannot be replaced in one move.
    older = made.with_name(f"{made.name}-older")
    folder.rename(older)
    try:
        made.rename(folder)
    except OSError:
        older.rename(folder)
        raise
    shutil.rmtree(older, ignore_errors=True)


class _Writer:
    """A crate that is being made in a folder."""

    def __init__(self, crate: ROCrate, folder: Path) -> None:
        self._crate = crate
        self._folder = folder
        self._lost: list[AssetNotFound] = []
        self._kept = 0

    def write(
        self,
        cells: Iterable[Cell],
        title: str,
        texts: Mapping[str, str],
        licence: str | None,
        author: str | None,
    ) -> None:
        """Add everything, and write it out. Raises `AssetNotFound` where no image is left."""
        crate, root = self._crate, self._crate.root_dataset
        crate.metadata.extra_terms.update(_TERMS)
        crate.name = title
        crate.description = (
            "Images that models were asked for by one step over several values, made with imagegen-nb"
        )
        root["datePublished"] = utc_now()[:10]
        root["license"] = self._licence(licence)
        profile = self._add(_PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")
        root["conformsTo"] = {"@id": profile.id}
        person = self._add("#author", "Person", name=author) if author else None
        if person is not None:
            root["author"] = {"@id": person.id}
        tool = self._add(
            "#imagegen-nb", "SoftwareApplication", name="imagegen-nb", softwareVersion=__version__
        )
        for name, text in texts.items():
            self._add_text(name, text)
        actions = [self._add_cell(cell, run, person, tool) for cell in cells if (run := cell.run) is not None]
        root["mentions"] = [{"@id": action} for action in actions]
        if self._lost:
            if not self._kept:
                raise self._lost[0]
            crate.description += f". {counted(len(self._lost), 'image')} not included: lost from the store"
        crate.write(self._folder)

    def _add(self, identifier: str, kind: str, **properties: Any) -> Any:
        entity = {"@id": identifier, "@type": kind, **_masked(properties)}
        return self._crate.add_or_update_jsonld(entity)

    def _licence(self, licence: str | None) -> Any:
        if licence is None:
            return _NO_LICENCE
        licence = str(_masked(licence))
        if not licence.startswith(("https://", "http://")):
            return licence
        return {"@id": self._add(licence, "CreativeWork", name=licence).id}

    def _add_text(self, name: str, text: str) -> None:
        path = self._folder / name
        path.write_text(text, encoding="utf-8", errors="replace")
        kinds = {".html": "text/html", ".json": "application/json", ".csv": "text/csv"}
        about = {"name": name, "encodingFormat": kinds[path.suffix]}
        self._crate.add_file(path, name, properties=about, record_size=True)

    def _add_cell(self, cell: Cell, run: Run, person: Any, tool: Any) -> str:
        """The action of a cell, with what it was asked and the images that came."""
        came, images = run.output.assets, list[str]()
        for asset in came:
            try:
                images.append(self._add_image(cell, asset, run))
            except AssetNotFound as error:  # that says nothing of the others
                self._lost.append(error)
        self._kept += len(images)
        asked = {"prompt": run.prompt, **{k: v for k, v in run.step.settings().items() if k != "prompt"}}
        source = run.step.entry.model.lifecycle.source
        about = {"name": run.step.model, **({"url": source} if source else {})}
        model = self._add(f"#model-{run.step.model}", "SoftwareApplication", **about)
        values = [
            self._add(
                f"#run-{run.id}-{name}", "PropertyValue", name=name, value=label(value), additionalType="Text"
            ).id
            for name, value in asked.items()
            if value is not None
        ]
        failed = {"actionStatus": _FAILED, "error": cell.error or "it gave no image"}
        action = self._add(
            f"#run-{run.id}",
            "CreateAction",
            name=f"cell {cell.number}: {cell.label}",
            description=_how_it_went(cell, run, lost=len(came) - len(images)),
            instrument=[{"@id": model.id}, {"@id": tool.id}],
            object=[{"@id": value} for value in values],
            result=[{"@id": image} for image in images],
            startTime=run.started_at,
            endTime=_after(run.started_at, run.duration),
            **({"actionStatus": _COMPLETED} if came else failed),
        )
        if person is not None:
            action["agent"] = {"@id": person.id}
        return str(action.id)

    def _add_image(self, cell: Cell, asset: Asset, run: Run) -> str:
        name = f"images/{cell.number:04}-{Path(asset.file_name).name}"
        path = self._folder / name
        data = asset.bytes()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        about: dict[str, Any] = {
            "name": asset.file_name,
            "encodingFormat": asset.file_type,
            "digitalSourceType": {"@id": _DRAWN if run.emulated else _MADE_BY_MODEL},
        }
        if asset.stored is not None:
            about["sha256"] = asset.stored.sha256
        about |= {"description": cell.note} if cell.note else {}
        return str(self._crate.add_file(path, name, properties=_masked(about), record_size=True).id)


def _how_it_went(cell: Cell, run: Run, *, lost: int) -> str:
    """The outcome, the cost, and what people and judges said, in a line."""
    said = [cell.outcome, run.cost.short, *(["starred"] if cell.starred else [])]
    said += [f"score by {judge}: {number:.4g}" for judge, number in cell.scores.items()]
    said += [f"{counted(lost, 'image')} not included: lost from the store"] if lost else []
    return "; ".join([*said, *(["made by an emulator, not by the model"] if run.emulated else [])])


def _after(started_at: str, seconds: float) -> str:
    return (datetime.fromisoformat(started_at) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def _masked(value: Any) -> Any:
    # No key stands in a variable here: a traceback with locals would show it.
    return without_keys(value, catalog.keys_in_use())
