"""The first half of a run: check the call, fill the prompt, find out who pays.

Nothing leaves the machine here and nothing is spent. Everything refused here is a mistake in the call,
which only the caller can correct, so it is raised whatever `on_failure` says.
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from imagegen_nb.core import variable_mistakes, variable_paths, variables
from imagegen_nb.core.events import RunEvent
from imagegen_nb.core.keywords import takes
from imagegen_nb.core.plain_data import plain
from imagegen_nb.core.types import ImageRequest
from imagegen_nb.errors import InvalidOption, VariableError
from imagegen_nb.providers.base import CatalogEntry
from imagegen_nb.runs.batch_ref import BatchRef
from imagegen_nb.runs.run import Run
from imagegen_nb.step.run_context import Route, RunContext, RunOptions, complete_options
from imagegen_nb.step.step import ImageGenerationStep, check_inputs

_MOST_PARTIALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRun:
    """A run that can start: everything about it is checked, nothing has been spent."""

    run_id: str
    step: ImageGenerationStep
    entry: CatalogEntry
    inputs: dict[str, Any]
    request: ImageRequest
    route: Route
    context: RunContext[ImageGenerationStep, Run]
    on_event: Callable[[RunEvent[Run]], object] | None
    identifier: str | None
    cell: str = ""
    """The cell of a sweep that the run is for, with the attempt."""
    session: str = ""
    """Whose session's budget it counts in, where that is not this process's own."""
    batch: BatchRef | None = None
    """The provider's batch that it is to be part of, at another price."""

    def keys(self) -> list[str]:
        """The keys in clear, to be masked in messages."""
        return self.route.credential.keys(self.entry.provider.key_variable)


def prepare(
    step: ImageGenerationStep,
    inputs: Mapping[str, Any] | None,
    context: RunContext[ImageGenerationStep, Run],
    options: RunOptions[Run],
) -> PreparedRun:
    """Check everything that can be checked before a run exists.

    Raises `InvalidOption`, `VariableError`, `MissingCredential` or `ReplayError`.
    """
    entry = step.entry
    options = complete_options(options)
    _check_call(inputs, options)
    _check_partial_images(step, entry, options["partial_images"])
    values = plain(inputs or {})
    prompt = filled_prompt(step.prompt, values)
    return PreparedRun(
        run_id=str(uuid.uuid4()),
        step=step,
        entry=entry,
        inputs=values,
        request=step.request(prompt, partial_images=options["partial_images"]),
        route=context.route(entry.provider, step.charge_type),
        context=context,
        on_event=options["on_event"],
        identifier=options["identifier"],
    )


def filled_prompt(template: str, values: Mapping[str, Any]) -> str:
    """The prompt as it is sent, filled from plain data. Raises `VariableError`."""
    prompt = variable_mistakes.fill(template, values)
    if invalid := ImageGenerationStep.check_prompt(prompt):
        problem, remedy = invalid
        names = ", ".join(variables.paths(template))
        raise VariableError(f"the prompt is {problem} once its variables are filled in ({names}). {remedy}")
    return prompt


def _check_call(inputs: object, options: RunOptions[Run]) -> None:
    """What Python itself would only notice once money is spent."""
    check_inputs(inputs)
    on_event: object = options["on_event"]
    if on_event is not None and (
        not callable(on_event) or inspect.iscoroutinefunction(on_event) or not takes(on_event, 1)
    ):
        raise InvalidOption("on_event must be a plain function that takes one event (not async)")
    variable_paths.check_identifier(options["identifier"])


def _check_partial_images(step: ImageGenerationStep, entry: CatalogEntry, partial_images: int) -> None:
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
