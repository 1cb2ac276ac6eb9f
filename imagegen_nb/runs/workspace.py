"""Where runs happen: which store, which backend, who may pay, and how long anything may take."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from pydantic import ByteSize, TypeAdapter, ValidationError

from imagegen_nb.core import active_cassette, money
from imagegen_nb.core.active_cassette import ActiveCassette
from imagegen_nb.core.addresses import is_loopback
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.near_attributes import NearAttributes
from imagegen_nb.core.types import Backend, ChargeType
from imagegen_nb.errors import InvalidOption, MissingCredential, ReplayError
from imagegen_nb.providers import credentials
from imagegen_nb.providers.base import Connection, Provider
from imagegen_nb.providers.catalog import providers
from imagegen_nb.providers.credentials import Hosted
from imagegen_nb.step.run_context import Route, RunOptions, with_run_options
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import AssetRecord, Budget, Store
from imagegen_nb.store.open_store import open_store

if TYPE_CHECKING:
    from imagegen_nb.core.background_loop import Job
    from imagegen_nb.emulator import Emulator
    from imagegen_nb.pricing.estimate import Estimate
    from imagegen_nb.runs.history import History
    from imagegen_nb.runs.ledger_view import LedgerView
    from imagegen_nb.runs.run import Run


@helpful_calls
class Workspace(NearAttributes):
    """A store and the way to the providers; every run names one.

    `store` is a folder (made when first written to), a URL such as `"s3://bucket/team"` that kernels on
    several machines share, or a `Store`. `backend` is `"live"` (the
    providers themselves; keys come from the environment), `"emulator"` (a server started in this
    process; no key, no cost, everything marked as emulated), or the http address of an emulator
    served on this machine (`imagegen-nb emulator`). `storage_limit` is bytes or text such as
    `"5 GiB"`: at the limit no run starts. `hosted` gives hosted accounts by provider name, e.g.
    `{"gemini": VertexAI("my-project")}`. `timeout` is the deadline of a whole run in seconds.
    `requests_per_minute` gives the published limits of your accounts by provider name, e.g. `{"openai": 5}`:
    calls beyond them wait instead of being refused. `budget` is US dollars, such as `"2.00 USD"`, that all
    runs in the store may cost together, whatever kernel they are of; `session_budget` those of this kernel or
    script, `run_budget` one run. A run that could pass one is refused before anything is sent, and so is one
    whose cost nothing bounds. On an emulator nothing is charged, and a run counts by what it would have cost,
    apart from live ones.
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | Store,
        *,
        backend: str = "live",
        storage_limit: int | str | None = None,
        hosted: Mapping[str, Hosted] | None = None,
        timeout: float = 300.0,
        requests_per_minute: Mapping[str, int] | None = None,
        budget: str | Decimal | int | None = None,
        session_budget: str | Decimal | int | None = None,
        run_budget: str | Decimal | int | None = None,
    ) -> None:
        limit = _byte_count(storage_limit)
        if isinstance(store, Store):
            self.store = store
        else:
            self.store = open_store(store, limit)
        self.storage_limit = self.store.limit if limit is None else limit
        self._emulator_url = _emulator_url(backend)
        self._declared: Backend = "live" if backend == "live" else "emulator"
        self.hosted = _checked_accounts(hosted or {})
        self.timeout = _seconds(timeout)
        self.requests_per_minute = _checked_limits(requests_per_minute or {})
        self.budget = _checked_budget(budget=budget, session_budget=session_budget, run_budget=run_budget)
        if self.budget is not None and type(self.store).begin is Store.begin:
            raise InvalidOption(
                f"budget with {type(self.store).__name__}: this store keeps no ledger of what was spent; use "
                "a folder"
            )

    @property
    def backend(self) -> Backend:
        """Where requests go; while a cassette is in use, what its recordings are made by."""
        cassette = active_cassette.current()
        return self._declared if cassette is None else cassette.backend(self._declared)

    @property
    def emulator(self) -> Emulator:
        """The emulator running in this process, for its request log, latency and faults."""
        if self._declared != "emulator" or self._emulator_url:
            raise InvalidOption(
                f'{self!r} has no emulator of its own: use Workspace(..., backend="emulator")'
            )
        from imagegen_nb.emulator import Emulator

        return Emulator.shared()

    # Where calls go and who pays: asked here and nowhere else.

    def route(self, provider: Provider, charge_type: ChargeType) -> Route:
        """Where calls of `provider` go now and who pays. Raises `MissingCredential` or `ReplayError`."""
        cassette, backend = active_cassette.current(), self.backend
        account = self.hosted.get(provider.name)
        if self._declared == "emulator":
            credential = credentials.emulated(charge_type, account)
        elif cassette is not None and (cassette.replaying or backend == "emulator"):
            # No key is needed, so none is read; a gateway's address stays, because the recording shows it.
            paid_by = "nobody (emulator)" if backend == "emulator" else "nobody (replayed)"
            credential = credentials.placeholder(paid_by, account if charge_type == "hosted" else None)
        else:
            credential = credentials.find(provider.name, provider.key_variable, charge_type, self.hosted)
        return Route(backend, credential, cassette)

    def pays(self, step: ImageGenerationStep) -> tuple[str, bool]:
        """Who would pay for a run of `step`, for people, and whether the key was found."""
        return self.payer(step.entry.provider, step.charge_type)

    def payer(self, provider: Provider, charge_type: ChargeType) -> tuple[str, bool]:
        """Who would pay for calls of `provider`, for people, and whether the key was found."""
        try:
            return self.route(provider, charge_type).payment, True
        except MissingCredential as error:
            return f"no key: {error.fault}", False

    def estimate(self, step: ImageGenerationStep, prompt: str) -> Estimate:
        """What a run of `step` with the rendered `prompt` would cost for the account that would pay here."""
        from imagegen_nb.pricing.estimate import estimate

        try:
            route = self.route(step.entry.provider, step.charge_type)
        except (MissingCredential, ReplayError):
            return estimate(step.priced_call(prompt))
        account, most = route.unpriced_account, route.credential.most
        return estimate(step.priced_call(prompt, unpriced_account=account, most=most))

    def connection(self, provider: Provider, route: Route) -> Connection:
        """The connection for a route; may start the emulator, and so may block."""
        address, _, query = provider.address(route.credential).partition("?")
        base_url, send_to = address.rstrip("/"), ""
        if route.backend == "emulator" and not route.replayed:
            path = provider.emulated_path(route.credential)
            send_to = f"{self._emulator_root(route.cassette)}/{provider.name}{path}".rstrip("/")
        if route.cassette is None:
            base_url, send_to = send_to or base_url, ""
        # A cassette shows the providers' own addresses, also while it is recorded against an emulator.
        return Connection(
            base_url=base_url,
            query=query,
            send_to=send_to,
            credential=route.credential,
            backend=route.backend,
            timeout=self.timeout,
            cassette=route.cassette,
            requests_per_minute=self.requests_per_minute.get(provider.name),
        )

    def _emulator_root(self, cassette: ActiveCassette | None) -> str:
        if self._declared == "emulator":
            return self._emulator_url or self.emulator.url
        from imagegen_nb.emulator import Emulator

        return (cassette.emulator_url if cassette else "") or Emulator.shared().url

    def records(
        self,
        run_id: str | None = None,
        *,
        newest_first: bool = False,
        after: str | None = None,
        limit: int | None = None,
    ) -> Iterator[AssetRecord]:
        """The stored images' records, oldest first, or those of one run.

        They are read as they are asked for. A page of `limit` records follows the record with the id `after`,
        the last one of the page before. Raises `AssetNotFound` where that is not there.
        """
        found = self.store.list_records(run_id, newest_first=newest_first, after=after)
        return islice(found, _page_size(limit))

    def runs(
        self, *, newest_first: bool = False, after: str | None = None, limit: int | None = None
    ) -> LedgerView:
        """The ledger of all runs in the store, oldest first, to go through or to index.

        It tells what each run asked for, how it ended, and whether it may have cost money. A run whose
        process was killed is `interrupted`, its charge `unknown`. What judges asked stands among them, with
        a `count` of 0 images.

        Pages are as those of `records`; `after` is a run's id.
        """
        from imagegen_nb.runs.ledger_view import LedgerView

        told: object = after
        if told is not None and not isinstance(told, str):
            raise InvalidOption(f"after = {told!r}: give the id of a run, as text")
        wanted = _page_size(limit)
        return LedgerView(self.store, newest_first=newest_first, after=after, limit=wanted)

    def history(
        self,
        text: str | None = None,
        *,
        model: str | None = None,
        outcome: str | Iterable[str] | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
        starred: bool | None = None,
        questions: bool = False,
        limit: int | None = None,
    ) -> History:
        """All runs of the store, newest first: prompt, settings, inputs, outcome, images.

        `text` is looked for in prompts, settings and inputs, whatever its case. `outcome` is one of done,
        partial, failed, cancelled, interrupted, running, submitted, or several. `since` and `until` are days
        or times. `starred=True` wants the runs of which an image has a star, False the others.
        `questions=True` wants what judges asked instead of runs. Nothing is read before somebody looks.
        """
        from imagegen_nb.runs.history import Filter, History

        wanted = Filter.of(text, model, outcome, since, until, starred, questions)
        return History(self.store, wanted, _page_size(limit))

    def count_records(self, run_id: str | None = None) -> int:
        """How many images the store has, or how many of one run."""
        return self.store.count_records(run_id)

    def count_runs(self) -> int:
        """How many runs the ledger has."""
        return self.store.count_runs()

    @with_run_options
    def submit(
        self,
        step: ImageGenerationStep,
        inputs: Mapping[str, Any] | None = None,
        **options: Unpack[RunOptions[Run]],
    ) -> Job[Run]:
        """Start a run and return at once; the job can be waited for, joined or cancelled."""
        # Deferred: a workspace is made where many a notebook begins, and what runs need comes with the first.
        from imagegen_nb.core.background_loop import Job
        from imagegen_nb.runs.prepare import prepare
        from imagegen_nb.runs.runner import execute
        from imagegen_nb.step.step import ImageGenerationStep

        if not isinstance(step, ImageGenerationStep):
            raise InvalidOption(
                f"step is of type {type(step).__name__}: write workspace.submit(step, inputs)"
            )
        return Job(execute(prepare(step, inputs, self, options)))

    def close(self) -> None:
        """Let go of the store's files; the workspace can be used again afterwards."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        # For a worker, which cannot reach into this process: an emulator by its address. No key is in it.
        backend = "live" if self._declared == "live" else self._emulator_url or self.emulator.url
        return _unpickled, (
            self.store,
            backend,
            {
                "storage_limit": self.storage_limit,
                "hosted": self.hosted,
                "timeout": self.timeout,
                "requests_per_minute": self.requests_per_minute,
            },
            self.budget,
        )

    def __repr__(self) -> str:
        return f"Workspace({self.store!r}, backend={self._emulator_url or self._declared!r})"


def _unpickled(store: Store, backend: str, options: dict[str, Any], budget: Budget | None) -> Workspace:
    workspace = Workspace(store, backend=backend, **options)
    workspace.budget = budget
    return workspace


def _page_size(limit: object) -> int | None:
    if limit is None or (type(limit) is int and limit >= 0):
        return limit
    raise InvalidOption(f"limit = {limit!r}: give a whole number, 0 or more, or leave it out for all")


def _seconds(timeout: object) -> float:
    if isinstance(timeout, int | float) and 0 < timeout <= 3600:
        return float(timeout)
    raise InvalidOption(f"timeout = {timeout!r}: give seconds, more than 0 and at most 3600")


def _byte_count(limit: int | str | None) -> int | None:
    if limit is None:
        return None
    try:
        count = int(TypeAdapter(ByteSize).validate_python(limit))
    except ValidationError:
        count = 0
    if count > 0:
        return count
    raise InvalidOption(f'storage_limit = {limit!r}: give a number of bytes above 0, or text such as "5 GiB"')


def _checked_budget(**amounts: object) -> Budget | None:
    given = {name: amount for name, amount in amounts.items() if amount is not None}
    if not given:
        return None
    ticks = {name: money.to_ticks(money.parse(amount, name)) for name, amount in given.items()}
    return Budget(total=ticks.get("budget"), session=ticks.get("session_budget"), run=ticks.get("run_budget"))


def _emulator_url(backend: object) -> str:
    """The address of an emulator served elsewhere on this machine, or nothing."""
    if backend in ("live", "emulator"):
        return ""
    if isinstance(backend, str) and backend.startswith("http://") and is_loopback(backend):
        return backend.rstrip("/")
    raise InvalidOption(
        f'backend = {backend!r}: use "live", "emulator", or the http:// address of an emulator on this '
        "machine, e.g. http://127.0.0.1:8321. For a provider's gateway pass hosted={...}"
    )


def _checked_limits(limits: Mapping[str, int]) -> dict[str, int]:
    _check_names("requests_per_minute", limits)
    for name, limit in limits.items():
        if type(limit) is not int or limit < 1:
            raise InvalidOption(f"requests_per_minute[{name!r}] = {limit!r}: give a whole number, 1 or more")
    return dict(limits)


def _checked_accounts(hosted: Mapping[str, Hosted]) -> dict[str, Hosted]:
    known = _check_names("hosted", hosted)
    for name, account in hosted.items():
        kinds = known[name].accounts
        if not isinstance(account, kinds):
            usable = " or ".join(kind.__name__ for kind in kinds)
            raise InvalidOption(f"hosted[{name!r}] is a {type(account).__name__}; use {usable}")
    return dict(hosted)


def _check_names(option: str, names: Iterable[str]) -> dict[str, Provider]:
    """All providers by name. Raises `InvalidOption` where one of `names` is none of theirs."""
    known = {provider.name: provider for provider in providers()}
    if not isinstance(names, Mapping):
        example = "Gateway(...)" if option == "hosted" else "10"
        raise InvalidOption(
            f"{option} is of type {type(names).__name__}: give one for each provider, "
            f'e.g. {option}={{"openai": {example}}}'
        )
    for name in names:
        if name not in known:
            raise InvalidOption(f"{option} = {name!r}: not a provider; choose from {', '.join(known)}")
    return known
