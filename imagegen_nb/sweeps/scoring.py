"""Judges asked about the images of a sweep: functions of an image and its run. What they say is kept."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from hashlib import sha256
from numbers import Integral, Real
from typing import Any, Self

from imagegen_nb.core import active_cassette
from imagegen_nb.core.background_loop import Job
from imagegen_nb.core.daemon_threads import STORE
from imagegen_nb.core.keywords import takes
from imagegen_nb.core.opinions import NUMBER, Score, ScoreValue
from imagegen_nb.core.redaction import without_keys
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.words import shortened
from imagegen_nb.errors import (
    AssetNotFound,
    AuthenticationFailed,
    BudgetExceeded,
    ImagegenError,
    InvalidOption,
    MissingCredential,
    QuotaExhausted,
    ReplayError,
    StoreError,
)
from imagegen_nb.providers import catalog
from imagegen_nb.runs.run import Run
from imagegen_nb.step.output import Asset
from imagegen_nb.store.base import Store
from imagegen_nb.sweeps.cell import Cell
from imagegen_nb.sweeps.progress import Progress, Silent, bar

Said = ScoreValue | Mapping[str, ScoreValue]
Judge = Callable[[Asset, Run], Said | Awaitable[Said]]
"""What finds something in an image: a number, or numbers and texts by name."""
_LONGEST_NAME = 200
_LONGEST_REASON = 500
_HOPELESS = (
    AuthenticationFailed,
    BudgetExceeded,
    MissingCredential,
    QuotaExhausted,
    ReplayError,
    StoreError,
)
"""What every further image would meet as well."""


@dataclass(slots=True)
class Scoring:
    """One judge at work on images: one after another in the caller's thread, or, where it is async,
    `concurrency` of them at once."""

    judge: Judge
    name: str
    store: Store
    concurrency: int
    is_constant: bool
    """Whether it stays the same under its name, so that what it once said need not be asked again."""
    failures: list[tuple[Cell, Asset, Exception]] = field(default_factory=list)
    """The images that were not judged, and why."""
    fatal: Exception | None = None
    progress: Progress = field(default_factory=Silent)

    @classmethod
    def of(cls, judge: Judge, name: str | None, store: Store, *, concurrency: int) -> Self:
        """A judge that may be asked. Raises `InvalidOption`."""
        given: object = judge
        if not callable(given):
            raise InvalidOption(
                f"judge = {given!r}: give a function of an image and its run that returns a number, or "
                "numbers and texts by name, e.g. lambda image, run: image.image().entropy()"
            )
        if not takes(given, 2):
            name = getattr(judge, "__name__", type(judge).__name__)
            raise InvalidOption(
                f"judge = {name}: a judge is called with an image (an Asset) and its run, which this cannot "
                f"be. Write def {'judge' if '<' in name else name}(image, run): ..., also where it needs one "
                "of them only"
            )
        # The code of a plain function may have changed.
        is_constant = name is not None or isinstance(getattr(judge, "name", None), str)
        return cls(judge, judge_name(judge, name), store, concurrency, is_constant)

    def run(self, cells: Iterable[Cell], *, again: bool, progress: bool) -> None:
        """Ask about each image of the cells, and keep what is said at once.

        Raises what every further image would meet too, such as a budget that is spent, and the first error
        where the judge fails on all; what ends one image is among the `failures`. Raises `InvalidOption`
        where there is no image.
        """
        images = [(cell, asset, run) for cell in cells if (run := cell.run) for asset in run.output.assets]
        if not images:
            raise InvalidOption("score: no cell has an image that could be judged; sweep.run() makes them")
        if self.is_constant and not again:
            images = [one for one in images if values_of(self.store, one[1], self.name) is None]
        # A bar's times never come again: while a cassette is in use there is none, as for a sweep's runs.
        self.progress = bar(len(images), shown=progress and not active_cassette.current(), unit="image")
        try:
            if is_async(self.judge):
                Job(self._ask_all(images)).wait()
            else:
                for cell, asset, run in images:
                    self._ask(cell, asset, run)
        finally:
            self.progress.close()
        if self.fatal is not None:
            raise self.fatal
        if images and len(self.failures) == len(images):
            cell, asset, error = self.failures[0]
            error.add_note(
                f"the judge failed on every image; this is {asset.file_name} of cell {cell.number}"
            )
            raise error

    def reasons(self) -> list[tuple[Cell, Asset, str]]:
        """The failures in words; keys are masked."""
        return [(cell, asset, _reason(error)) for cell, asset, error in self.failures]

    def _ask(self, cell: Cell, asset: Asset, run: Run) -> None:
        if self.fatal is not None:
            return
        try:
            said = self.judge(asset, run)
            # Also a plain function may hand on what is async.
            self._keep(asset, Job(_awaited(said)).wait() if inspect.isawaitable(said) else said)
        except Exception as error:  # noqa: BLE001 - a judge is the user's: it may raise anything
            self._note(cell, asset, error)
        self._tell()

    async def _ask_all(self, images: Iterable[tuple[Cell, Asset, Run]]) -> None:
        queue = iter(images)
        async with asyncio.TaskGroup() as group:
            for _ in range(self.concurrency):
                group.create_task(self._work(queue))

    async def _work(self, queue: Iterator[tuple[Cell, Asset, Run]]) -> None:
        for cell, asset, run in queue:
            if self.fatal is not None:
                return
            try:
                said = self.judge(asset, run)
                found = await said if inspect.isawaitable(said) else said
                await STORE.run(partial(self._keep, asset, found))
            except asyncio.CancelledError:
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                # Something that the judge awaits was cancelled, and nobody has cancelled the scoring.
                self._note(cell, asset, RuntimeError("what the judge awaits was cancelled"))
            except Exception as error:  # noqa: BLE001 - as above
                self._note(cell, asset, error)
            self._tell()

    def _note(self, cell: Cell, asset: Asset, error: Exception) -> None:
        # That one image's bytes are gone says nothing of the others.
        if isinstance(error, _HOPELESS) and not isinstance(error, AssetNotFound):
            self.fatal = error
        else:
            self.failures.append((cell, asset, error))

    def _keep(self, asset: Asset, said: object) -> None:
        # No key stands in a variable here: a traceback with locals would show it.
        values = without_keys(dict(_values(said)), catalog.keys_in_use())
        name = sha256(f"{asset.id}\n{self.name}".encode()).hexdigest()[:32]
        self.store.keep_score(
            Score(id=name, image=asset.id, judge=self.name, values=values, scored_at=utc_now())
        )

    def _tell(self) -> None:
        failed = len(self.failures)
        self.progress.advance(f"{failed:,} failed" if failed else "")


def is_async(judge: Judge) -> bool:
    """Whether a judge is an async function, or an object that is called as one."""
    return inspect.iscoroutinefunction(judge) or inspect.iscoroutinefunction(type(judge).__call__)


def judge_name(judge: object, name: str | None) -> str:
    """What a judge is called, under which its scores are kept. Raises `InvalidOption`."""
    found = name or getattr(judge, "name", None) or getattr(judge, "__name__", None)
    if found == "<lambda>":
        raise InvalidOption('name: a lambda has none; write sweep.score(lambda …, name="sharpness")')
    if (
        not isinstance(found, str)
        or not found.strip()
        or len(found) > _LONGEST_NAME
        or not found.isprintable()
    ):
        raise InvalidOption(
            f"name = {found!r}: give the judge a name of at most {_LONGEST_NAME} printable characters, "
            'e.g. name="sharpness"'
        )
    return shortened(without_keys(found, catalog.keys_in_use()), _LONGEST_NAME)


def values_of(store: Store, asset: Asset, judge: str) -> Mapping[str, ScoreValue] | None:
    """What a judge found in an image; None where it was not asked."""
    return next((score.values for score in store.scores(asset.id) if score.judge == judge), None)


def _reason(error: Exception) -> str:
    text = str(error) if isinstance(error, ImagegenError) else f"{type(error).__name__}: {error}"
    masked: str = without_keys(text, catalog.keys_in_use())
    return shortened(masked, _LONGEST_REASON)


async def _awaited(said: Awaitable[Said]) -> Said:
    return await said


def _values(said: object) -> Mapping[str, ScoreValue]:
    """What was said, by name; a plain number is the score. `Score` checks the values."""
    if isinstance(said, Mapping):
        return {name: _plain(value) for name, value in said.items()}
    number = _plain(said)
    if isinstance(number, bool | int | float):
        return {NUMBER: number}
    raise InvalidOption(
        f"the judge returned {type(said).__name__}: give a number, or numbers and texts by name, e.g. "
        '{"score": 7, "why": "sharp"}'
    )


def _plain(value: Any) -> Any:
    """A number of another kind as Python's own; anything else as it is."""
    if isinstance(value, ScoreValue):
        return value
    if isinstance(value, Decimal | Real):
        return int(value) if isinstance(value, Integral) else float(value)
    if math.prod(getattr(value, "shape", ())) != 1:
        return value
    item = getattr(value, "item", None)  # of numpy or torch, also an array of one
    return item() if callable(item) else value
