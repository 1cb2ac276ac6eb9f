"""What a deployed workflow gave, compared with the local run: rows that say where the two differ.

The pictures themselves are not compared: the platform's addresses are never fetched, and no two runs of a
model give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Literal

from imagegen_nb.core.html_repr import html_output
from imagegen_nb.core.redaction import redact, visible
from imagegen_nb.providers import catalog
from imagegen_nb.step.output import StepOutput

Verdict = Literal["same", "different", "not compared"]
_RECORD_KEYS = ("id", "file_url", "file_name", "file_size", "file_type")
_TYPES: Mapping[str, type] = {"file_size": int}
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Comparison:
    """One fact of the local run beside the platform's."""

    what: str
    local: str
    platform: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, repr=False)
class VerifyReport:
    """A deployment's run beside the local one; true when it is completed and nothing differs.

    `run_status` is what the platform said: completed, failed, running or queued. `output` is its output as
    plain data, `error` its words for a failure. It shows itself.
    """

    deployment: str
    run_status: str
    request_id: str
    rows: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()
    error: str = ""
    output: Any = None

    def __bool__(self) -> bool:
        return self.run_status == "completed" and not self.differences

    @property
    def differences(self) -> tuple[Comparison, ...]:
        """The rows in which the two differ."""
        return tuple(row for row in self.rows if row.verdict == "different")

    def as_dict(self) -> dict[str, Any]:
        """Plain data, without the output."""
        facts = {name: getattr(self, name) for name in ("deployment", "run_status", "request_id", "error")}
        return {
            **facts,
            "same": bool(self),
            "rows": [asdict(row) for row in self.rows],
            "notes": list(self.notes),
        }

    def _title(self) -> str:
        if self.run_status != "completed":
            reason = f", {self.error}" if self.error else ""
            return f"{self.deployment}: {self.run_status or 'no status'}{reason}"
        count = len(self.differences)
        return (
            f"{self.deployment}: {f'{count} of {len(self.rows)} facts differ' if count else 'as it ran here'}"
        )

    def __repr__(self) -> str:
        lines = [self._title()]
        lines += [f"  {row.verdict}: {row.what}: here {row.local}, there {row.platform}" for row in self.rows]
        return visible("\n".join([*lines, *(f"  note: {note}" for note in self.notes)]))

    def _repr_html_(self) -> str:
        cells = [("", "here", "there", ""), *((r.what, r.local, r.platform, r.verdict) for r in self.rows)]
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(visible(cell))}</td>' for cell in row)}</tr>" for row in cells
        )
        notes = "".join(f"<br>{escape(visible(note))}" for note in self.notes)
        return html_output(f"<strong>{escape(visible(self._title()))}</strong>{notes}<table>{rows}</table>")


def parsed(output: object) -> Any:
    """An output as plain data: the platform gives JSON, or JSON in a string, or just text."""
    if not isinstance(output, str):
        return output
    try:
        return json.loads(output)
    except (ValueError, RecursionError):
        return output


def compare(local: StepOutput, output: Any) -> Iterator[Comparison]:
    """The facts of a local output beside those of the platform's."""
    shape = _shape(output)
    yield _row("shape of the output", "object {settings, assets}", shape)
    if shape == "array of assets":
        output = {"assets": output}
    if not isinstance(output, dict):
        return
    if isinstance(output.get("settings"), dict):
        yield from _settings(local.settings.model_dump(mode="json"), output["settings"])
    if isinstance(output.get("assets"), list):
        yield from _assets(local, output["assets"])


def _shape(output: Any) -> str:
    if isinstance(output, dict):
        return f"object {{{', '.join(_told(key) for key in output if key in ('settings', 'assets'))}}}"
    if isinstance(output, list):
        looks_like_assets = output and all(isinstance(one, dict) and "file_url" in one for one in output)
        return "array of assets" if looks_like_assets else "array"
    return {str: "text", type(None): "nothing"}.get(type(output), type(output).__name__)


def _settings(local: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Comparison]:
    for key in dict.fromkeys([*local, *there]):
        if key not in local:
            yield Comparison(f"settings.{_told(key)}", "absent", _told(there[key]), "not compared")
        elif key not in there:
            verdict: Verdict = "same" if local[key] is None else "different"
            yield Comparison(f"settings.{key}", _told(local[key]), "absent", verdict)
        else:
            yield _row(f"settings.{key}", _told(local[key]), _told(there[key]))


def _assets(local: StepOutput, there: list[Any]) -> Iterator[Comparison]:
    yield _row("number of images", str(len(local.assets)), str(len(there)))
    for index, (mine, theirs) in enumerate(zip(local.assets, there, strict=False)):
        place = f"assets.{index}"
        if not isinstance(theirs, dict):
            yield _row(place, "object", _shape(theirs))
            continue
        wrong = [key for key in _RECORD_KEYS if not isinstance(theirs.get(key), _TYPES.get(key, str))]
        yield _row(f"{place}: its keys", "all five", f"without {', '.join(wrong)}" if wrong else "all five")
        if isinstance(theirs.get("file_type"), str):
            yield _row(f"{place}.file_type", mine.file_type, _told(theirs["file_type"]))
        if isinstance(size := theirs.get("file_size"), int):
            is_there: Verdict = "not compared" if size > 0 else "different"
            yield Comparison(f"{place}.file_size", f"{mine.file_size:,}", f"{size:,}", is_there)


def _row(what: str, local: str, platform: str) -> Comparison:
    return Comparison(what, local, platform, "same" if local == platform else "different")


def _told(value: Any) -> str:
    """A value of a strange answer, short and without keys."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return redact(text, catalog.keys_in_use(), limit=_LONGEST)
