"""The first half of the walk: check the call -> render the prompt -> find the credential.

Nothing leaves the machine here and nothing is spent. What is refused is a mistake of the call, to
be mended by the caller, and is always raised, whatever `on_failure` says.
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from imagegen_nb.core import active_cassette, variables
from imagegen_nb.core.active_cassette import Tape
from imagegen_nb.core.events import RunEvent
from imagegen_nb.core.types import Backend, ChargeType, ImageRequest
from imagegen_nb.errors import InvalidOption, VariableError
from imagegen_nb.providers.base import Connection, Entry, Provider
from imagegen_nb.providers.credentials import Credential, keys_in_use
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import Store

_MOST_PARTIALS = 3


class Place(Protocol):
    """What a run needs of a workspace."""

    store: Store
    storage_limit: int | None
    timeout: float

    @property
    def backend(self) -> Backend:
        """Where calls go."""
        ...

    def credential(self, provider: Provider, charge_type: ChargeType) -> Credential:
        """What pays for a call."""
        ...

    def connection(self, provider: Provider, credential: Credential) -> Connection:
        """Where a call goes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run that could start: everything about it is checked, nothing has been spent."""

    run_id: str
    step: ImageGenerationStep
    entry: Entry
    inputs: dict[str, Any]
    request: ImageRequest
    credential: Credential
    place: Place
    backend: Backend
    tape: Tape | None
    on_event: Callable[[RunEvent], object] | None
    identifier: str | None

    @property
    def replayed(self) -> bool:
        """Whether a cassette answers instead of a provider."""
        return self.tape is not None and self.tape.replaying

    def keys(self) -> list[str]:
        """The keys in clear, to be looked for in texts."""
        return [*keys_in_use([self.entry.provider.key_variable]), self.credential.key.get_secret_value()]


def plan(
    step: ImageGenerationStep,
    inputs: Mapping[str, Any] | None,
    place: Place,
    *,
    on_event: Callable[[RunEvent], object] | None = None,
    partial_images: int = 0,
    identifier: str | None = None,
) -> Plan:
    """Check everything that can be checked before a run exists.

    Raises `InvalidOption`, `VariableError`, `MissingCredential` or `ReplayError`.
    """
    entry = step.entry
    _check_call(inputs, on_event, identifier)
    _check_partials(step, entry, partial_images)
    context = variables.plain(inputs or {})
    prompt = variables.render(step.prompt, context)
    if wrong := ImageGenerationStep.check_prompt(prompt):
        problem, remedy = wrong
        filled = ", ".join(step.variables)
        raise VariableError(f"the prompt is {problem} once its variables are filled in ({filled}). {remedy}")
    return Plan(
        run_id=str(uuid.uuid4()),
        step=step,
        entry=entry,
        inputs=context,
        request=step.request(prompt, partial_images=partial_images),
        credential=place.credential(entry.provider, step.charge_type),
        place=place,
        backend=place.backend,
        tape=active_cassette.current(),
        on_event=on_event,
        identifier=identifier,
    )


def _check_call(inputs: object, on_event: object, identifier: str | None) -> None:
    """What Python itself would only notice once money is spent."""
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InvalidOption(
            f"inputs is of type {type(inputs).__name__}: give values by name, e.g. {{'product': 'a lamp'}}"
        )
    if on_event is not None and (not callable(on_event) or inspect.iscoroutinefunction(on_event)):
        raise InvalidOption("on_event must be a plain function that takes one event (not async)")
    variables.check_identifier(identifier)


def _check_partials(step: ImageGenerationStep, entry: Entry, partial_images: int) -> None:
    if partial_images not in range(_MOST_PARTIALS + 1):
        raise InvalidOption(f"partial_images = {partial_images!r}: use 0 to {_MOST_PARTIALS}")
    if partial_images and not entry.model.streams:
        raise InvalidOption(
            f"partial_images = {partial_images}: {step.model} has no live previews; leave it out or use an "
            "OpenAI model"
        )
    if partial_images and step.image_count != 1:
        raise InvalidOption(
            f"partial_images = {partial_images} with image_count = {step.image_count}: live previews do not "
            "say which image they belong to; use image_count=1"
        )
