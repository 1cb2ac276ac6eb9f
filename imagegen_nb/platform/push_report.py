"""`PushReport`: what became of each image that was to be pushed."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Literal

from imagegen_nb.core import redaction
from imagegen_nb.core.html_repr import byte_size, html_output
from imagegen_nb.core.words import counted
from imagegen_nb.step.output import Asset

Outcome = Literal["would be sent", "uploaded", "found", "refreshed", "there already"]
"""`found` is an upload whose answer had been lost, `refreshed` one whose address had expired."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """One image of a push. `asset` is its record with the platform's whole address, which may be a signed
    one; None where nothing was sent."""

    index: int
    file_name: str
    size: int
    sha256: str
    outcome: Outcome
    asset: Asset | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class PushReport:
    """What a push did, image by image; it shows itself, without the addresses."""

    path: Path
    host: str
    workspace_id: str
    images: tuple[Pushed, ...]

    @property
    def assets(self) -> tuple[Asset, ...]:
        """The platform's records, in the order of the step's output."""
        return tuple(image.asset for image in self.images if image.asset is not None)

    def _title(self) -> str:
        count = counted(len(self.images), "image")
        return f"{self.path.name}: {count}, workspace {self.workspace_id} at {self.host}"

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                f"output.assets.{one.index}",
                one.outcome,
                one.file_name,
                byte_size(one.size),
                f"sha256 {one.sha256[:8]}",
            )
            for one in self.images
        ]

    def __repr__(self) -> str:
        return redaction.visible("\n  ".join([self._title(), *("  ".join(row) for row in self._rows())]))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(redaction.visible(cell))}</td>' for cell in row)}</tr>"
            for row in self._rows()
        )
        heading = f"<strong>{escape(redaction.visible(self._title()))}</strong>"
        return html_output(f"{heading}<table>{rows}</table>")
