"""`verify`: a deployed workflow is invoked with the inputs of the local run, and its output compared."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from imagegen_nb.core import redaction
from imagegen_nb.core.filenames import slug
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.errors import DefinitionError, InvalidOption, InvalidResponse
from imagegen_nb.platform.callbacks import Callbacks, listener
from imagegen_nb.platform.client import PLATFORM, PlatformClient
from imagegen_nb.platform.comparison import VerifyReport, compare, parsed
from imagegen_nb.platform.run_wait import NOT_OVER, Answer, by_asking, by_callback, ids_of, status_of
from imagegen_nb.platform.source import Source, definition_of
from imagegen_nb.providers import catalog
from imagegen_nb.step_file.document import StepDefinition

_INVOKE = "/workflow/invoke"


@helpful_calls
def verify(
    source: Source,
    *,
    deployment: str,
    variant: str = "",
    inputs: Mapping[str, Any] | None = None,
    base_url: str | None = None,
    callbacks: Callbacks | None = None,
    seconds: float = 600.0,
) -> VerifyReport:
    """Invoke a deployed workflow with a step file's inputs, wait, and compare its output with the file's.

    It costs what a run on the platform costs, and is sent once. `source` is the file's path, or the run
    itself. `inputs` go instead of the file's;
    `deployment` and `variant` are the platform's names. The workflow's output is expected to be the image
    step's. With `callbacks` the platform answers at once and calls back when the run is over, which workflows
    with a Human in the Loop need; without, a run that is queued is asked for until it is over. One that is
    not after `seconds` is reported as it was last told of. Interrupted, it waits no longer; the run goes on.
    `base_url="emulator"` invokes an emulation on this machine. It has one deployment of the step, named after
    it (`Hero shot`: "hero-shot"), which gives the file's own output, and refuses names that it does not know.

    Raises `DefinitionError` for the file, `InvalidOption` for inputs that no Start step takes or an address
    that cannot be used, `MissingCredential`, and a `ProviderError` that says whether it may have cost.
    """
    definition = definition_of(source)
    if definition.output is None:
        raise DefinitionError("the file has no output to compare with: export the step with its run")
    if not deployment.strip():
        raise InvalidOption("deployment is empty: give the deployment's name on Fetch Hive")
    start, notes = start_inputs(definition.inputs if inputs is None else inputs)
    document: dict[str, Any] = {"deployment": deployment, "inputs": start}
    if variant:
        document["variant"] = variant
    client = PlatformClient(base_url, seconds=seconds)
    if client.emulator is not None:
        own = emulated_name(definition)
        client.emulator.deploy(own, definition.output.as_context())
        whose = "the file's own output" if deployment == own else "the output of a step verified before"
        notes.append(f"emulated: the deployment gave {whose}")
        if callbacks is not None and callbacks.secret is None:
            callbacks = replace(callbacks, secret=client.emulator.SECRET)
    answer, told = _run(client, document, callbacks)
    status = _text(status_of(answer))
    output = parsed(answer.get("output"))
    return VerifyReport(
        deployment=_text(deployment),
        run_status=status,
        request_id=_text(answer.get("request_id") or answer.get("run_id")),
        rows=tuple(compare(definition.output, output)) if status == "completed" else (),
        notes=(*notes, *map(_text, told)),
        error=_text(answer.get("error")),
        output=output,
    )


def emulated_name(definition: StepDefinition) -> str:
    """The deployment of a step on the emulated platform: named after it, or after its prompt as it is
    written: a file has the prompt's template, and image files are named after what it was filled with."""
    return slug(definition.step.name or definition.step.prompt)


def _run(
    client: PlatformClient, document: dict[str, Any], callbacks: Callbacks | None
) -> tuple[Answer, list[str]]:
    """What the platform said of the run in the end, and what to note of the way there."""
    deadline = time.monotonic() + client.seconds
    if callbacks is None:
        started = _invoked(client, document)
        with _telling_what_goes_on(client, started):
            return (started, []) if not _goes_on(started) else by_asking(started, client, deadline)
    with listener(callbacks, client.base_url) as receiver:
        delivery = {"enabled": True, "callback_url": receiver.url}
        started = _invoked(client, {**document, "async": delivery})
        with _telling_what_goes_on(client, started):
            end, notes = by_callback(started, receiver, deadline)
        return end, [*notes, *receiver.notes()]


def _invoked(client: PlatformClient, document: dict[str, Any]) -> Answer:
    answer = client.post(_INVOKE, document=document, costs=True)
    if not isinstance(answer, dict):
        raise InvalidResponse(
            "the answer is no object; the run may have cost", provider=PLATFORM, charge="unknown"
        )
    return answer


def _goes_on(answer: Answer) -> bool:
    return status_of(answer) in NOT_OVER


@contextmanager
def _telling_what_goes_on(client: PlatformClient, started: Answer) -> Iterator[None]:
    """An interrupt says that the run was not stopped by it: the platform documents no way to."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        run = ", ".join(sorted(map(_text, ids_of(started)))) or "without a name"
        interrupt.add_note(f"The run ({run}) goes on at {client.host}, and may cost: look for it there.")
        raise


def start_inputs(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The inputs as a Start step takes them, text and arrays, and what was changed to make them so.

    Outputs of earlier steps are left out: the workflow makes its own. Raises `InvalidOption` for an object.
    """
    start: dict[str, Any] = {}
    notes: list[str] = []
    for name, value in inputs.items():
        if isinstance(value, str | list):
            start[name] = value
        elif isinstance(value, dict) and "output" in value:
            notes.append(f"{name} is another step's output, which is not sent")
        elif isinstance(value, dict):
            raise InvalidOption(
                f"inputs.{name} is an object: a Start input is a text or an array. Give its fields as inputs "
                "of their own, or put it into an array"
            )
        else:
            start[name] = json.dumps(value)
            notes.append(f"{name} is sent as text, as it stands in the prompt")
    return start, notes


def _text(value: object) -> str:
    """Words of an answer, safe to show."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return redaction.redact(text, catalog.keys_in_use(), limit=300)
