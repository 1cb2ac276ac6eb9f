"""Which names a step or workflow file may have, and which files it may replace unasked: older ones of the
same, and no others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import jiter

from imagegen_nb.core.filenames import with_ending
from imagegen_nb.errors import DefinitionError

_ELSE = "something else is there"


def named(target: Path, kind: Literal["step", "workflow"]) -> Path:
    """Where such a file is written: `hero` becomes `hero.step.json`. Raises `DefinitionError` for a name that
    promises something else, such as a picture."""
    return with_ending(target, (f".{kind}.json", ".json"), f"a {kind} file is JSON", DefinitionError)


def check(target: Path, settings: dict[str, Any], largest: int) -> None:
    """Raise `DefinitionError` where `target` is there and holds something else than the step of `settings`.

    Notebooks are run again and again, so a file of the same step is replaced, whatever run it has: one with
    the same settings, or with the same name, which the step keeps while it is edited. `largest` is in bytes.
    """
    there = document_in(target, largest)
    if there is None:
        return
    step, own = there.get("step"), json.loads(json.dumps(settings))
    there = step if isinstance(step, dict) else {}
    if not there:
        reason = _ELSE
    elif there == own or (own.get("name") and there.get("name") == own["name"]):
        return
    else:
        differing = ", ".join(key for key in {**own, **there} if own.get(key) != there.get(key))
        reason = f"it holds another step (of another {differing})"
    raise _refusal(target, reason)


def check_workflow(target: Path, identifiers: Sequence[str], largest: int) -> None:
    """The same for a workflow: a file with steps of the same identifiers is an older one of it."""
    there = document_in(target, largest)
    if there is None:
        return
    steps = there.get("steps")
    if not isinstance(steps, list):
        raise _refusal(target, _ELSE)
    names = [step.get("identifier") for step in steps if isinstance(step, dict)]
    if names != list(identifiers):
        raise _refusal(target, f"it holds another workflow (of {', '.join(map(str, names[:5]))})")


def _refusal(target: Path, reason: str) -> DefinitionError:
    return DefinitionError(
        f"cannot write {target}: {reason}; pass overwrite=True to replace it, or another name"
    )


def document_in(target: Path, largest: int) -> dict[str, Any] | None:
    """The JSON object in a file, empty for one that has none; None where there is no file, or none that can
    be read: writing then fails with the reason."""
    try:
        if not target.exists() or target.is_dir():
            return None
        if not target.is_file() or target.stat().st_size > largest:
            return {}
        document = jiter.from_json(target.read_bytes())
    except OSError:
        return None
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
