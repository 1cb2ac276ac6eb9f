"""The history of a store: all of its runs as they can be looked at, searched, and made into a table.

It is read page by page from the ledger as somebody goes through it, so its length costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property, partial
from itertools import islice
from typing import Any, Literal, get_args

from imagegen_nb.core import html_repr, images, money
from imagegen_nb.core.frames import frame
from imagegen_nb.core.json_walk import walk
from imagegen_nb.core.keywords import did_you_mean, helpful_calls
from imagegen_nb.core.words import as_searched, counted, shortened
from imagegen_nb.errors import AssetNotFound, Charge, InvalidOption
from imagegen_nb.pricing.cost import Cost
from imagegen_nb.runs import ledger
from imagegen_nb.runs.lazy_list import LazyList
from imagegen_nb.runs.marks import opinions_in_short
from imagegen_nb.runs.pictured import Pictured
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.stored_run import read_object, stored_error, stored_run, stored_step
from imagegen_nb.step.output import Asset, thumbnail
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import UNDER_WAY, LedgerEntry, Store

Outcome = Literal["done", "partial", "failed", "cancelled", "interrupted", "running", "submitted"]
"""How a run ended. `partial` brought fewer images than were asked for; `interrupted` ended with its process,
or by a cancel while a request was under way; `running` has not ended, nor has `submitted`, in a batch."""

_SHOWN = 12
_WEEK = re.compile(r"[0-9]{4}-?W[0-9]{2}")
_LONGEST = 160
"""Characters of a prompt where runs stand side by side."""
_COLUMNS = (
    *("run_id", "started_at", "ended_at", "outcome", "charge", "provider", "model", "prompt"),
    *("requested", "returned", "emulated", "cost_usd", "error", "images", "starred", "note"),
)


@dataclass(frozen=True, slots=True, eq=False)
class PastRun(Pictured):
    """A run in the history. `settings` holds the prompt as it was written, `prompt` what was sent.

    Runs of versions that kept neither have an empty prompt and no settings beside the model.
    """

    entry: LedgerEntry
    _store: Store = field(repr=False)
    _assets: list[tuple[Asset, ...]] = field(default_factory=list, repr=False)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.entry.run_id

    @property
    def prompt(self) -> str:
        """The prompt that was sent, its variables filled."""
        return self.entry.prompt

    @property
    def settings(self) -> dict[str, Any]:
        """The step's settings under the platform's keys."""
        return {"model": self.entry.model, **read_object(self.entry.settings_json)}

    @property
    def inputs(self) -> dict[str, Any]:
        """What filled the prompt; a very large value is a remark that it was not kept."""
        return read_object(self.entry.inputs_json)

    @property
    def model(self) -> str:
        """The model that was asked."""
        return self.entry.model

    @property
    def started_at(self) -> datetime:
        """When it began, in UTC."""
        return _moment(self.entry.started_at)

    @property
    def charge(self) -> Charge:
        """Whether it may have cost money; of an emulated run, whether it would have: tables say emulated."""
        return self.entry.charge

    @property
    def cost(self) -> Decimal | None:
        """What it cost in US dollars, None where that is unknown; of emulated images what they would have."""
        return None if self.entry.cost_ticks is None else money.from_ticks(self.entry.cost_ticks)

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        if self.entry.state == "calling":
            return "running"
        if self.entry.state == "done":
            return "done" if len(self.assets) >= self.entry.count else "partial"
        return self.entry.state

    @property
    def error(self) -> str:
        """Why it failed; empty where it did not, or nobody knows."""
        error = stored_error(self.entry)
        return "" if error is None else error.summary()

    @property
    def assets(self) -> tuple[Asset, ...]:
        """Its images, with their bytes at hand."""
        if not self._assets:
            records = self._store.list_records(self.entry.run_id)
            found = tuple(Asset.of(record, self._store) for record in records)
            if self.entry.state in UNDER_WAY:  # more may come
                return found
            self._assets.append(found)
        return self._assets[0]

    @property
    def is_question(self) -> bool:
        """Whether it asked about an image, as a judge does, and was to make none."""
        return not ledger.makes_images(self.entry)

    @property
    def answer(self) -> dict[str, Any]:
        """What was made of the answer to a question, such as `score` and `reason`; empty for a run."""
        answer = read_object(self.entry.result_json).get("answer")
        return answer if isinstance(answer, dict) else {}

    @property
    def step(self) -> ImageGenerationStep:
        """The step that was run. Raises `InvalidOption` or `InvalidStep` where it cannot be made again."""
        return stored_step(self.entry)

    @property
    def run(self) -> Run:
        """The run as `step.run` returned it, to look at or to export. Raises as `step` does."""
        return stored_run(self.entry, self._store)

    def row(self) -> dict[str, Any]:
        """What a table has of it, with each setting in a column of its own."""
        own = {f"settings.{key}": value for key, value in self.settings.items() if key not in _COLUMNS}
        given = {f"inputs.{key}": value for key, value in self.inputs.items()}
        facts = (
            *(self.id, self.entry.started_at, self.entry.ended_at, self.outcome, self.entry.charge_told),
            *(self.entry.provider, self.model, self.prompt, self.entry.count, len(self.assets)),
            *(self.entry.emulated, None if self.cost is None else float(self.cost), self.error),
            *([str(path) for path in self.paths], self.starred, self.note),
        )
        return {**dict(zip(_COLUMNS, facts, strict=True)), **own, **given}

    def tile(self, *, when: bool) -> html_repr.Tile:
        """It as a picture to show; `when` adds the time."""
        first = self._asked_about() if self.is_question else self.assets[0] if self.assets else None
        facts = [self.model, self._outcome_in_words(), *([self.error] if self.error else [])]
        facts += ["EMULATED"] if self.entry.emulated else []
        # A replay costs nothing, and shows what the recording did.
        recorded = "cassette" in read_object(self.entry.result_json)
        if self.entry.charge != "none" and not recorded:
            facts += [Cost(amount=self.cost, synthetic=self.entry.emulated).short]
        facts += [f"{self.started_at:%Y-%m-%d %H:%M}"] if when else []
        facts += opinions_in_short(self.assets)  # last: one in Arabic would draw the digits of a date to it
        name = shortened(str(self.settings.get("rubric") or self.prompt), _LONGEST)
        return html_repr.Tile(
            name=name or "(prompt not kept)",
            alt=name,
            path="",
            facts=facts,
            thumbnail=partial(thumbnail, first, images.STATIC) if first else (lambda: None),
            absent="image stored elsewhere" if first or self.is_question else "no image",
        )

    def _outcome_in_words(self) -> str:
        if not self.is_question:
            return f"{self.outcome}, {len(self.assets)} of {counted(self.entry.count, 'image')}"
        about = str(self.inputs.get("file_name") or "an image")
        told = (f"{name} {value}" for name, value in self.answer.items())
        return ", ".join((f"{self.outcome}, asked about {about}", *told))

    def _asked_about(self) -> Asset | None:
        """The image that a question is about, where this store has it."""
        with suppress(AssetNotFound):
            return Asset.of(self._store.get(str(self.inputs.get("image"))), self._store)
        return None

    def __repr__(self) -> str:
        return html_repr.text(
            f"Past run · {self.model} · {self.outcome}", [shortened(self.prompt, _LONGEST)], []
        )


@dataclass(frozen=True)
class Filter:
    """Which runs of a history are wanted; what is left out wants all."""

    text: str = ""
    model: str | None = None
    outcome: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    starred: bool | None = None
    questions: bool = False
    """Whether what judges asked is wanted, instead of the runs."""

    @classmethod
    def of(
        cls,
        text: str | None,
        model: str | None,
        outcome: str | Iterable[str] | None,
        since: date | str | None,
        until: date | str | None,
        starred: bool | None = None,
        questions: bool = False,
    ) -> Filter:
        """A filter from what a user gives. Raises `InvalidOption`."""
        asked: Any = outcome
        many = isinstance(asked, Iterable) and not isinstance(asked, str)
        outcomes = list(asked) if many else [] if asked is None else [asked]
        known = get_args(Outcome)
        for one in outcomes:
            if one not in known:
                raise InvalidOption(f"outcome = {one!r}: {did_you_mean(str(one), known)}")
        for name, value in (("text", text), ("model", model)):
            if value is not None and not isinstance(value, str):
                raise InvalidOption(f"{name} = {value!r}: give text")
        if starred not in (None, True, False):
            raise InvalidOption(f"starred = {starred!r}: use True, False, or leave it out for all")
        if type(questions) is not bool:
            raise InvalidOption(f"questions = {questions!r}: use True for what judges asked, or leave it out")
        return cls(
            as_searched(text or ""),
            model,
            frozenset(outcomes),
            _bound("since", since, time.min),
            _bound("until", until, time.max),
            starred,
            questions,
        )

    def takes(self, run: PastRun) -> bool:
        """Whether a run is wanted; what is cheap to know is asked first."""
        entry = run.entry
        if run.is_question is not self.questions:
            return False
        if self.model is not None and entry.model != self.model:
            return False
        if self.since is not None and run.started_at < self.since:
            return False
        if self.until is not None and run.started_at > self.until:
            return False
        return self._has_text(run) and (not self.outcome or run.outcome in self.outcome)

    def _has_text(self, run: PastRun) -> bool:
        if not self.text:
            return True
        if self.text in as_searched(run.prompt):
            return True
        # Not in the JSON text, which writes quotation marks and line ends otherwise.
        values = (node.value for node in walk([run.settings, run.inputs]))
        return any(self.text in as_searched(value) for value in values if isinstance(value, str))

    def words(self) -> str:
        """The filter in words; empty where it wants all."""
        parts = ["questions" if self.questions else ""]
        parts += [f"“{self.text}”" if self.text else "", self.model or "", " or ".join(sorted(self.outcome))]
        parts += [f"since {self.since:%Y-%m-%d %H:%M}"] if self.since else []
        parts += [f"until {self.until:%Y-%m-%d %H:%M}"] if self.until else []
        parts += ["with a star" if self.starred else "without a star"] if self.starred is not None else []
        return ", ".join(filter(None, parts))


@helpful_calls
class History(LazyList[PastRun]):
    """The runs of a store, newest first; going through it reads the ledger page by page.

    `history[:20]` are the newest twenty, `history[0]` is the last run, `to_frame()` a table. In a notebook it
    shows the newest as pictures.
    """

    def __init__(self, store: Store, wanted: Filter, limit: int | None = None) -> None:
        self._store = store
        self._wanted = wanted
        self._limit = limit

    def __iter__(self) -> Iterator[PastRun]:
        entries = self._store.list_runs(newest_first=True)
        if self._wanted.starred is not None:
            # Out of the few marks: looking for the images of each run would read all records.
            starred = self._starred_runs()
            entries = (run for run in entries if (run.run_id in starred) == self._wanted.starred)
        runs = (PastRun(entry, self._store) for entry in entries)
        return islice(filter(self._wanted.takes, runs), self._limit)

    def __len__(self) -> int:
        if self._wanted != Filter():
            return super().__len__()
        total = self._store.count_runs() - self._count_questions()
        return total if self._limit is None else min(total, self._limit)

    def _starred_runs(self) -> set[str]:
        run_ids = set[str]()
        for asset_id, mark in self._store.marks().items():
            if mark.starred:
                with suppress(AssetNotFound):  # of an image that a damaged index has lost
                    run_ids.add(self._store.get(asset_id).run_id)
        return run_ids

    def page(self, number: int, size: int = 50) -> list[PastRun]:
        """The runs of a page, counted from 0."""
        for name, value, least in (("number", number, 0), ("size", size, 1)):
            if type(value) is not int or value < least:
                raise InvalidOption(f"{name} = {value!r}: give a whole number, {least} or more")
        return list(islice(self, number * size, (number + 1) * size))

    def to_frame(self, library: str | None = None) -> Any:
        """A table of pandas or polars, one row a run, with columns for each setting and input."""
        rows = [run.row() for run in self]
        more = dict.fromkeys(key for row in rows for key in row)
        return frame([*_COLUMNS, *(key for key in more if key not in _COLUMNS)], rows, library)

    def _shown(self) -> tuple[list[PastRun], list[str]]:
        newest = list(islice(self, _SHOWN + 1))
        notes = [f"Only {words}" for words in [self._wanted.words()] if words]
        if len(newest) > _SHOWN:
            notes.append(f"The newest {_SHOWN}; history[n], history.page(n) and to_frame() have the others")
        return newest[:_SHOWN], notes

    def _page(self, show: Callable[..., str], *, when: bool) -> str:
        newest, notes = self._shown()
        none = "no questions" if self._wanted.questions else "no runs"
        title = f"History · {self._total if newest else none}"
        return show(title, notes, [run.tile(when=when) for run in newest])

    @cached_property
    def _total(self) -> str:
        questions = self._count_questions()
        if self._wanted.questions:
            return f"{counted(questions, 'question')} in the store"
        return f"{counted(self._store.count_runs() - questions, 'run')} in the store"

    def _count_questions(self) -> int:
        return sum(1 for _ in self._store.equal_runs(ledger.QUESTION))

    def __repr__(self) -> str:
        return self._page(html_repr.text, when=False)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._page(html_repr.html, when=True)}


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:  # of a store that somebody else wrote
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _bound(name: str, value: date | str | None, of_day: time) -> datetime | None:
    """A bound in UTC: a day counts from its beginning, or to its end; a time without a zone is local."""
    if value is None:
        return None
    try:
        moment: object = _parsed(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if isinstance(moment, datetime) and moment == moment:  # the NaT of pandas is a datetime, and no time
        return _in_utc(moment)
    if isinstance(moment, date) and not isinstance(moment, datetime):
        return _in_utc(datetime.combine(moment, of_day))
    raise InvalidOption(f'{name} = {value!r}: give a date or a datetime, or text such as "2026-11-27"')


def _in_utc(moment: datetime) -> datetime:
    """Of another class than `datetime`, such as those of pandas, as one: they convert other things. The first
    and the last days, which mean no bound, have no time in each zone."""
    own = datetime.combine(date(moment.year, moment.month, moment.day), moment.timetz())
    try:
        return own.astimezone(UTC)
    except (ValueError, OverflowError):
        return own.replace(tzinfo=UTC)


def _parsed(text: str) -> date:
    if _WEEK.fullmatch(text):  # Python takes it for its Monday
        raise ValueError(text)
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)
