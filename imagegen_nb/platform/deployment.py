"""`verify`: a deployed workflow is invoked with the inputs of the local run, and its output compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from imagegen_nb.core import redaction
from imagegen_nb.errors import DefinitionError, InvalidOption, InvalidResponse
from imagegen_nb.platform.client import PLATFORM, PlatformClient
from imagegen_nb.platform.comparison import VerifyReport, compare, parsed
from imagegen_nb.platform.source import Source, definition_of
from imagegen_nb.providers import catalog

_INVOKE = "/workflow/invoke"
_NOT_OVER = ("running", "queued")


def verify(
    source: Source,
    *,
    deployment: str,
    variant: str = "",
    inputs: Mapping[str, Any] | None = None,
    base_url: str | None = None,
    seconds: float = 600.0,
) -> VerifyReport:
    """Invoke a deployed workflow with a step file's inputs, wait, and compare its output with the file's.

    It costs what a run on the platform costs, and is sent once. `inputs` go instead of the file's;
    `deployment` and `variant` are the platform's names. The workflow's output is expected to be the image
    step's. One that is still running or queued is reported as that. Raises `DefinitionError` for the file,
    `InvalidOption` for inputs that no Start step takes, `MissingCredential`, and a `ProviderError` that says
    whether it may have cost.
    """
    definition = definition_of(source)
    if definition.output is None:
        raise DefinitionError("the file has no output to compare with: export the step with its run")
    if not deployment.strip():
        raise InvalidOption("deployment is empty: give the deployment's name on the platform")
    start, notes = start_inputs(definition.inputs if inputs is None else inputs)
    document: dict[str, Any] = {"deployment": deployment, "inputs": start}
    if variant:
        document["variant"] = variant
    answer = PlatformClient(base_url, seconds=seconds).post(_INVOKE, document=document, costs=True)
    if not isinstance(answer, dict):
        raise InvalidResponse(
            "the answer is no object; the run may have cost", provider=PLATFORM, charge="unknown"
        )
    status = _text(answer.get("run_status") or answer.get("status"))
    output = parsed(answer.get("output"))
    if status in _NOT_OVER:
        notes.append("it was not over when the platform answered: look for it there by its request")
    return VerifyReport(
        deployment=_text(deployment),
        run_status=status,
        request_id=_text(answer.get("request_id") or answer.get("run_id")),
        rows=tuple(compare(definition.output, output)) if status == "completed" else (),
        notes=tuple(notes),
        error=_text(answer.get("error")),
        output=output,
    )


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
