"""A sweep: one step run over many values, resumed where it was cut off, looked at as a whole."""

from __future__ import annotations

import importlib
import inspect
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from imagegen_nb.core import html_page, user_warnings
from imagegen_nb.core.background_loop import Job
from imagegen_nb.core.keywords import helpful_calls, takes
from imagegen_nb.core.near_attributes import NearAttributes
from imagegen_nb.core.plain_data import plain
from imagegen_nb.errors import BudgetWarning, InvalidOption, StoreError
from imagegen_nb.step.step import ImageGenerationStep, check_inputs
from imagegen_nb.sweeps import axes as axis_values
from imagegen_nb.sweeps import tables
from imagegen_nb.sweeps.batches import BatchedCells
from imagegen_nb.sweeps.budget_warning import warning_of
from imagegen_nb.sweeps.cell import Cell
from imagegen_nb.sweeps.cells import instead_of, plan, refusal
from imagegen_nb.sweeps.context import Context
from imagegen_nb.sweeps.execution import Execution
from imagegen_nb.sweeps.judgements import Contest
from imagegen_nb.sweeps.picks import Pick, Picks
from imagegen_nb.sweeps.progress import bar
from imagegen_nb.sweeps.rating import Rating, rater_name
from imagegen_nb.sweeps.remote_cells import executor_of
from imagegen_nb.sweeps.scores import Scores, judges_of
from imagegen_nb.sweeps.scoring import Judge, Scoring, judge_name

if TYPE_CHECKING:
    from imagegen_nb.sweeps.comparison import Comparison
    from imagegen_nb.sweeps.grid import Grid
    from imagegen_nb.sweeps.ranking import Ranking
    from imagegen_nb.sweeps.report import Remarks

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}")
_MOST_REPEATS = 1_000
_MOST_AT_ONCE = 64
_MOST_PICTURES = 100
"""Of a report, beside those of the winners."""


