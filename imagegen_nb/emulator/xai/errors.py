"""xAI's errors: ``{"code": "...", "error": "..."}``, unlike OpenAI's; 422 is plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.responses import EmulatedResponse, json_response

if TYPE_CHECKING:
    from imagegen_nb.emulator.faults import Fault, FaultKind

#: Per kind: status, code, text. A fault's own code and message go before these.
_FAULTS: Final[dict[FaultKind, tuple[int, str, str]]] = {
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


def error(status: int, code: str, message: str) -> EmulatedResponse:
    """An error as a response."""
    return json_response({"code": code, "error": message}, status)


def undeserializable(reason: str) -> EmulatedResponse:
    """The 422 of a body that does not fit the schema: text, not JSON."""
    text = f"Failed to deserialize the JSON body into the target type: {reason}"
    return EmulatedResponse((text.encode("utf-8", "replace"),), 422, "text/plain; charset=utf-8")


def fault_error(fault: Fault, key: str = "", ticks: int = 0) -> EmulatedResponse:
    """The error of a scripted fault; `key` is what was sent, for `echo_key`; moderation costs `ticks`."""
    if fault.kind == "echo_key":
        return error(400, "invalid-argument", f"Incorrect API key provided: {key}.")
    status, code, message = _FAULTS[fault.kind]
    with_parameter = f"{message.rstrip('.')}: {fault.param}" if fault.param else message
    body: dict[str, Any] = {"code": fault.code or code, "error": fault.message or with_parameter}
    if fault.kind == "moderation":
        body["usage"] = {"cost_in_usd_ticks": ticks}
    return json_response(body, fault.status or status)
