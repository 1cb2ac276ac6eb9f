"""The capability and lifecycle table, as plain rows, for people and machines alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imagegen_nb.providers import catalog
from imagegen_nb.providers.base import CatalogEntry
from imagegen_nb.providers.capabilities import told_by


def model_rows() -> list[dict[str, Any]]:
    """One row a model: who serves it, where it stands, and what each setting may be."""
    return [_standing(entry) | _capabilities(entry) for entry in catalog.models()]


def overview_rows() -> list[dict[str, Any]]:
    """The first part of each row: who serves the model, and where it stands."""
    return [_standing(entry) for entry in catalog.models()]


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table as it stands in the documentation: an overview, then each model's settings."""
    lines = [
        "| model | provider | offered by the platform | status | since | ends | successor |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = (f"`{row['model']}`", row["provider"], "yes" if row["offered"] else "no", row["status"])
        successor = f"`{row['successor']}`" if row["successor"] else ""
        lines.append(f"| {' | '.join(cells)} | {row['since']} | {_end(row)} | {successor} |")
    for row in rows:
        lines += [
            "",
            f"### `{row['model']}`",
            "",
            "| setting | key | values | default |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {setting['label']} | `{key}` | {setting['values']} | {_shown(setting['default'])} |"
            for key, setting in row["settings"].items()
        ]
        lines += ["", *(f"- {rule}" for rule in row["rules"])]
        lines += [f"- {row['note']}"] if row["note"] else []
        lines += [f"- Source{told_by(row['evidence'])}: {row['source']}"] if row["source"] else []
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _standing(entry: CatalogEntry) -> dict[str, Any]:
    model, life = entry.model, entry.model.lifecycle
    return {
        "model": model.name,
        "provider": entry.provider.label,
        "key_variable": entry.provider.key_variable,
        "offered": model.offered,
        "status": "declared" if model.like else life.status,
        "outlook": f"declared, like {model.like}" if model.like else life.outlook,
        "like": model.like or None,
        "since": life.since,
        "ends": life.ends,
        "ends_evidence": life.ends_evidence if life.ends else "",
        "evidence": life.evidence,
        "successor": life.successor,
        "note": life.note or (f"declared by the user, like {model.like}" if model.like else ""),
        "source": life.source,
    }


def _capabilities(entry: CatalogEntry) -> dict[str, Any]:
    model = entry.model
    return {
        "settings": _settings(entry),
        "rules": [
            f"{rule.field}: {' or '.join(rule.refused) or 'any value'} not available with "
            f"{rule.when} {' or '.join(rule.equals)}, because {rule.because}"
            for rule in model.rules
        ],
        "output_settings": ["model", *model.output_settings],
        "stored_as": model.stored_as,
        "live_previews": model.streams,
    }


def _end(row: Mapping[str, Any]) -> str:
    if row["ends"]:
        return f"{row['ends']}{told_by(row['ends_evidence'])}"
    return "not announced" if row["status"] in ("restricted", "deprecated") else ""


def _settings(entry: CatalogEntry) -> dict[str, dict[str, Any]]:
    from imagegen_nb.step.step import ImageGenerationStep  # deferred: an overview needs no pydantic

    labels = ImageGenerationStep.labels() | dict(entry.model.labels or {})
    settings = {}
    for key, common in ImageGenerationStep.kinds().items():
        kind = entry.model.settings.get(key, common)
        if kind is not None:
            settings[key] = {"label": labels[key], "values": kind.describe(), "default": kind.default}
    return settings


def _shown(default: object) -> str:
    return "" if default is None else f"`{default}`"
