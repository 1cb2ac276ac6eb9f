"""What a sweep knows of its cells: the results its store has, and where their calls go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from imagegen_nb.core.keywords import no_workspace
from imagegen_nb.core.types import Backend, ChargeType
from imagegen_nb.errors import InvalidOption, MissingCredential
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.stored_run import stored_run
from imagegen_nb.step.output import Asset
from imagegen_nb.step.run_context import Route
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import Store
from imagegen_nb.sweeps.cells import Plan
from imagegen_nb.sweeps.context import Context
from imagegen_nb.sweeps.results import WAITING, Result, better, known_results, origin


class CellResults:
    """The results of the cells of one sweep, by number, as the workspace's store had them last."""

    def __init__(self, plans: Sequence[Plan], step_of: Callable[[int], ImageGenerationStep]) -> None:
        self._plans = plans
        self._step_of = step_of
        self._results: dict[int, Result] = {}
        self._unknown: dict[int, Result] = {}
        """The cells whose charge was unknown as the ledger was read last."""
        self._places: dict[tuple[str, ChargeType], str] = {}
        """Where the images of each payer came from then."""
        self.workspace: Context | None = None
        self.backend: Backend | None = None
        """What makes the images, once it is known."""

    def __getitem__(self, number: int) -> Result:
        return self._results.get(number, WAITING)

    def note(self, number: int, result: Result) -> None:
        """Take in what has become of a cell."""
        if result.refused and (before := self._unknown.get(number)) is not None:
            # That a repeat was refused does not make it free: the run before may have been charged.
            reason = f"{result.error} Of the run before: {before.error}"
            result = replace(before, error=reason, refused=True)
        self._results[number] = result

    @property
    def known(self) -> list[Result]:
        """The results of the cells that were run."""
        return list(self._results.values())

    def counts(self) -> Counter[str]:
        """How many cells ended how."""
        return Counter(self[number].outcome for number in range(len(self._plans)))

    def run_of(self, number: int) -> Run | None:
        """A cell's run, out of the store."""
        result = self[number]
        if self.workspace is None or not result.run_id or result.outcome in ("running", "submitted"):
            return None
        entry = self.workspace.store.find_run(result.run_id)
        return None if entry is None else stored_run(entry, self.workspace.store)

    def assets_of(self, number: int) -> tuple[Asset, ...]:
        """A cell's images."""
        result = self[number]
        if self.workspace is None or result.outcome not in ("done", "partial"):
            return ()
        store = self.workspace.store
        return tuple(Asset.of(record, store) for record in store.list_records(result.run_id))

    def context(self, workspace: Context | None) -> Context:
        """This workspace, or the one in use. Raises `InvalidOption` where there is none."""
        context = self.workspace if workspace is None else workspace
        if context is None or not callable(getattr(context, "route", None)):
            raise no_workspace(workspace)
        return context

    def context_with_results(self, workspace: Context | None) -> Context:
        """The same, for what looks at results and starts no run. Raises `InvalidOption`."""
        if workspace is None and self.workspace is None:
            raise InvalidOption(
                "the sweep was not run here: call sweep.run(workspace=ws) first, or sweep.load(workspace=ws) "
                "for what the store has of it"
            )
        return self.context(workspace)

    def load(self, context: Context, sweep: str) -> dict[int, int]:
        """Read the results of all cells from the ledger, and return how often each was tried. What only this
        sweep knows, that a cell was refused or was made for something else, is kept where it still holds."""
        numbers = {plan.key: number for number, plan in enumerate(self._plans)}
        origins = self._origins(context)
        results, attempts = dict[int, Result](), dict[int, int]()
        for key, where, result in known_results(context.store, sweep):
            number = numbers.get(key)
            if number is not None and where == origins[self._plans[number].payer]:
                results[number] = better(results.get(number), result)
                attempts[number] = max(attempts.get(number, 0), result.attempt)
        known = self._known_here(context, origins)
        shared = {number: result for number, result in known.items() if result.reused}
        refused = {
            number: result
            for number, result in known.items()
            if result.refused and attempts.get(number, 0) <= result.attempt  # else it was run elsewhere since
        }
        self._unknown = {number: one for number, one in results.items() if one.outcome == "unknown"}
        self._results.clear()
        self._results.update(shared | results | refused)
        self.workspace, self._places = context, origins
        return attempts

    def _known_here(self, context: Context, origins: dict[tuple[str, ChargeType], str]) -> dict[int, Result]:
        """The results so far that also hold in this workspace: another one of the same store may have a
        higher budget, but images of the emulator are not those of the providers."""
        if self.workspace is None or not _are_same(self.workspace.store, context.store):
            return {}
        payers = [plan.payer for plan in self._plans]
        return {
            number: result
            for number, result in self._results.items()
            if origins[payers[number]] == self._places.get(payers[number])
        }

    def routes(self, context: Context, numbers: Iterable[int]) -> list[Route]:
        """Where the calls of these cells go. Raises `MissingCredential` or `ReplayError`, before anything is
        asked."""
        payers = {self._plans[number].payer: number for number in numbers}.values()
        return [self._route(context, number) for number in payers]

    def _origins(self, context: Context) -> dict[tuple[str, ChargeType], str]:
        """Where the images of each provider come from. A key need not be there: looking costs nothing."""
        origins: dict[tuple[str, ChargeType], str] = {}
        for number, one in enumerate(self._plans):
            if one.payer not in origins:
                try:
                    route = self._route(context, number)
                    origins[one.payer], self.backend = origin(route), route.backend
                except MissingCredential:
                    origins[one.payer] = "live"
        return origins

    def _route(self, context: Context, number: int) -> Route:
        step = self._step_of(number)
        return context.route(step.entry.provider, step.charge_type)


def _are_same(one: Store, other: Store) -> bool:
    """Whether two stores keep their images in the same folder, or below the same URL."""
    if one is other:
        return True
    places = [getattr(store, "folder", None) or getattr(store, "url", None) for store in (one, other)]
    return places[0] is not None and places[0] == places[1]
