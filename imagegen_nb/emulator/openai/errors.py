"""OpenAI's errors: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.responses import EmulatedResponse, json_response

if TYPE_CHECKING:
    from imagegen_nb.emulator.faults import Fault, FaultKind

#: Per kind: status, message, type, code. A fault's own code, message and param go before these.
_FAULTS: Final[dict[FaultKind, tuple[int, str, str, str | None]]] = {
    "rate_limit": (
        429,
        "Rate limit reached for gpt-image-2 (for limit gpt-image) on input-images per min: Limit 5, Used 5, "
        "Requested 1. Please try again in 12s.",
        "input-images",
        "rate_limit_exceeded",
    ),
    "quota": (
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "auth": (401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    "permission": (
        403,
        "Your organization must be verified to use this model.",
        "invalid_request_error",
        None,
    ),
    "server_error": (
        500,
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        None,
    ),
    "not_found": (
        404,
        "The model does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found",
    ),
    "bad_request": (400, "Invalid value.", "image_generation_user_error", "invalid_value"),
    "moderation": (
        400,
        "Your request was rejected by the safety system. safety_violations=[violence].",
        "image_generation_user_error",
        "moderation_blocked",
    ),
}


def error_body(message: str, kind: str, code: str | None, param: str | None) -> dict[str, Any]:
    """The JSON of an error."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error(
    status: int,
    message: str,
    code: str | None = None,
    param: str | None = None,
    kind: str = "invalid_request_error",
) -> EmulatedResponse:
    """An error as a response."""
    return json_response(error_body(message, kind, code, param), status)


def fault_error(fault: Fault, key: str = "") -> EmulatedResponse:
    """The error of a scripted fault; `key` is what was sent, for `echo_key` alone."""
    if fault.kind == "echo_key":
        return error(401, f"Incorrect API key provided: {key}.", "invalid_api_key")
    status, message, kind, code = _FAULTS[fault.kind]
    body = error_body(fault.message or message, kind, fault.code or code, fault.param)
    if fault.kind == "moderation":
        body["error"]["param"] = fault.param or ""  # empty, where other errors have null
        body["error"]["moderation_details"] = {"moderation_stage": "input", "categories": ["violence"]}
    return json_response(body, _status(fault, status))


def _status(fault: Fault, default: int) -> int:
    # The only billing code that is known to come with a 400.
    return fault.status or (400 if fault.code == "billing_hard_limit_reached" else default)
