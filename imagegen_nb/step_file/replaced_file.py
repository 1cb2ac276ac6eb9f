"""Which files a step file may take the place of unasked: older ones of the same step, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jiter

from imagegen_nb.errors import DefinitionError


def check(target: Path, settings: dict[str, Any], largest: int) -> None:
    """Raise `DefinitionError` where `target` is there and holds something else than the step of `settings`.

    Notebooks are run again and again, so a file of the same step is replaced, whatever run it has: one with
    the same settings, or with the same name, which the step keeps while it is edited. `largest` is in bytes.
    """
    try:
        if not target.exists() or target.is_dir():  # a folder is told of when the file is written
            return
        is_small = target.is_file() and target.stat().st_size <= largest
        there = _step_in(target.read_bytes()) if is_small else None
    except OSError:  # so will writing, with its reason
        return
    own = json.loads(json.dumps(settings))
    if there is None:
        reason = "something else is there"
    elif there == own or (own.get("name") and there.get("name") == own["name"]):
        return
    else:
        differing = ", ".join(key for key in {**own, **there} if own.get(key) != there.get(key))
        reason = f"it holds another step (of another {differing})"
    raise DefinitionError(
        f"cannot write {target}: {reason}; pass overwrite=True to replace it, or another name"
    )


def _step_in(data: bytes) -> dict[str, Any] | None:
    """The settings in a step file; None for what is none."""
    try:
        document = jiter.from_json(data)
    except ValueError:
        return None
    step = document.get("step") if isinstance(document, dict) else None
    return step if isinstance(step, dict) else None
