"""Google's errors: ``{"error": {"code", "message", "status", "details"}}``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from imagegen_nb.emulator.responses import EmulatedResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagegen_nb.emulator.faults import Fault, FaultKind

MEDIA_TYPE: Final = "application/json; charset=UTF-8"
_RPC: Final = "type.googleapis.com/google.rpc."
_RATE_LIMITS: Final = "https://ai.google.dev/gemini-api/docs/rate-limits"
_BAD_KEY: Final = "API key not valid. Please pass a valid API key."

#: Canonical status names by HTTP code.
_STATUS_NAMES: Final = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 502: "UNAVAILABLE", 503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}  # fmt: skip

#: Per kind: code and message. A fault's own message goes before it.
_FAULTS: Final[dict[FaultKind, tuple[int, str]]] = {
    "quota": (429, "You exceeded your current quota, please check your plan and billing details."),
    "auth": (400, _BAD_KEY),
    "permission": (403, "The caller does not have permission"),
    "server_error": (500, "An internal error has occurred. Please retry."),
    "not_found": (404, "The model is not found, or is not supported for generateContent."),
    "bad_request": (400, "Request contains an invalid argument."),
}


def error(code: int, message: str, details: Sequence[dict[str, Any]] = ()) -> EmulatedResponse:
    """An error as a response."""
    body: dict[str, Any] = {"code": code, "message": message, "status": _STATUS_NAMES.get(code, "UNKNOWN")}
    if details:
        body["details"] = list(details)
    return json_response({"error": body}, code, MEDIA_TYPE)


def bad_request(message: str, fields: Sequence[tuple[str, str]] = ()) -> EmulatedResponse:
    """400 INVALID_ARGUMENT; `fields` are (path, description) of each violation."""
    violations = [
        {"field": path, "description": description} if path else {"description": description}
        for path, description in fields
    ]
    detail = {"@type": _RPC + "BadRequest", "fieldViolations": violations}
    return error(400, message, [detail] if violations else [])


def key_error(message: str = _BAD_KEY) -> EmulatedResponse:
    """A bad API key is a 400 here."""
    info = {"@type": _RPC + "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"}}  # fmt: skip
    localized = {"@type": _RPC + "LocalizedMessage", "locale": "en-US", "message": message}
    return error(400, message, [info, localized])


def fault_error(fault: Fault, key: str, model: str, *, vertex: bool) -> EmulatedResponse:
    """The error of a scripted fault; `key` is what was sent, for `echo_key` alone."""
    if fault.kind in ("auth", "echo_key"):
        message = f"API key not valid: {key}." if fault.kind == "echo_key" else (fault.message or _BAD_KEY)
        return error(401, message) if vertex else key_error(message)
    if fault.kind in ("rate_limit", "quota"):
        return _quota_error(fault, model)
    code, message = _FAULTS[fault.kind]
    return error(fault.status or code, fault.message or message, _details(fault))


def _quota_error(fault: Fault, model: str) -> EmulatedResponse:
    """A minute's limit, or (`quota`) a project without quota: the day's and the minute's are zero.

    Both name a delay, although waiting helps with the first one only.
    """
    spent = fault.kind == "quota"
    tier, spans = ("free", ("Minute", "Day")) if spent else ("paid", ("Minute",))
    metric = f"generativelanguage.googleapis.com/generate_content_{tier}_tier_requests"
    limit = "0" if spent else "10"
    default = "34" if spent else "12"
    delay = fault.retry_after if _is_number(fault.retry_after) else default
    violations = [
        {
            "quotaMetric": metric,
            "quotaId": f"GenerateRequestsPer{span}PerProjectPerModel" + ("-FreeTier" if spent else ""),
            "quotaDimensions": {"location": "global", "model": model},
            **({} if spent else {"quotaValue": limit}),
        }
        for span in spans
    ]
    message = (
        f"{_FAULTS['quota'][1]}\n"
        + "".join(f"* Quota exceeded for metric: {metric}, limit: {limit}, model: {model}\n" for _ in spans)
        + f"Please retry in {delay}s."
    )
    details: list[dict[str, Any]] = [
        {"@type": _RPC + "Help", "links": [{"description": "Learn more", "url": _RATE_LIMITS}]},
        {"@type": _RPC + "QuotaFailure", "violations": violations},
        {"@type": _RPC + "RetryInfo", "retryDelay": f"{delay}s"},
    ]
    return error(fault.status or 429, fault.message or message, details)


def _details(fault: Fault) -> list[dict[str, Any]]:
    if fault.kind == "bad_request" and fault.param:
        violation = {"field": fault.param, "description": fault.message or _FAULTS["bad_request"][1]}
        return [{"@type": _RPC + "BadRequest", "fieldViolations": [violation]}]
    return []


def _is_number(text: str | None) -> bool:
    return text is not None and text.replace(".", "", 1).isdecimal()
