"""Reads providers' answers: images and what else they say, or the toolkit's own errors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from imagegen_nb.core.received_file import ReceivedFile
from imagegen_nb.core.redaction import redact
from imagegen_nb.core.types import (
    GeneratedImage,
    MissingImages,
    ProviderEvent,
    ProviderWarning,
    SettingValue,
    Usage,
)
from imagegen_nb.errors import (
    AuthenticationFailed,
    BadRequest,
    Charge,
    InvalidResponse,
    ModelRetired,
    ProviderError,
    ProviderFault,
    QuotaExhausted,
    RateLimited,
)
from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.credentials import gateway_shapes
from imagegen_nb.providers.http import decoding, error_words
from imagegen_nb.providers.http.error_words import ErrorWords

if TYPE_CHECKING:
    from httpx2 import ServerSentEvent

T = TypeVar("T")

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: AuthenticationFailed,
    402: QuotaExhausted,
    403: AuthenticationFailed,
    407: ProviderFault,
    429: RateLimited,
}
_OF_A_MODEL = re.compile(r"(?i)\bmodels?\b|requested entity|no endpoints found")
"""What a 404 says that is about the model: Google calls it an entity, OpenRouter looks for endpoints."""
_OF_AN_ADDRESS = re.compile(r"(?i)\b(url|path|route|method)\b")
_OF_A_KEY = re.compile(r"(?i)\b(key|token|credentials?|auth\w*|permissions?|account|project|organization)\b")
_OF_A_PLACE = re.compile(r"(?i)\b(country|region|territory|location)\b|unsupported_country")
"""Where the request came from is no fault of its key."""
_OF_A_NETWORK = re.compile(
    r"(?i)virtual network|firewall rules|private endpoint|public (network )?access is disabled"
    r"|vpc ?service ?controls"
)
"""How Azure and Google say that an account is closed to the network the request came from."""
_OUT_OF_VOLUME = re.compile(r"(?i)out of call volume quota|quota will be replenished")
"""Azure's API Management counts calls over days, and says so under 403 and 429."""
_RETIRED_CODES = ("model_not_found", "ModelDeprecated")
_LONGEST_NAME = 200
_LONGEST_ADDRESS = 400
_LIMIT = re.compile(
    r"\blimit:? *([0-9][0-9,]*(?:\.[0-9]+)?)(?:[^\n]{0,60}?\brequested:? *([0-9][0-9,]*))?", re.IGNORECASE
)
"""How OpenAI ("Limit 5, Used 5, Requested 1") and Google ("limit: 0, model: ...") state a limit."""
_SPENT = re.compile(r"spending cap|spend(ing)? limit|credits? (are|is|have been) depleted", re.IGNORECASE)
"""How Google says that a project's money is used up, under a status that it also gives for the rate."""
_WAIT = re.compile(
    r"\b(?:try again|retry) in (?=[0-9])"
    r"(?:([0-9]+)h)?(?:([0-9]+)m(?!s))?(?:([0-9.]*[0-9])s)?(?:([0-9.]*[0-9])ms)?",
    re.IGNORECASE,
)
_READ_AT_ONCE = 1 << 17
"""Bytes of text that take a millisecond to read."""
UNSPECIFIED = "unspecified"
"""The modality of tokens that a provider counts and does not itemise."""
_PART_OF_OTHERS = ("cached", "cache_")
"""Tokens read from a cache, or written to one, are counted among the others too."""
_FALLBACKS: dict[type[ProviderError], str] = {
    AuthenticationFailed: "refused the key",
    ModelRetired: "does not know the model",
    QuotaExhausted: "requires payment first",
    RateLimited: "is receiving too many requests",
    ProviderFault: "failed inside",
    BadRequest: "refused the request",
    InvalidResponse: "answered in a way it does not document",
}


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """An answer: HTTP status, lower-cased headers, and its body as far as it came.

    `broken` is the failure that ended it too early. `flaws` collects what was wrong with a body that could be
    read all the same. `files` are the long strings of base64 that were decoded as they arrived, by the tokens
    that stand for them in `body`.
    """

    provider: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    broken: ProviderError | None = None
    flaws: list[str] = field(default_factory=list)
    files: Mapping[str, bytes | ReceivedFile] = field(default_factory=dict, repr=False)
    asked_for: str = "images"
    """What the answer should hold, for messages."""

    @property
    def is_success(self) -> bool:
        """Whether the status says so: 200, or another one that gateways give to what succeeded."""
        return is_success(self.status)

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request, where it gives one in the usual header."""
        return safe_name(self.headers.get("x-request-id"))

    def documents(self) -> list[dict[str, Any]]:
        """The JSON objects of the body: one as a rule, several where it is a list or a stream of events.

        Raises the failure that broke the answer, or `InvalidResponse`, when there is none.
        """
        try:
            values = self._values()
        except ValueError:
            html = self.body.lstrip()[:1] == b"<"
            what = (
                _page(redact(error_words.read(self.body).text))
                if html
                else "an empty body"
                if not self.body
                else "text that is not valid JSON"
            )
        else:
            listed = [item for value in values for item in (value if isinstance(value, list) else [value])]
            if objects := [item for item in listed if isinstance(item, dict)]:
                return objects
            kind = type(values[0]).__name__ if values else "nothing"
            what = f"a JSON {kind} where an object was expected"
        raise self.broken or self.invalid(f"answered with {what} instead of {self.asked_for}")

    def _values(self) -> list[Any]:
        if decoding.is_event_stream(self.body, self.headers.get("content-type", "")):
            from imagegen_nb.providers.http.event_stream import events

            if values := [value for event in events(self.body) for value in self.event_values(event)]:
                return values
        # Also what is only declared to be a stream.
        documents, flaws = decoding.json_documents(self.body)
        self.flaws.extend(flaws)
        return documents

    def event_values(self, event: ServerSentEvent) -> list[dict[str, Any]]:
        """The JSON objects in an event's data, each with its `type`, which may stand beside the data."""
        try:
            values, flaws = decoding.json_documents(event.data.encode("utf-8", "replace"))
        except ValueError:
            self.flaws.append("an event that is not JSON")
            return []
        self.flaws.extend(flaws)
        named = {} if event.event == "message" else {"type": event.event}
        return [named | value for value in values if isinstance(value, dict)]

    def json(self) -> dict[str, Any]:
        """The first JSON object of the body; raises as `documents` does when there is none."""
        return self.documents()[0]

    def text(self) -> str:
        """The body where it is plain words; empty for JSON, HTML and everything else."""
        body = self.body[:2_000].decode(errors="replace").strip()
        return body if body.isprintable() and body[:1] not in ("<", "{", "[") else ""

    def json_or_empty(self) -> dict[str, Any]:
        """The body's first JSON object, `{}` when it has none: for error answers, which may be anything."""
        try:
            return self.json()
        except InvalidResponse:
            return {}

    def invalid(self, message: str, *, charge: Charge = "unknown") -> InvalidResponse:
        """An `InvalidResponse` about this answer, for the caller to raise or to keep."""
        return InvalidResponse(
            message, provider=self.provider, status=self.status, request_id=self.request_id, charge=charge
        )

    def item_data(self, item: Mapping[str, Any]) -> bytes | ReceivedFile | InvalidResponse:
        """The bytes of an image in OpenAI's form, or why there are none."""
        data, url = inline_data(item), item.get("url")
        if data is None and isinstance(url, str) and url:
            address = redact(url, limit=_LONGEST_ADDRESS)
            return self.invalid(
                "an image came as a URL although its data was requested, and addresses are not fetched: "
                f"{address}"
            )
        return self.image_data(data)

    def image_data(self, text: object) -> bytes | ReceivedFile | InvalidResponse:
        """The bytes of base64 `text`, or why they are none."""
        if isinstance(text, str) and text in self.files:
            return self.files[text]
        data = decoding.base64_bytes(text)
        return self.invalid("an image's data is not valid base64") if data is None else data

    def image_events(
        self, images: Sequence[GeneratedImage | ProviderError], count: int
    ) -> list[ProviderEvent]:
        """What became of `count` images: all that came, also more than that, and why others are missing."""
        events: list[ProviderEvent] = [
            MissingImages(self.cut_short or image) if isinstance(image, ProviderError) else image
            for image in images
        ]
        if len(images) < count:
            came = sum(isinstance(image, GeneratedImage) for image in images)
            why = self.cut_short or self.invalid(f"returned {came} of {count} images")
            events.append(MissingImages(why, count - len(images)))
        return events + self.warnings()

    @property
    def cut_short(self) -> ProviderError | None:
        """Why the answer ends before its end; None for one that is whole."""
        if self.broken is None and decoding.NO_END in self.flaws:
            return self.invalid(f"answered with text that is not valid JSON: {decoding.NO_END}")
        return self.broken

    def warnings(self) -> list[ProviderEvent]:
        """What to tell of an answer that was read in spite of its flaws."""
        flaws = list(dict.fromkeys(self.flaws))
        said = "the response was not clean JSON ({}); its content was read all the same"
        return [ProviderWarning(said.format(", ".join(flaws)))] if flaws else []


