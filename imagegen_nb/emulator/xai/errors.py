"""xAI's refusals: ``{"code": "...", "error": "..."}``, unlike OpenAI's; 422 is plain text."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.responses import Answer, json_answer

if TYPE_CHECKING:
    from imagegen_nb.emulator.faults import Fault, FaultKind

#: Per kind: status, code, text. A fault's own code and message go before these.
FAULTS: Final[dict[FaultKind, tuple[int, str, str]]] = {
    "rate_limit": (429, "resource-exhausted", "Too many requests for this model. Please slow down."),
    "quota": (
        403,
        "permission-denied",
        "Your team has either used all available credits or reached its monthly spending limit.",
    ),
    "auth": (400, "invalid-argument", "Incorrect API key provided."),
    "permission": (403, "permission-denied", "The caller does not have permission to use this model."),
    "server_error": (500, "internal-error", "Internal server error."),
    "not_found": (404, "not-found", "The model does not exist or your team has no access to it."),
    "bad_request": (400, "invalid-argument", "Argument not supported."),
    "moderation": (400, "imagine:content-moderated", "Generated image rejected by content moderation."),
}


def error(status: int, code: str, message: str) -> Answer:
    """A refusal as an answer."""
    return json_answer({"code": code, "error": message}, status)


def undeserializable(reason: str) -> Answer:
    """The 422 of a body that does not fit the schema: text, not JSON."""
    text = f"Failed to deserialize the JSON body into the target type: {reason}"
    return Answer((text.encode("utf-8", "replace"),), 422, "text/plain; charset=utf-8")


def fault_error(fault: Fault, key: str, ticks: int = 0) -> Answer:
    """The refusal of a scripted fault; a moderated picture is billed `ticks` all the same."""
    if fault.kind == "echo_key":
        return error(400, "invalid-argument", f"Incorrect API key provided: {key}.")
    status, code, message = FAULTS[fault.kind]
    named = f"{message.rstrip('.')}: {fault.param}" if fault.param else message
    body: dict[str, Any] = {"code": fault.code or code, "error": fault.message or named}
    if fault.kind == "moderation":
        body["usage"] = {"cost_in_usd_ticks": ticks}
    return json_answer(body, fault.status or status)


def request_headers(elapsed: float) -> dict[str, str]:
    """What xAI adds to every answer; `elapsed` in seconds."""
    return {
        "x-request-id": f"req_emulated_{uuid.uuid4().hex}",
        "x-metrics-e2e-ms": str(round(elapsed * 1000)),
    }
