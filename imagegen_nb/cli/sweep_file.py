"""The file of a sweep: TOML that says what varies, read and told where a key or a line is out of place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen_nb.errors import InvalidOption, InvalidStep

if TYPE_CHECKING:
    from imagegen_nb.sweeps.sweep import Sweep

_KEYS = ("step", "over", "rows", "inputs", "repeats", "name", "invalid")
_LARGEST = 5_000_000
_LINE = re.compile(r"at line (\d+)")
_EXAMPLE = (
    'a sweep file is TOML, such as step = "hero.step.json" and, in a line of its own, '
    'over = { image_quality = ["low", "high"] }'
)
_MENDS = {
    "Expected ']'": "A ] is missing: [step]",
    "Expected '='": 'A line is key = value, such as name = "night"',
    "Cannot overwrite": "The key stands there twice: leave one",
    "Cannot declare": "The table stands there twice: join the two",
}
"""By how tomllib's reason begins: what to do."""


def read_sweep(path: Path, options: Mapping[str, str] | None = None) -> Sweep:
    """The sweep that a TOML file describes; paths in it are relative to it. `options` are those of the
    command, by name. Raises `InvalidOption`, and as `Sweep` does."""
    from imagegen_nb.step.step import ImageGenerationStep
    from imagegen_nb.step_file.load import load_step
    from imagegen_nb.sweeps.sweep import Sweep

    document = _document(path)
    options = options or {}
    _check_keys(path, document, options)
    step, rows, inputs = document.get("step"), document.get("rows"), document.get("inputs", {})
    if isinstance(step, str):
        definition = load_step(path.parent / step)
        inputs = {**definition.inputs, **inputs} if isinstance(inputs, dict) else inputs
        template = definition.step
    elif isinstance(step, dict):
        _check_step(path, step, options)
        try:
            template = ImageGenerationStep(**step)
        except InvalidStep as error:
            error.add_note(f"in {path}, below [step]")
            raise
    else:
        raise InvalidOption(
            f'{path}: step is missing: write step = "hero.step.json", or its settings under [step]'
        )
    given = {key: document[key] for key in ("repeats", "name", "invalid") if key in document}
    rows = path.parent / rows if isinstance(rows, str) else rows
    return Sweep(template, document.get("over"), rows=rows, inputs=inputs, **given)


def _check_keys(path: Path, document: Mapping[str, Any], options: Mapping[str, str]) -> None:
    """Refuse a key that no sweep file has, with where it belongs."""
    from imagegen_nb.core.keywords import did_you_mean
    from imagegen_nb.step.step import ImageGenerationStep

    for key in document:
        if key in _KEYS:
            continue
        if key in ImageGenerationStep.model_fields:
            step = document.get("step")
            remedy = f"a setting belongs into {step}" if isinstance(step, str) else "it belongs under [step]"
            remedy += ", or with a list of values under [over]"
        else:
            remedy = _outside(key, options) or did_you_mean(key, _KEYS)
        raise InvalidOption(f"{path}: {key} is not a key of a sweep file: {remedy}")
    over = document.get("over")
    if isinstance(over, dict):
        for key, value in over.items():
            if key in ("rows", "repeats", "invalid") and not isinstance(value, list):
                raise InvalidOption(f"{path}: {key} under [over] is no axis: it belongs above [over]")


def _check_step(path: Path, step: Mapping[str, Any], options: Mapping[str, str]) -> None:
    """Refuse a key that no step has and a sweep does: in TOML all below a heading belongs to it."""
    from imagegen_nb.step.step import ImageGenerationStep

    for key in step:
        if key in ImageGenerationStep.model_fields:
            continue
        if key in _KEYS:
            raise InvalidOption(f"{path}: {key} under [step] is no setting: it belongs above [step]")
        if remedy := _outside(key, options):
            raise InvalidOption(f"{path}: {key} under [step] is no setting: {remedy}")


def _outside(key: str, options: Mapping[str, str]) -> str:
    """Where to give what stands in no file; empty where that is not known."""
    from imagegen_nb.core.keywords import given_elsewhere
    from imagegen_nb.core.redaction import is_keys_name

    if is_keys_name(key):
        return given_elsewhere(key)
    option = options.get(key.replace("-", "_"))
    return f"give it to the command: {option}" if option else ""


def _mended(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Why the text is no TOML, with the line where it is seen and what to do."""
    reason = str(error)
    remedy = next((mend for begins, mend in _MENDS.items() if reason.startswith(begins)), "")
    place = _LINE.search(reason)
    lines = text.splitlines()
    line = lines[int(place[1]) - 1].strip() if place and int(place[1]) <= len(lines) else ""
    if remedy.startswith("A ]") and line.startswith("["):
        remedy = f"A ] is missing: {line.split('#')[0].strip()}]"
    return f"{reason}. {remedy or 'Mend it there: texts stand in quotes'}"


def _document(path: Path) -> dict[str, Any]:
    from imagegen_nb.core import given_files
    from imagegen_nb.core.atomic_files import explain, read_bounded, user_path

    path = user_path(path, InvalidOption)
    if path.is_dir():
        raise InvalidOption(given_files.is_folder(path, (".toml",)))
    try:
        data = read_bounded(path, _LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidOption(given_files.missing(path, (".toml",))) from None
    except OSError as error:
        raise InvalidOption(f"{path} cannot be read: {explain(error)}") from None
    if data is None:
        raise InvalidOption(
            f"{path} has more than {_LARGEST:,} bytes: put the values into a CSV file, as rows"
        )
    kind, taken_by = given_files.other_kind(data)
    if kind == "empty":
        raise InvalidOption(f"{path} is empty: {_EXAMPLE}")
    text = ""
    try:
        text = data.decode()
        return tomllib.loads(text)
    except UnicodeDecodeError:
        reason = "it is not text"
    except RecursionError:
        reason = "it is nested too deeply"
    except tomllib.TOMLDecodeError as error:
        reason = _mended(error, text)
    if kind == "a step file":
        raise InvalidOption(
            f'{path} is a step file, and a sweep is a TOML file that names it: step = "{path.name}"'
        )
    if kind not in ("", "a sweep file"):
        told = f" ({taken_by})" if taken_by else ""
        raise InvalidOption(f"{path} is {kind}, and no sweep file{told}: {_EXAMPLE}")
    raise InvalidOption(f"{path} is not TOML: {reason}")