async def read_text(text: bytes, read: Callable[[], T]) -> T:
    """What `read` makes of an answer's text; in a thread where it is so long that the loop would stall."""
    if len(text) <= _READ_AT_ONCE:
        return read()
    import asyncio  # deferred, here and in the providers: whoever only lists models awaits nothing

    return await asyncio.to_thread(read)


def is_success(status: int | None) -> bool:
    """Whether an HTTP status is one of success."""
    return status is not None and 200 <= status < 300


def failure(
    response: ProviderResponse,
    connection: Connection,
    *,
    code: object = None,
    message: object = None,
    kind: type[ProviderError] | None = None,
    charge: Charge | None = None,
    retry_after: float | None = None,
) -> ProviderError:
    """The error for an answer that is not a success, in the provider's redacted words.

    `kind` is the provider's finding where its codes say more than the HTTP status does. Without a `message`
    in the provider's own shape, the answer's words are read from whatever shape it has.
    """
    found = error_words.read(response.body)
    said = redacted(connection, message) or redacted(connection, "" if found.page else found.text)
    code = code or found.code
    if kind is None:
        kind = _kind(response.status, f"{code} {said or ''}", found)
    if kind is RateLimited and waiting_is_vain(said):
        kind = QuotaExhausted
    if retry_after is None:
        retry_after = _retry_after(response.headers)
    if kind is RateLimited and retry_after is None:
        retry_after = _wait_in_words(said)
    if charge is None:
        # A server error, its own timeout, or a success nobody documents may come after the work.
        refused = 400 <= response.status < 500 and response.status not in (408, 409)
        charge = "none" if refused else "unknown"
    return kind(
        _told(said, found, kind, response, connection),
        provider=response.provider,
        status=response.status,
        code=redacted(connection, code),
        request_id=response.request_id,
        charge=charge,
        retry_after=None if kind is QuotaExhausted else retry_after,
    )


