"""What a step is run with: the options of a run, and a workspace as the lower layers see it.

`Workspace` lies in a higher layer, so that everything which only uses one names these protocols instead.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypedDict, TypeVar, Unpack

from imagegen_nb.core.keywords import did_you_mean
from imagegen_nb.core.types import SYNTHETIC_BACKENDS
from imagegen_nb.errors import InvalidOption

if TYPE_CHECKING:
    from imagegen_nb.core.active_cassette import ActiveCassette
    from imagegen_nb.core.background_loop import Job
    from imagegen_nb.core.events import RunEvent
    from imagegen_nb.core.types import Backend, ChargeType
    from imagegen_nb.providers.base import Connection, Provider
    from imagegen_nb.providers.credentials import Credential
    from imagegen_nb.store.base import Budget, Store

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
RunT = TypeVar("RunT")
StepT = TypeVar("StepT", contravariant=True)


class RunOptions(TypedDict, Generic[RunT], total=False):
    """The keywords of every method that starts a run."""

    on_event: Callable[[RunEvent[RunT]], object] | None
    """A plain function that is called with each event of the run, on the toolkit's own thread."""
    partial_images: int
    """How many live previews to ask for: 0 to 3, for one image of an OpenAI model."""
    identifier: str | None
    """The name under which later steps refer to the run."""


_DEFAULTS: RunOptions[Any] = {"on_event": None, "partial_images": 0, "identifier": None}


def with_run_options(function: FunctionT) -> FunctionT:
    """Let help and completion show each option of `function(..., **options: Unpack[RunOptions])`."""
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    parameters += [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=RunOptions.__annotations__[name].__forward_arg__,
        )
        for name, default in _DEFAULTS.items()
    ]
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return function


def complete_options(options: RunOptions[RunT]) -> RunOptions[RunT]:
    """`options` with the defaults for what is left out. Raises `InvalidOption` for an unknown keyword."""
    for name in options:
        if name not in _DEFAULTS:
            known = [*_DEFAULTS, "inputs", "workspace"]
            raise InvalidOption(f"{name} is not an option of a run; {did_you_mean(name, known)}")
    return {**_DEFAULTS, **options}


@dataclass(frozen=True, slots=True)
class Route:
    """Where the calls of a run go and who pays for them, decided once for the whole run."""

    backend: Backend
    credential: Credential
    cassette: ActiveCassette | None = None

    @property
    def replayed(self) -> bool:
        """Whether a cassette answers instead of a provider."""
        return self.cassette is not None and self.cassette.replaying

    @property
    def unpriced_account(self) -> str:
        """The account that pays, where it has prices of its own; empty for the providers' list prices."""
        credential = self.credential
        is_gateway = bool(credential.base_url) and credential.vertex is None
        return credential.paid_by if is_gateway or credential.azure is not None else ""

    @property
    def unbounded_remedy(self) -> str:
        """What to do where a budget refuses a call because nothing bounds its cost."""
        own = 'say what an image costs at most (Gateway(..., most="0.20 USD")), ' if self._by_gateway else ""
        return f"Choose a model and settings with published prices, {own}or a workspace without a budget"

    @property
    def _by_gateway(self) -> bool:
        credential = self.credential
        return bool(credential.base_url) and credential.vertex is None and credential.azure is None

    @property
    def free(self) -> bool:
        """Whether no provider is asked, so that nothing can be charged."""
        return self.replayed or self.backend in SYNTHETIC_BACKENDS

    @property
    def payment(self) -> str:
        """Who pays, as a sentence for people."""
        if self.backend == "emulator":
            return "emulator: no key needed, nothing is charged"
        if self.replayed:
            return "replay: no key needed, nothing is charged"
        where = "found in the keyring" if self.credential.in_keyring else "found"
        return f"paid by {self.credential.paid_by} ({where})"


class RunContext(Protocol[StepT, RunT]):
    """A `Workspace` as steps, preparation, the runner and imports see it: the store, the way to the
    providers, and the one method that starts a run."""

    store: Store
    storage_limit: int | None
    budget: Budget | None
    timeout: float

    @property
    def backend(self) -> Backend:
        """Where requests go; while a cassette is in use, what its recordings are made by."""
        ...

    def route(self, provider: Provider, charge_type: ChargeType) -> Route:
        """Where calls of `provider` go now and who pays. Raises `MissingCredential` or `ReplayError`."""
        ...

    def connection(self, provider: Provider, route: Route) -> Connection:
        """The connection for a route; may start an emulator, and so may block."""
        ...

    def submit(
        self, step: StepT, inputs: Mapping[str, Any] | None = None, **options: Unpack[RunOptions[RunT]]
    ) -> Job[RunT]:
        """Start a run of `step` and return at once."""
        ...
