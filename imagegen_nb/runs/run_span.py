"""What the span of a run, or of a question, says: what was asked, what it used and cost, and how it ended."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from imagegen_nb.core import tracing
from imagegen_nb.core.redaction import mask
from imagegen_nb.core.tracing import Attribute, Recorder
from imagegen_nb.core.types import Usage
from imagegen_nb.pricing.cost import cache_use
from imagegen_nb.providers.base import Provider
from imagegen_nb.providers.credentials import Credential

if TYPE_CHECKING:
    from imagegen_nb.core.types import ResponseMetadata, VisionRequest
    from imagegen_nb.pricing.cost import Cost
    from imagegen_nb.runs.prepare import PreparedRun
    from imagegen_nb.runs.run import Run
    from imagegen_nb.step.run_context import Route

_OPERATION = "generate_content"
_QUESTION = "chat"
_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The variable by which users of OpenTelemetry allow prompts in spans."""
_IN_SPANS = frozenset(("true", "1", "span_only", "span_and_event"))


def open_span(prepared: PreparedRun) -> AbstractContextManager[Recorder]:
    """The span of a run that is about to begin; those of its requests lie in it."""
    return tracing.span(f"{_OPERATION} {prepared.request.model}", _asked(prepared))


def close(recorder: Recorder, run: Run, keys: Callable[[], list[str]]) -> None:
    """Add what became of a run. The prompt is told only where the user of OpenTelemetry allows it, images and
    keys never."""
    if not recorder.is_recording:
        return
    recorder.set(
        {
            "gen_ai.response.model": run.answered_by,
            **dict(_usage(run.usage)),
            **dict(_cache_use(run.receipts)),
            "imagegen_nb.images.returned": run.returned,
            **_cost(run.cost),
            "gen_ai.input.messages": _messages(run.prompt, keys) if _may_show_prompts() else None,
        }
    )
    if run.status == "cancelled":
        recorder.fail("cancelled")
    elif run.error is not None:
        recorder.fail(run.error.kind, mask(str(run.error), keys()))


def open_question(
    provider: Provider, request: VisionRequest, route: Route, run_id: str
) -> AbstractContextManager[Recorder]:
    """The span of a question that is about to be asked; that of its request lies in it."""
    attributes = {
        **_call(_QUESTION, provider, request.model, route, run_id),
        "gen_ai.request.max_tokens": request.most_tokens,
        "gen_ai.output.type": "json",
    }
    return tracing.span(f"{_QUESTION} {request.model}", attributes)


def close_question(recorder: Recorder, metadata: ResponseMetadata | None, cost: Cost) -> None:
    """Add what became of a question; neither what was asked nor what was said."""
    if recorder.is_recording and metadata is not None:
        used = {**dict(_usage(metadata.usage)), **dict(_cache_use([metadata]))}
        recorder.set({"gen_ai.response.model": metadata.answered_by, **used, **_cost(cost)})


def _cost(cost: Cost) -> dict[str, Attribute | None]:
    return {
        "imagegen_nb.cost.amount": None if cost.amount is None else float(cost.amount),
        "imagegen_nb.cost.at_least": float(cost.at_least) if cost.amount is None else None,
        "imagegen_nb.cost.currency": cost.currency,
    }


def _call(
    operation: str, provider: Provider, model: str, route: Route, run_id: str
) -> dict[str, Attribute | None]:
    """What every call of a model says of itself."""
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _provider_name(provider, route.credential),
        "gen_ai.request.model": model,
        "imagegen_nb.run.id": run_id,
        "imagegen_nb.backend": route.backend,
        "imagegen_nb.replayed": True if route.replayed else None,
    }


def _asked(prepared: PreparedRun) -> dict[str, Attribute | None]:
    request, provider = prepared.request, prepared.entry.provider
    return {
        **_call(_OPERATION, provider, request.model, prepared.route, prepared.run_id),
        "gen_ai.output.type": "image",
        "gen_ai.request.choice.count": request.count if request.count != 1 else None,
        "gen_ai.request.stream": True if request.partial_images else None,
        # Without counting as having read them, by which a run knows what was sent.
        **{f"imagegen_nb.{key}": value for key, value in request.tracked_settings.unmarked().items()},
    }


def _provider_name(provider: Provider, account: Credential) -> str:
    if account.azure is not None:
        return "azure.ai.openai"
    if account.vertex is not None:
        return "gcp.vertex_ai"
    return provider.telemetry_name or provider.name


def _usage(usage: Usage) -> Iterator[tuple[str, Attribute]]:
    """Tokens as they were reported: all of a direction, and of each kind that the conventions know."""
    for direction, counts in (("input", usage.input), ("output", usage.output)):
        if counts:
            yield f"gen_ai.usage.{direction}_tokens", sum(counts.values())
        for kind in ("text", "image"):
            if counts.get(kind):
                yield f"gen_ai.usage.{kind}.{direction}_tokens", counts[kind]
    if usage.output.get("thoughts"):
        yield "gen_ai.usage.reasoning.output_tokens", usage.output["thoughts"]


def _cache_use(receipts: Iterable[ResponseMetadata]) -> Iterator[tuple[str, Attribute]]:
    """Input tokens that came out of the provider's cache, which cost less, and that went into it."""
    read, written = cache_use(receipts)
    for kind, name in (("all", ""), ("text", "text."), ("image", "image.")):
        if read[kind]:
            yield f"gen_ai.usage.{name}cache_read.input_tokens", read[kind]
    if written:
        yield "gen_ai.usage.cache_write.input_tokens", written


def _may_show_prompts() -> bool:
    return os.environ.get(_CAPTURE, "").lower() in _IN_SPANS


def _messages(prompt: str, keys: Callable[[], list[str]]) -> str:
    """The prompt in the conventions' form; keys are masked."""
    part = {"type": "text", "content": mask(prompt, keys())}
    return json.dumps([{"role": "user", "parts": [part]}], ensure_ascii=False)