def waiting_is_vain(message: object) -> bool:
    """Whether a provider's words tell of a limit that no wait helps with: zero, or below what is needed."""
    if isinstance(message, str) and _SPENT.search(message):
        return True
    for limit, requested in _LIMIT.findall(message) if isinstance(message, str) else ():
        allowed = float(limit.replace(",", ""))
        if not allowed or (requested and float(requested.replace(",", "")) > allowed):
            return True
    return False


def _kind(status: int, said: str, found: ErrorWords) -> type[ProviderError]:
    """What a status means, beside what the answer says: not every 404 is about a model, nor every 403 about a
    key. A page comes from whatever stands before an API."""
    if status < 400:
        return InvalidResponse
    if status >= 500:
        return ProviderFault
    if status in (403, 429) and _OUT_OF_VOLUME.search(said):
        return QuotaExhausted
    if status == 400 and "ModelDeprecated" in said:
        return ModelRetired
    if status in (404, 410):
        about_model = any(code in said for code in _RETIRED_CODES) or (
            _OF_A_MODEL.search(said) and not _OF_AN_ADDRESS.search(said) and not found.page
        )
        return ModelRetired if about_model else BadRequest
    if status == 403 and (found.page or (found.text and not found.readable and not _OF_A_KEY.search(said))):
        return ProviderFault
    if status == 403 and _OF_A_NETWORK.search(said):
        return ProviderFault
    if status == 403 and _OF_A_PLACE.search(said):
        return BadRequest
    return _BY_STATUS.get(status, BadRequest)


def _told(
    said: str | None,
    found: ErrorWords,
    kind: type[ProviderError],
    response: ProviderResponse,
    connection: Connection,
) -> str:
    """The answer's own words first; where they leave the cause open, what the status and the account add."""
    message, status = said, response.status
    if not message:
        message = _FALLBACKS.get(kind, "refused the request")
        if status in (403, 404, 410) and kind in (ProviderFault, BadRequest):
            message = "refused the request" if status == 403 else "found nothing at this address"
        if found.page:
            message += f", with {_page(redacted(connection, found.text))}"
    if status == 403 and found.readable and kind is ProviderFault:
        message = f"{message.rstrip('.')}. The account is closed to this network; the key is not the cause"
    elif status == 403 and kind is ProviderFault:
        message += ". This is not how the API refuses a key: a firewall or a gateway on the way answered"
    if status == 407:
        gateway = urlsplit(connection.base_url).hostname
        message = f"{message.rstrip('.')}. A proxy behind {gateway} requires a login; set it there, not here"
    if status in (404, 405, 410) and kind is BadRequest:
        message = f"{message.rstrip('.')}. {_address_hint(connection)}"
    return message


def _page(title: str | None) -> str:
    return "an HTML page" + (f": “{title}”" if title else "")


def _address_hint(connection: Connection) -> str:
    """Where the request went, and what an account has to be like for it to go to the right place."""
    credential = connection.credential
    asked = f"The request went to an address below {redacted(connection, connection.base_url)}"
    if credential.azure is not None:
        return (
            f"{asked}; check the endpoint, the api_version, and the name of the model's deployment: "
            "AzureOpenAI(..., deployments={model: name})"
        )
    if credential.vertex is not None:
        return f"{asked}; check the project and the location of VertexAI"
    return f"{asked}; {gateway_shapes(credential.base_url)}" if credential.base_url else asked


