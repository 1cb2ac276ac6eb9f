"""What the providers' answers to a question about a picture have in common: why there is no text to use."""

from __future__ import annotations

from imagegen_nb.core.redaction import redact
from imagegen_nb.core.types import ResponseMetadata, VisionAnswer, VisionRequest
from imagegen_nb.errors import ModerationBlocked, ProviderError
from imagegen_nb.providers.http.response import ProviderResponse

ASKED_FOR = "an answer"
"""What a response to a question should hold, for messages."""
_LONGEST = 300


def answer_of(
    text: str,
    request: VisionRequest,
    response: ProviderResponse,
    metadata: ResponseMetadata,
    *,
    refused: object = None,
    cut_off: bool = False,
    ended: object = None,
) -> VisionAnswer:
    """The answer with its `text`, or with why it cannot be used.

    `refused` is what was said instead of an answer, True where nothing was; `cut_off` that the bound on
    tokens ended it; `ended` the provider's name for any other end than the usual one.
    """
    error: ProviderError | None = response.cut_short
    if refused:
        words = f": “{redact(refused, limit=_LONGEST)}”" if isinstance(refused, str) else ""
        error = ModerationBlocked(
            f"the model refused to answer{words}",
            provider=response.provider,
            status=response.status,
            request_id=metadata.request_id,
        )
    elif cut_off:
        error = response.invalid(
            f"the answer was cut off at {request.most_tokens:,} tokens, thoughts included: allow more with "
            "most_tokens="
        )
    elif error is None and not text.strip():
        reason = f" ({redact(ended, limit=_LONGEST)})" if isinstance(ended, str) and ended else ""
        error = response.invalid(f"answered without any text{reason}")
    if error is not None:
        error.request_id = metadata.request_id
        error.charge = "charged" if metadata.reported else "unknown"
    return VisionAnswer(text=text, metadata=metadata, error=error)
