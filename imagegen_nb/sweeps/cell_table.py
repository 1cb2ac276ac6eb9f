"""The cells of a sweep with what is known of each: listed, found, counted, and as tables."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from imagegen_nb.core import active_cassette
from imagegen_nb.core.attribute_list import AttributeList
from imagegen_nb.core.frames import frame
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.redaction import without_keys
from imagegen_nb.core.stored_size import StoredSize, total
from imagegen_nb.core.types import backend_mark
from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers import catalog
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import Asset
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.sweeps import axes as axis_values
from imagegen_nb.sweeps import spending, tables
from imagegen_nb.sweeps.axes import Axes
from imagegen_nb.sweeps.cell import Cell
from imagegen_nb.sweeps.cell_results import CellResults
from imagegen_nb.sweeps.cells import Plan, Skipped, cell_of, content_name, values_on_axes
from imagegen_nb.sweeps.estimate import SweepEstimate, estimate_of
from imagegen_nb.sweeps.picks import CellRun, Picks
from imagegen_nb.sweeps.results import Result
from imagegen_nb.sweeps.spending import Spent
from imagegen_nb.sweeps.wording import PYTHON, Wording


@helpful_calls
class CellTable:
    """A sequence of cells: those that can be run, in the order of the axes."""

    def __init__(
        self,
        step: ImageGenerationStep,
        axes: Axes,
        inputs: Mapping[str, Any],
        plans: list[Plan],
        skipped: list[Skipped],
        *,
        repeats: int,
        name: str | None,
    ) -> None:
        self.template = step
        self.repeats = repeats
        self.axes = axes.names
        self._of_rows = axes.of_rows
        self._inputs = inputs
        self._plans = plans
        self.skipped: tuple[Skipped, ...] = tuple(skipped)
        self.name = content_name(plans) if name is None else name
        self._results = CellResults(plans, lambda number: self._step_and_inputs(number)[0])
        self.stopped: tuple[str, ...] = ()
        """Why cells were not run that were to be."""
        self._wording = PYTHON
        self._under_way: frozenset[int] = frozenset()
        """The cells that this sweep itself is running now."""
        self._left_waiting = 0
        """Cells that were not run since only failed ones were to be."""

    @property
    def cells(self) -> list[Cell]:
        """All cells, in the order of the axes."""
        return self._listed(self, "cells")

    @staticmethod
    def _listed(cells: Iterable[Cell], name: str) -> list[Cell]:
        return AttributeList(cells, f"sweep.{name}", "cell")

    def __len__(self) -> int:
        return len(self._plans)

    def __iter__(self) -> Iterator[Cell]:
        return (Cell(self, number) for number in range(len(self)))

    @overload
    def __getitem__(self, number: int) -> Cell: ...

    @overload
    def __getitem__(self, number: slice) -> list[Cell]: ...

    def __getitem__(self, number: int | slice) -> Cell | list[Cell]:
        numbers = range(len(self))
        if isinstance(number, slice):
            return [Cell(self, one) for one in numbers[number]]
        try:
            return Cell(self, numbers[number])
        except IndexError:
            raise IndexError(
                f"there is no cell {number}: the sweep has {counted(len(self), 'cell')}, 0 to {len(self) - 1}"
            ) from None
        except TypeError:
            raise InvalidOption(
                f"sweep[{number!r}]: give a cell's number, 0 to {len(self) - 1}, or look for its values: "
                f"sweep.find({self.axes[0].removeprefix(axis_values.INPUTS).replace('.', '_')}=…)"
            ) from None

    def find(self, **values: Any) -> list[Cell]:
        """The cells with these values; write an input without `inputs.`, as `find(product="a lamp")`."""
        named = {self._axis_called(name): value for name, value in values.items()}
        return [cell for cell in self if {**cell.values, "repeat": cell.repeat}.items() >= named.items()]

    def _axis_called(self, name: str) -> str:
        for axis in (name, f"{axis_values.INPUTS}{name}"):
            if axis in (*self.axes, "repeat"):
                return axis
        close = axis_values.nearest_axis(str(name), self.axes)
        meant = f"; did you mean {close.removeprefix(axis_values.INPUTS)}?" if close else ""
        raise InvalidOption(f"{name} is not an axis of this sweep: it has {', '.join(self.axes)}{meant}")

    @property
    def failed(self) -> list[Cell]:
        """The cells that have no image and, surely, none that was paid for: `run` runs them again."""
        return self._listed((cell for cell in self if cell.outcome == "failed"), "failed")

    @property
    def unknown(self) -> list[Cell]:
        """The cells without an image that may have been charged: run again only if asked."""
        return self._listed((cell for cell in self if cell.outcome == "unknown"), "unknown")

    @property
    def waiting(self) -> list[Cell]:
        """The cells that were not run yet."""
        return self._listed((cell for cell in self if cell.outcome == "waiting"), "waiting")

    @property
    def done(self) -> list[Cell]:
        """The cells that have images, all or some of them."""
        return self._listed((cell for cell in self if cell.outcome in ("done", "partial")), "done")

    @property
    def starred(self) -> list[Cell]:
        """The cells of which an image has a star."""
        return self._listed((cell for cell in self if cell.starred), "starred")

    @property
    def picked(self) -> list[Cell]:
        """The cells that were picked, in the order of the picks, as the store has it; a cell whose run was
        replaced is not picked any more."""
        numbers = {self._cell_run(number): number for number in range(len(self))}
        return [Cell(self, numbers[one]) for one in self._picks_here() if one in numbers]

    def _is_picked(self, number: int) -> bool:
        return bool(self._result(number).run_id) and self._cell_run(number) in self._picks_here()

    def _picks_here(self) -> Sequence[CellRun]:
        """The picks in the store of the workspace that is in use."""
        workspace = self._results.workspace
        return () if workspace is None else Picks(self.name, workspace.store).all()

    def _cell_run(self, number: int) -> CellRun:
        return CellRun(self._plans[number].key, self._result(number).run_id)

    def estimate(self, *, batch: bool = False) -> SweepEstimate:
        """What all cells together may cost, and of how many that is unknown; `batch` asks for the price in
        providers' batches."""
        return self._batch_estimate if batch else self._estimate

    @cached_property
    def _estimate(self) -> SweepEstimate:
        return estimate_of(plan.priced for plan in self._plans)

    @cached_property
    def _batch_estimate(self) -> SweepEstimate:
        return estimate_of(replace(plan.priced, batch=True) for plan in self._plans)

    @cached_property
    def stored_size(self) -> StoredSize:
        """The bytes that the images of all cells will roughly take in a store."""
        return total(self._step_and_inputs(number)[0].stored_size for number in range(len(self._plans)))

    def _step_and_inputs(self, number: int) -> tuple[ImageGenerationStep, dict[str, Any]]:
        return cell_of(self.template, self._inputs, self.axes, self._plans[number].values)

    def _result(self, number: int) -> Result:
        return self._results[number]

    def _run_of(self, number: int) -> Run | None:
        return self._results.run_of(number)

    def _assets_of(self, number: int) -> tuple[Asset, ...]:
        return self._results.assets_of(number)

    # Tables

    def rows(self) -> list[dict[str, Any]]:
        """One dict a cell: its values, how it ended, and the files of its images; keys are masked."""
        return tables.rows(self)

    def to_frame(self, library: str | None = None) -> Any:
        """A table of pandas or polars, one row a cell."""
        rows = self.rows()
        return frame(tables.columns(self.axes, rows), rows, library)

    def to_csv(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the table as CSV. Returns where it is: a name without an ending gets `.csv`. An older table
        of a sweep is replaced. Raises `StoreError`, also where something else is there, unless `overwrite`.
        """
        target = tables.free_path(tables.named(path, ".csv"), tables.is_there, overwrite=overwrite)
        return tables.written(target, tables.as_csv(self.axes, self.rows()))

    def to_json(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the sweep as JSON, with what could not be run. Returns where it is: a name without an ending
        gets `.json`. An older one of a sweep is replaced. Raises `StoreError` as `to_csv` does."""
        target = tables.free_path(tables.named(path, ".json"), tables.is_json_there, overwrite=overwrite)
        return tables.written(target, self._json())

    def _json(self) -> str:
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2, default=str) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """The sweep as plain data: what it asks, its cells, what is to be said (`notes`), and why cells
        were not run that were to be (`stopped`)."""
        return {
            "name": self.name,
            "axes": list(self.axes),
            "repeats": self.repeats,
            "step": without_keys(self.template.settings(), catalog.keys_in_use()),
            "counts": self.counts(),
            **without_keys({"notes": self.notes(), "stopped": list(self.stopped)}, catalog.keys_in_use()),
            "cells": self.rows(),
            "skipped": [
                without_keys(
                    {"values": dict(one.values), "reasons": list(one.reasons)}, catalog.keys_in_use()
                )
                for one in self.skipped
            ],
        }

    # In words

    def use_wording(self, wording: Wording) -> None:
        """Let the sweep's advice be what can be written where it was started, such as on a command line."""
        self._wording = wording

    def counts(self) -> dict[str, int]:
        """How many cells ended how."""
        found = self._results.counts()
        return {name: found[name] for name in sorted(found)}

    @property
    def title(self) -> str:
        """What the sweep is, in a line."""
        counts = list(values_on_axes(self._plans, self.axes))
        is_grid = math.prod(count for _, count in counts) * self.repeats == len(self)
        names = [f"{axis.removeprefix(axis_values.INPUTS)} ({count})" for axis, count in counts]
        shape = (" × " if is_grid else ", ").join(names)  # rows need not hold every combination
        repeats = f", {self.repeats} times each" if self.repeats > 1 else ""
        return f"Sweep · {counted(len(self), 'cell')}: {shape}{repeats}{backend_mark(self._results.backend)}"

    def notes(self) -> list[str]:
        """What there is to say of the whole."""
        counts = self.counts()
        notes = [", ".join(f"{count:,} {name}" for name, count in counts.items())]
        if reused := sum(result.reused for result in self._results.known):
            notes.append(f"{reused:,} reused: made earlier by the same call")
        if unknown := counts.get("unknown", 0):
            notes.append(
                f"charge unknown: {unknown:,} may have been charged and gave no image. They are run "
                f"again only if asked, {self._wording.repeat_unknown}"
            )
        if submitted := counts.get("submitted", 0):
            notes.append(f"{submitted:,} submitted in batches: {self._wording.collect}")
        if elsewhere := sum(self._is_elsewhere(number) for number in range(len(self))):
            notes.append(
                f"under way elsewhere: another process has {elsewhere:,}, whose images come into the same "
                f"store. {self._wording.look_again}"
            )
        if self._left_waiting:
            notes.append(
                f"{self._wording.only_failed}: {self._left_waiting:,} waiting were not run. Nothing was sent "
                f"for them; those that a budget refused in another process are among them. "
                f"{self._wording.run_waiting}"
            )
        notes += [f"stopped: {reason}" for reason in self.stopped]
        if self.skipped:
            notes.append(f"left out: {len(self.skipped):,} that cannot be run, {self._wording.see_skipped}")
        is_over = set(counts) <= {"done", "partial"}
        spent = self._spent()
        notes += [spent] if spent else []
        return notes if spent and is_over else [*notes, f"estimate: {self._estimate}"]

    def _spent(self) -> str:
        """What its runs cost so far; empty where nothing was charged, and where a recording is made or
        answers, which has to show the same in both."""
        if active_cassette.current() is not None:
            return ""
        runs = [
            Spent(result.cost, is_synthetic=result.emulated)
            for result in self._results.known
            if result.charge != "none"
            and not result.reused
            and result.outcome not in ("running", "submitted")
        ]
        return spending.told(runs) if runs else ""

    @contextmanager
    def _taken_in(self, take_in: Callable[[], object]) -> Iterator[None]:
        """Take in what has become of the cells as the block ends; an interrupt says how far they came."""
        try:
            yield
        except BaseException as error:
            take_in()
            if isinstance(error, KeyboardInterrupt):
                error.add_note(self._how_far())
            raise
        take_in()

    def _how_far(self) -> str:
        counts = Counter(self.counts())
        perhaps = counts["unknown"] + counts["running"]
        told = [
            f"{counts['done'] + counts['partial']:,} of {counted(len(self), 'cell')} done",
            *([f"{counts['submitted']:,} submitted in batches"] if counts["submitted"] else []),
            *([f"{perhaps:,} without an image may have been charged"] if perhaps else []),
        ]
        return f"{', '.join(told)}. {self._wording.go_on}"

    def _is_elsewhere(self, number: int) -> bool:
        return self._result(number).outcome == "running" and number not in self._under_way
