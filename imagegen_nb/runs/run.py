"""A run: everything that happened when a step was run, beside the output later steps see."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imagegen_nb.core import html_repr
from imagegen_nb.core.atomic_files import explain_writing, user_path
from imagegen_nb.core.attribute_list import AttributeList
from imagegen_nb.core.filenames import kind_named
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.types import (
    SYNTHETIC_BACKENDS,
    Backend,
    MissingImages,
    ResponseMetadata,
    Usage,
    backend_mark,
)
from imagegen_nb.core.words import counted
from imagegen_nb.errors import ImagegenError, InvalidOption, ModerationBlocked, StoreError
from imagegen_nb.pricing.cost import Cost, cost_of
from imagegen_nb.pricing.estimate import Estimate, PricedCall, span
from imagegen_nb.providers import catalog
from imagegen_nb.providers.base import CatalogEntry
from imagegen_nb.runs.batch_ref import BatchRef
from imagegen_nb.step.output import DEFAULT_IDENTIFIER, StepOutput, taken_by_another
from imagegen_nb.step.step import ImageGenerationStep

if TYPE_CHECKING:
    from PIL import Image

_LONGEST_ALT = 250
_FOLDERS = re.compile(r"(file|simulated)://[^\s'\"<>]*/")
Status = Literal["done", "partial", "failed", "cancelled"]


@helpful_calls
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run:
    """One run of a step. A run is itself a value for a later prompt: `{"step_2": run}`.

    `prompt` is the rendered one, `inputs` the plain data that filled it. `requested`, `returned` and
    `blocked` count images; `shortfalls` say why some did not come. `usage` sums what the provider
    reported, `receipts` keeps each request's own report. `duration` is in seconds, `started_at` an
    ISO 8601 time in UTC, `paid_by` names whose key paid (never the key). `identifier` is the name
    later steps use, where it is known. `cassette` names the recording the run went through, into it or
    (`replayed`) out of it; a replay asks nothing and costs nothing. `unpriced_account` names an account that
    has prices of its own, such as a gateway; `batch` the provider's batch that the run was part of.
    """

    id: str
    step: ImageGenerationStep
    prompt: str
    inputs: dict[str, Any]
    output: StepOutput
    status: Status
    requested: int
    backend: Backend
    paid_by: str
    started_at: str
    duration: float
    receipts: tuple[ResponseMetadata, ...] = ()
    shortfalls: tuple[MissingImages, ...] = ()
    warnings: tuple[str, ...] = ()
    error: ImagegenError | None = None
    identifier: str | None = None
    cassette: str | None = None
    replayed: bool = False
    usage: Usage = field(default_factory=Usage)
    batch: BatchRef | None = None
    unpriced_account: str = ""

    if not TYPE_CHECKING:  # a checker would take every name for one that a run has

        def __getattr__(self, name: str) -> Any:
            of_output = f": write run.output.{name}" if name in StepOutput.model_fields else ""
            raise AttributeError(f"a run has no {name}{of_output}", name=name, obj=self)

    @property
    def returned(self) -> int:
        """Images that arrived and were kept."""
        return len(self.output.assets)

    @property
    def blocked(self) -> int:
        """Images refused by a safety system."""
        return sum(short.count for short in self.shortfalls if isinstance(short.error, ModerationBlocked))

    @property
    def emulated(self) -> bool:
        """Whether the images come from an emulator or a simulation; no provider was called then."""
        return self.backend in SYNTHETIC_BACKENDS

    @property
    def simulated(self) -> bool:
        """Whether nothing was run: `simulate` made this run."""
        return self.backend == "simulation"

    @property
    def request_ids(self) -> tuple[str, ...]:
        """The provider's ids of the requests that were answered, for its support."""
        return tuple(receipt.request_id for receipt in self.receipts if receipt.request_id)

    @property
    def answered_by(self) -> str | None:
        """The model that answered, as the provider says; it differs for a redirected model."""
        return next((receipt.answered_by for receipt in self.receipts if receipt.answered_by), None)

    @property
    def cost(self) -> Cost:
        """What the run cost, by the provider's own account; its amount is None where that is unknown."""
        if self.simulated:
            return Cost(amount=None, reasons=("simulated: nothing was run",), synthetic=True)
        entry = catalog.find(self.step.model)
        account = cost_of(
            self.receipts,
            [*filter(None, [self.error]), *(short.error for short in self.shortfalls)],
            provider=entry.provider.name if entry else "",
            model=self.step.model,
            declared=entry is None or bool(entry.model.like),
            unpriced_account=self.unpriced_account,
            batch=self.batch is not None,
            images=self.returned,
        )
        if self.replayed:
            return Cost(
                amount=Decimal(0),
                images=self.returned,
                synthetic=self.emulated,
                replayed=True,
                recorded=account.amount,
            )
        return Cost(**account._asdict(), images=self.returned, synthetic=self.emulated)

    def cost_on(self, model: str) -> Estimate:
        """What the images of this run would have cost with another model, as a range.

        Settings that the other model does not have or take are left to it, which widens the range. Raises
        `InvalidOption` for a model that is not known.
        """
        entry = catalog.find(model)
        if entry is None:
            raise InvalidOption(f"model = {model!r}: not a known model; {catalog.declaration(model)}")
        size, quality = (_kept(entry, self.step, key) for key in ("image_size", "image_quality"))
        return span(
            PricedCall(
                provider=entry.provider.name,
                model=model,
                prompt=self.prompt,
                count=max(self.returned, 1),
                size=size,
                quality=quality,
                declared=bool(entry.model.like),
            )
        )

    @property
    def prompt_without_folders(self) -> str:
        """The prompt as it is shown: folders in it differ between machines, and so would what fits."""
        return without_folders(self.prompt)

    @property
    def images(self) -> list[Image.Image]:
        """The pictures as loaded Pillow images, in order. Raises as `Asset.bytes` does."""
        pictures = (asset.image() for asset in self.output.assets)
        return AttributeList(pictures, "run.images", "image")

    def save(
        self, folder: str | os.PathLike[str], *, overwrite: bool = False, embed: bool = False
    ) -> list[Path]:
        """Write the images into `folder`, which is made, under readable names; returns where they are.

        The store keeps its files under their contents' hashes, and stays as it is. A file that is there with
        the same bytes stays. Raises `StoreError` as `Asset.save` does, before anything is written where one
        of the names is taken. `embed` lets each file say which step made it.
        """
        target = user_path(folder, StoreError)
        if target.exists() and not target.is_dir():
            raise StoreError(f"{target} is a file: give a folder, or use output.assets[0].save(path)")
        if not target.exists() and kind_named(target.name).startswith("image/"):
            raise StoreError(f"{target} is a file's name: give a folder, or use output.assets[0].save(path)")
        waiting = []
        for asset in self.output.assets:
            path = target / Path(asset.file_name).name
            waiting.append((asset, path))
            if not overwrite and (taken := taken_by_another(asset, path, embed=embed)):
                raise StoreError(
                    f"cannot save to {taken}: another file is there; pass overwrite=True, or another folder"
                )
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = explain_writing(error, target.parent)
            raise StoreError(f"cannot make the folder {target}: {reason}") from None
        for asset, path in waiting:
            asset.save(path, overwrite=overwrite, embed=embed)
        return [target / Path(asset.file_name).name for asset in self.output.assets]

    def as_context(self) -> dict[str, Any]:
        """What a later prompt's paths walk through: `{"output": {settings, assets}}`."""
        return {"output": self.output.as_context()}

    @property
    def title(self) -> str:
        """What was run and how it went, in one line that is the same for equal runs."""
        name = f"“{self.step.name}” · " if self.step.name else ""
        origin = backend_mark(self.backend)
        if self.cassette is not None:  # the same text while recording, so that a replay shows the same
            origin += " · recorded" if self.emulated else " · recorded live"
        return (
            f"{name}{self.step.model} · {self.returned} of {counted(self.requested, 'image')} · "
            f"{self.status}{origin}"
        )

    def _notes(self) -> list[str]:
        notes = [f"Failed: {self.error.summary()}"] if self.error else []
        if not self.error:
            notes += [f"{short.count} missing: {short.error.summary()}" for short in self.shortfalls]
        return notes + list(self.warnings)

    def _tiles(self) -> list[html_repr.Tile]:
        prefix = f"{self.identifier or DEFAULT_IDENTIFIER}.output"
        prompt = self.prompt_without_folders
        alt = prompt if len(prompt) <= _LONGEST_ALT else f"{prompt[:_LONGEST_ALT]}…"
        return list(self.output.tiles(prefix, alt))

    def static_page(self) -> html_repr.Page:
        """What is shown of the run without widgets."""
        return html_repr.Page(self.title, self._notes(), self._tiles(), self.returned)

    def __repr__(self) -> str:
        # Deterministic on purpose: no ids, times or folders, so that notebooks can be compared.
        return self.static_page().text()

    def _repr_html_(self) -> str:
        return self.static_page().html()


def without_folders(text: str) -> str:
    """`text` as it is shown, its addresses of files without their folders."""
    return _FOLDERS.sub(r"\1:///", text)


def _kept(entry: CatalogEntry, step: ImageGenerationStep, key: str) -> str | None:
    """A setting in effect that another model takes too, else None."""
    value, kind = step.effective(key), entry.model.settings.get(key)
    return value if value is not None and kind is not None and kind.check(value) is None else None