def redacted(connection: Connection, text: object) -> str | None:
    """A provider's words made safe to show and cut short; None when there are none."""
    if not isinstance(text, str | int) or not str(text).strip():
        return None
    return redact(str(text).strip(), [connection.key])


def safe_name(text: object) -> str | None:
    """A name or an id a provider gives, made safe to show and cut short; None when it gives none."""
    return redact(text, limit=_LONGEST_NAME) if isinstance(text, str) and text else None


def echoed_settings(answer: Mapping[str, Any], wire_names: Mapping[str, str]) -> dict[str, SettingValue]:
    """The settings that an answer names, by platform key; what is neither text nor a count is left out."""
    values = {
        key: safe_name(answer.get(name)) or whole_number(answer.get(name)) for key, name in wire_names.items()
    }
    return {key: value for key, value in values.items() if value is not None}


def whole_number(value: object) -> int | None:
    """A count a provider reports, or None when it is missing or not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def image_items(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The images of an answer in OpenAI's form: what `data` lists, one without a list, or an event itself."""
    items = answer.get("data")
    if isinstance(items, list):
        return [mapping(item) for item in items]
    item = mapping(items) or answer
    return [item] if "b64_json" in item or item.get("url") else []


def inline_data(item: Mapping[str, Any]) -> object:
    """The base64 of an image in OpenAI's form; gateways give it as a `data:` address too."""
    url = item.get("url")
    return item.get("b64_json") or (url if decoding.is_data_url(url) else None)


def tokens_by_modality(usage: Mapping[str, Any], side: str, otherwise: str) -> dict[str, int]:
    """The `input` or `output` tokens of a usage in OpenAI's form, by modality; they add up to its total.

    All are of the modality `otherwise` where no details are given.
    """
    older = {"input": "prompt", "output": "completion"}[side]
    name = side if f"{side}_tokens" in usage or f"{older}_tokens" not in usage else older
    details = mapping(usage.get(f"{name}_tokens_details"))
    counts = {
        modality.removesuffix("_tokens"): whole_number(value)
        for modality, value in details.items()
        if not modality.startswith(_PART_OF_OTHERS)
    }
    return with_remainder(counts, whole_number(usage.get(f"{name}_tokens")), otherwise)


def usage_of(
    input_tokens: Mapping[str, int],
    output_tokens: Mapping[str, int],
    total: int | None,
    ticks: int | None = None,
) -> Usage:
    """A usage whose tokens add up to the provider's total: what it itemises nowhere counts as output."""
    rest = (total or 0) - sum(input_tokens.values()) - sum(output_tokens.values())
    if rest > 0:
        output_tokens = {**output_tokens, UNSPECIFIED: output_tokens.get(UNSPECIFIED, 0) + rest}
    return Usage(input_tokens, output_tokens, total, ticks)


def with_remainder(counts: Mapping[str, int | None], total: int | None, otherwise: str) -> dict[str, int]:
    """`counts` by modality with what is missing from `total`: under `otherwise` where nothing is itemised."""
    itemised = {name: count for name, count in counts.items() if count is not None}
    remainder = (total or 0) - sum(itemised.values())
    if total is not None and not itemised:
        return {otherwise: total}
    return itemised | ({UNSPECIFIED: itemised.get(UNSPECIFIED, 0) + remainder} if remainder > 0 else {})


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one: answers are read, never trusted."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The items of a JSON array, each as `mapping` gives it; none where it is no array."""
    return [mapping(each) for each in value] if isinstance(value, list) else []


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the provider asks, from milliseconds, seconds or an HTTP date.

    A date is compared with the answer's own: two clocks can be minutes apart.
    """
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        elif headers["retry-after"].strip()[:1].isdigit():
            seconds = float(headers["retry-after"])
        else:
            seconds = (_date(headers["retry-after"]) - _sent_at(headers)).total_seconds()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _wait_in_words(said: str | None) -> float | None:
    """Seconds to wait where only the words tell: "try again in 7m12s", "retry in 34.07s", "in 250ms"."""
    match = _WAIT.search(said or "")
    if match is None or not any(match.groups()):
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _date(text: str) -> datetime:
    """The time of an HTTP date; one without a zone is meant in UTC. Raises ValueError."""
    from email.utils import parsedate_to_datetime

    date = parsedate_to_datetime(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _sent_at(headers: Mapping[str, str]) -> datetime:
    """When the answer was sent, by the sender's clock where it says."""
    try:
        return _date(headers["date"])
    except (KeyError, ValueError, TypeError):
        return datetime.now(UTC)
