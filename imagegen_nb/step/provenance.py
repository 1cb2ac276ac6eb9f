"""What an image's file, or a file beside it, says of the step that made the image.

It is a step file (see docs/step-file.md) with the settings and inputs of the run as the ledger has them. In
an image's file it stands in the XMP, beside what kind of source the picture has in IPTC's words, and the line
that other tools show.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from imagegen_nb._version import __version__
from imagegen_nb.core import generation_parameters, image_file_texts
from imagegen_nb.core.redaction import storable, without_keys
from imagegen_nb.providers import catalog
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import AssetRecord, LedgerEntry

FORMAT: Final = "imagegen-nb/step"
VERSION: Final = 2
"""Of the step file."""

_OWN = "urn:imagegen-nb:xmp#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_PREFIXES = {_OWN: "imagegen-nb", _IPTC: "Iptc4xmpExt"}
STEP_PROPERTY: Final = f"{_OWN}step"
SOURCE_PROPERTY: Final = f"{_IPTC}DigitalSourceType"
_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_BY_MODEL, _BY_EMULATOR = f"{_SOURCES}trainedAlgorithmicMedia", f"{_SOURCES}algorithmicMedia"
"""An emulator draws; nothing in it was trained."""
_NOT_IN_LINE = ("image_size", "image_count")


def side_file(image: Path) -> Path:
    """Where the step stands of an image whose own file cannot take it."""
    return image.with_name(f"{image.name}.step.json")


def files(image: Path, data: bytes, run: LedgerEntry, asset: AssetRecord) -> dict[Path, bytes]:
    """What to write so that `image` with the bytes `data` tells of its step, in the order to do it.

    A file with content credentials, or one that cannot take it for another reason, stays as it is, and has a
    side file. Keys in use, and what looks like one, are masked.
    """
    document = _document(run, asset, keys=catalog.keys_in_use())
    told = image_file_texts.with_texts(
        data,
        {
            SOURCE_PROPERTY: _BY_EMULATOR if run.emulated else _BY_MODEL,
            STEP_PROPERTY: json.dumps(document, separators=(",", ":")),
        },
        _PREFIXES,
        _parameters(run, asset, document["step"], keys=catalog.keys_in_use()),
    )
    if told is not None:
        return {image: told}
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return {side_file(image): text.encode("utf-8", "replace"), image: data}


def _document(run: LedgerEntry, asset: AssetRecord, keys: Iterable[str]) -> dict[str, Any]:
    """The step file of a run, without its output."""
    texts = (run.settings_json, run.inputs_json, run.result_json)
    settings, inputs, result = (without_keys(json.loads(text or "{}"), keys) for text in texts)
    entry = catalog.find(run.model)
    like = catalog.origin(entry.model) if entry else ""
    facts = {
        "identifier": result.get("identifier"),
        "run_id": run.run_id,
        "backend": result.get("backend"),
        "started_at": run.started_at,
        "sha256": {asset.id: asset.sha256},
    }
    return {
        "format": FORMAT,
        "version": VERSION,
        **({"declaration": {"like": like}} if like else {}),
        "step": settings,
        "inputs": inputs,
        "provenance": {name: value for name, value in facts.items() if value is not None},
    }


def _parameters(run: LedgerEntry, asset: AssetRecord, settings: dict[str, Any], keys: Iterable[str]) -> str:
    """The line that other tools show: the prompt as it was sent, and the settings."""
    labels = ImageGenerationStep.labels()
    shown = {
        labels.get(name, name): str(value)
        for name, value in settings.items()
        if name.startswith("image_") and name not in _NOT_IN_LINE
    }
    values = {"Size": f"{asset.width}x{asset.height}", "Model": run.model, **shown}
    return generation_parameters.written(
        storable(run.prompt.replace("\0", ""), keys), {**values, "Version": f"imagegen-nb {__version__}"}
    )