@helpful_calls
class Sweep(NearAttributes, BatchedCells):
    """A step over several values: `over` gives lists by axis, each combined with each; `rows` gives rows.

    An axis is a setting (`model`, `prompt`, `image_quality`, …) or an input (`inputs.product`). `rows` are
    dicts, the path of a CSV file, or a table of pandas or polars; with `over`, every row is combined with it.
    `repeats` runs each combination several times. `inputs` fills what does not vary. Every combination is
    checked at once: one that cannot be run is an error with its reasons, or left out with `invalid="skip"`.

    `name` tells the sweep from others: under it, what was paid for is never paid again, also when axes grow.
    Without one a sweep is what it asks: the same sweep goes on where it stopped, another one is new.
    """

    def __init__(
        self,
        step: ImageGenerationStep,
        over: Mapping[str, Iterable[Any]] | None = None,
        *,
        rows: object = None,
        inputs: Mapping[str, Any] | None = None,
        repeats: int = 1,
        name: str | None = None,
        invalid: Literal["error", "skip"] = "error",
    ) -> None:
        if not isinstance(step, ImageGenerationStep):
            raise InvalidOption(f"step is of type {type(step).__name__}: {instead_of(step)}")
        if type(repeats) is not int or not 1 <= repeats <= _MOST_REPEATS:
            raise InvalidOption(f"repeats = {repeats!r}: give a whole number from 1 to {_MOST_REPEATS:,}")
        if invalid not in ("error", "skip"):
            raise InvalidOption(f'invalid = {invalid!r}: use "error" or "skip"')
        check_inputs(inputs)
        read = axis_values.read(step, over, rows)
        if (count := len(read.combinations) * repeats) > axis_values.MOST_CELLS:
            raise InvalidOption(
                f"repeats = {repeats}: that makes {count:,} cells; a sweep has at most "
                f"{axis_values.MOST_CELLS:,}"
            )
        given = plain(inputs or {})
        plans, skipped = plan(step, given, read, repeats)
        if skipped and (invalid == "error" or not plans):
            raise refusal(skipped, len(read.combinations))
        checked = None if name is None else _checked_name(name)
        super().__init__(step, read, given, plans, skipped, repeats=repeats, name=checked)

    # Running

    def run(
        self,
        *,
        workspace: Context | None = None,
        concurrency: int = 8,
        progress: bool = True,
        reuse: bool = False,
        only: Literal["failed"] | Iterable[Cell | int] | None = None,
        repeat: Literal["unknown"] | Iterable[Cell | int] = (),
        on_cell: Callable[[Cell], object] | None = None,
        executor: object = None,
    ) -> Self:
        """Run the cells that have no images yet, and wait for them; returns the sweep, which shows itself.

        As many as `concurrency` are under way at once for each provider. A cell that fails fails alone. What
        is paid for is never run again, however an earlier start ended; a cell that may have been charged only
        if `repeat` names it, or is "unknown" for all such. `only` runs some cells, or the "failed" ones.
        `reuse=True` takes what an equal call has left in the store. `on_cell` is called with each cell that
        has ended, on the toolkit's own thread. Interrupting keeps what has arrived.

        `executor` runs the cells elsewhere: any `concurrent.futures.Executor`, or a Dask client. Its workers
        must reach the store, and read keys from their own environment. Give as `concurrency` how many there
        are, so that none is handed more than it can begin.
        """
        context = self._results.context(workspace)
        execution = self._start(context, concurrency, progress, reuse, only, repeat, on_cell, executor)
        with self._taken_in(lambda: self._end(execution)):
            Job(execution.run()).wait()
        return self

    async def arun(
        self,
        *,
        workspace: Context | None = None,
        concurrency: int = 8,
        progress: bool = True,
        reuse: bool = False,
        only: Literal["failed"] | Iterable[Cell | int] | None = None,
        repeat: Literal["unknown"] | Iterable[Cell | int] = (),
        on_cell: Callable[[Cell], object] | None = None,
        executor: object = None,
    ) -> Self:
        """As `run`, to be awaited from any event loop."""
        context = self._results.context(workspace)
        # The ledger is read in this thread: it takes a moment, and the bar belongs to the running cell.
        execution = self._start(context, concurrency, progress, reuse, only, repeat, on_cell, executor)
        with self._taken_in(lambda: self._end(execution)):
            await Job(execution.run()).join()
        return self

    def load(self, *, workspace: Context | None = None) -> Self:
        """Take in what the store has of this sweep, without running anything."""
        self._loaded(workspace)
        return self

    def _start(
        self,
        context: Context,
        concurrency: int,
        progress: bool,
        reuse: bool,
        only: Literal["failed"] | Iterable[Cell | int] | None,
        repeat: Literal["unknown"] | Iterable[Cell | int],
        on_cell: Callable[[Cell], object] | None,
        executor: object,
    ) -> Execution:
        """Check everything, and find out which cells are to be run; nothing is asked yet."""
        self._check_concurrency(concurrency)
        told: object = on_cell
        if told is not None and (
            not callable(told) or inspect.iscoroutinefunction(told) or not takes(told, 1)
        ):
            raise InvalidOption("on_cell must be a plain function that takes one cell (not async)")
        elsewhere = None if executor is None else executor_of(executor)
        attempts = self._results.load(context, self.name)
        tasks = self._tasks(attempts, only, repeat)
        if told_of_budget := warning_of(
            context, (self._plans[task.number].priced for task in tasks), self._wording
        ):
            user_warnings.warn(told_of_budget, BudgetWarning)
        recorded = False
        if elsewhere is None:  # the workers have keys of their own
            routes = self._results.routes(context, (one.number for one in tasks))
            recorded = any(route.cassette for route in routes)
        self._under_way = frozenset(task.number for task in tasks)
        return Execution(
            sweep=self.name,
            context=context,
            tasks=tasks,
            inputs_of=self._step_and_inputs,
            note=self._results.note,
            # Recorded equal calls are replayed in their order, and a bar's times never come again.
            concurrency=1 if recorded else concurrency,
            # Made in the caller's thread: a notebook shows it in the cell that is running.
            progress=bar(len(tasks), shown=progress and not recorded),
            on_cell=None if on_cell is None else lambda number: on_cell(Cell(self, number)),
            reuse=reuse,
            executor=elsewhere,
            taken={result.run_id for result in self._results.known},
        )

    @staticmethod
    def _check_concurrency(concurrency: object) -> None:
        if type(concurrency) is not int or not 1 <= concurrency <= _MOST_AT_ONCE:
            raise InvalidOption(
                f"concurrency = {concurrency!r}: give a whole number from 1 to {_MOST_AT_ONCE}"
            )

    def _end(self, execution: Execution) -> None:
        """Take in what else has become of it."""
        self._under_way = frozenset()
        self.stopped = tuple(execution.stopped.values())
        if any(result.outcome == "running" for result in self._results.known):
            self._results.load(execution.context, self.name)  # what other processes have finished meanwhile

    # Looking and deciding

    def grid(
        self,
        *,
        rows: str | None = None,
        columns: str | None = None,
        only: Literal["failed"] | Iterable[Cell | int] | None = None,
        most: int = 60,
    ) -> Grid:
        """The cells as a table of pictures: one axis down, one across, the others inside.

        `only` shows some cells, or the failed ones; `most` pictures stand in it at most.
        """
        from imagegen_nb.sweeps.grid import Grid

        for name in (rows, columns):
            if name is not None:
                self._axis_called(name)
        wanted = None if only is None else self._chosen("only", only, [*self.failed, *self.unknown])
        cells = [cell for cell in self if wanted is None or cell.number in wanted]
        axes = [name and self._axis_called(name) for name in (rows, columns)]
        return Grid(self, cells, axes[0], axes[1], most)

    def pick(self, cell: Cell | int) -> Pick:
        """The step of a cell and its run, ready to be exported: `save_step(path, step, run=run)`.

        The store keeps that it was picked: grids, tables and reports show it, also those of other kernels.
        Raises `InvalidOption` for a cell without images, `StoreError` where the pick cannot be kept.
        """
        chosen = Cell(self, self._number(cell, "pick"))
        run = chosen.run
        if run is None or not chosen.assets:
            remedy = (
                "run the sweep first, sweep.run(workspace=ws)"
                if chosen.outcome == "waiting"
                else "pick another"
            )
            raise InvalidOption(f"pick: cell {chosen.number} has no image ({chosen.outcome}): {remedy}")
        Picks(self.name, self._results.context(None).store).pick(self._cell_run(chosen.number))
        # Of a reused run only the call is the same; what the ledger found too large is known here.
        return Pick(chosen.step, replace(run, step=chosen.step, inputs=chosen.inputs))

    def unpick(self, cell: Cell | int) -> None:
        """Take a pick back; a cell that is not picked may stay so. Raises `StoreError`."""
        number = self._number(cell, "unpick")
        if (workspace := self._results.workspace) is not None:
            Picks(self.name, workspace.store).unpick(self._cell_run(number))

    def compare(self, a: Cell | int, b: Cell | int) -> Comparison:
        """Two cells side by side: their images, and the settings and inputs that differ."""
        from imagegen_nb.sweeps.comparison import Comparison

        return Comparison(Cell(self, self._number(a, "compare")), Cell(self, self._number(b, "compare")))

    def rate(self, *, rater: str | None = None, workspace: Context | None = None) -> Any:
        """Compare the cells' images two at a time, blind; the result is `ranking()`.

        A widget shows two images without names, on sides drawn at random: key 1 for the left one, 2 for the
        right one, = for neither. In a script, `rate().rating` has the `pair` that comes next, and
        `judge(pair.id, "left")` takes a verdict on it. Each verdict is kept in the store at once under
        `rater` (by default the name of the account), who can go on in another kernel. Raises `InvalidOption`
        where fewer than two cells have images.
        """
        name = rater_name(rater)
        contest = self._contest(workspace)
        # By name: a sweep lies below the widgets, and needs none of them for anything else.
        widgets = importlib.import_module("imagegen_nb.widgets.pair_rating")
        return widgets.PairRating(Rating(contest, name))

    def ranking(self, *, rater: str | None = None, workspace: Context | None = None) -> Ranking:
        """The cells by what was said in `rate`, the best first, with scores and their standard errors; of all
        raters or of one."""
        from imagegen_nb.sweeps.ranking import Ranking

        return Ranking(self, self._contest(workspace), None if rater is None else rater_name(rater))

    def score(
        self,
        judge: Judge,
        *,
        name: str | None = None,
        by: str | None = None,
        lowest: bool = False,
        only: Iterable[Cell | int] | None = None,
        again: bool = False,
        concurrency: int = 4,
        progress: bool = True,
        workspace: Context | None = None,
    ) -> Scores:
        """Ask a judge about each image: a function of the image (an `Asset`) and its run that returns a
        number, or numbers and texts by name. Returns the cells in their order, best first.

        What it says is kept in the store at once under its name, `name` or its own. One that has a name of
        its own (`name=`, or an attribute) is asked about an image once, unless `again`; a plain function is
        asked anew each time, as its code may have changed. An async one is asked about `concurrency` images
        at once. Cells without an image get no score: they are `missing`. An image on which the judge fails is
        among the `failures`; where it fails on all, its error is raised. `by` and `lowest` as in `scores`.
        Raises `InvalidOption` where no cell has an image.
        """
        self._check_concurrency(concurrency)
        context = self._loaded(workspace)
        chosen = None if only is None else self._chosen("only", only, [])
        cells = [cell for cell in self if chosen is None or cell.number in chosen]
        scoring = Scoring.of(judge, name, context.store, concurrency=concurrency)
        scoring.run(cells, again=again, progress=progress)
        failures = scoring.reasons()
        return Scores(self, cells, context.store, scoring.name, by=by, lowest=lowest, failures=failures)

    def scores(
        self,
        judge: Judge | str | None = None,
        *,
        by: str | None = None,
        lowest: bool = False,
        workspace: Context | None = None,
    ) -> Scores:
        """The cells by what a judge has found in their images, the best first, out of the store.

        `judge` is one or its name, and can be left out where there is only one. `by` is the value that counts
        (`score`, or the first number it gave), the higher the better unless `lowest`. Cells of several images
        stand by their mean. Raises `InvalidOption`.
        """
        context = self._loaded(workspace)
        names = judges_of(context.store, (asset for cell in self.done for asset in cell.assets))
        named = judge if isinstance(judge, str) or judge is None else judge_name(judge, None)
        if (len(names) > 1 and named is None) or (names and named is not None and named not in names):
            raise InvalidOption(f"judge = {named!r}: choose from those that were asked: {', '.join(names)}")
        named = named or (names[0] if names else "a judge")
        return Scores(self, self.cells, context.store, named, by=by, lowest=lowest)

    def _loaded(self, workspace: Context | None) -> Context:
        """The workspace in use, after a look at what its store has of this sweep."""
        context = self._results.context_with_results(workspace)
        self._results.load(context, self.name)
        return context

    def _contest(self, workspace: Context | None) -> Contest:
        context = self._loaded(workspace)
        images = {cell.number: cell.assets for cell in self.done}
        return Contest(
            self.name,
            context.store,
            {number: assets for number, assets in images.items() if assets},
            {number: plan.key for number, plan in enumerate(self._plans)},
        )

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        winners: Iterable[Cell | int] | None = None,
        most: int = _MOST_PICTURES,
        remarks: Remarks | None = None,
    ) -> Path:
        """Write the sweep as one HTML file for people without a notebook; returns where it is.

        It holds thumbnails, settings, costs, outcomes and what the cells differ in; nothing in it runs or is
        loaded, and keys are masked. `winners` stand first: those that were picked, if none are given. `most`
        pictures stand in it at most, beside those of the winners. Stars, notes and places in the rating stand
        beside them; `remarks` is asked of each cell what else to say: text by what it is called. An older
        page of the toolkit's is replaced. Raises `StoreError` where something else is there, unless
        `overwrite`.
        """
        chosen = self._winners(winners)
        # Known before thumbnails are made, which takes a while.
        page = html_page.named(path, StoreError)
        target = tables.free_path(page, html_page.is_there, overwrite=overwrite)
        return tables.written(target, self._report(chosen, most, remarks))

    def crate(
        self,
        folder: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        winners: Iterable[Cell | int] | None = None,
        license: str | None = None,  # noqa: A002 - the word of the metadata
        author: str | None = None,
    ) -> Path:
        """Write the sweep as an RO-Crate, for an archive or other people's tools; returns where it is.

        The folder has all images, the report, the table as CSV and JSON, and `ro-crate-metadata.json`: of
        each cell that was run what it asked of which model, when, how it ended, and its images' hashes.
        `license` is an address such as `https://creativecommons.org/licenses/by/4.0/`, or words. Keys are
        masked. Takes the extra `rocrate`. Raises `StoreError` where something is there already, unless
        `overwrite`, which replaces a crate whole and nothing else.
        """
        from imagegen_nb.sweeps import crate

        chosen = self._winners(winners)
        target = crate.free_folder(folder, overwrite=overwrite)
        texts = {
            "sweep.html": self._report(chosen, _MOST_PICTURES, None),
            "sweep.json": self._json(),
            "sweep.csv": tables.as_csv(self.axes, self.rows()),
        }
        return crate.write(target, self, title=self.title, texts=texts, licence=license, author=author)

    def _winners(self, given: Iterable[Cell | int] | None) -> Collection[int]:
        """The numbers of the cells that were picked, or of those that are given."""
        if given is None:
            return [cell.number for cell in self.picked]
        return self._chosen("winners", given, [])

    def _report(self, winners: Collection[int], most: int, remarks: Remarks | None) -> str:
        from imagegen_nb.sweeps.report import report

        rated = self.ranking() if self._results.workspace else ()
        return report(
            self,
            self.cells,
            self.skipped,
            settings={
                **self.template.settings(),
                **{f"{axis_values.INPUTS}{name}": value for name, value in self._inputs.items()},
            },
            estimate=self.estimate(),
            stopped=self.stopped,
            winners=winners,
            standings={one.cell.number: one.standing for one in rated},
            most=most,
            remarks=remarks,
        )

    def __repr__(self) -> str:
        return repr(self.grid())

    def _ipython_display_(self) -> None:
        self.grid()._ipython_display_()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self.grid()._repr_mimebundle_()


def _checked_name(name: object) -> str:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise InvalidOption(
        f"name = {name!r}: use up to 80 letters, digits, spaces, dots, hyphens and underscores"
    )
