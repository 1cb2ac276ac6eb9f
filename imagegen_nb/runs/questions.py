"""Asks a model about a picture, as a run is carried out: entered in the ledger first, within the budget,
bounded in time, and entered again with what it cost.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from imagegen_nb.core.daemon_threads import STORE
from imagegen_nb.core.redaction import storable, without_keys
from imagegen_nb.core.tracing import Recorder, server_of
from imagegen_nb.core.types import ChargeType, ResponseMetadata, VisionAnswer, VisionRequest
from imagegen_nb.errors import BudgetExceeded, ImagegenError, InvalidOption
from imagegen_nb.pricing.answer_estimate import PricedQuestion, ceiling
from imagegen_nb.pricing.cost import Cost, cost_of
from imagegen_nb.providers.base import Connection, Provider
from imagegen_nb.runs import ledger, recipe, run_span
from imagegen_nb.runs.budget_outlook import bounds
from imagegen_nb.runs.provider_calls import bounded, make_ready
from imagegen_nb.step.run_context import Route, RunContext
from imagegen_nb.store.base import LedgerEntry

_LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes: an answer is a few sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a model is asked about a picture of `width` by `height` pixels.

    `asked_by` and `about` are plain data for the ledger: the settings of whoever asks, and which image it is.
    """

    provider: Provider
    request: VisionRequest
    width: int
    height: int
    charge_type: ChargeType
    asked_by: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What was made of an answer, what it cost, and what the provider said of the request."""

    value: dict[str, Any]
    cost: Cost
    metadata: ResponseMetadata
    run_id: str


Read = Callable[[VisionAnswer], dict[str, Any]]
"""Makes plain data of an answer, or raises why it cannot."""


async def ask(question: Question, context: RunContext[Any, Any], read: Read) -> Answered:
    """Ask, and return what `read` makes of the answer; the ledger keeps it as JSON.

    Raises what `read` raises, `ProviderError` where no answer came, `BudgetExceeded` and `MissingCredential`
    before anything is sent, and `ReplayError`. The ledger then says what it may have cost.
    """
    route = context.route(question.provider, question.charge_type)
    call = _Call(question, context, route)
    with run_span.open_question(question.provider, question.request, route, call.run_id) as span:
        return await _ask(call, read, span)


async def _ask(call: _Call, read: Read, span: Recorder) -> Answered:
    value: dict[str, Any] | None = None
    try:
        await call.begin()
        value = await call.answer(read, span)
    except asyncio.CancelledError:
        await asyncio.shield(call.end(cancelled=True))
        raise
    except ImagegenError as error:
        await asyncio.shield(call.end(error=error))
        span.fail(error.kind)
        run_span.close_question(span, call.metadata, call.cost(error))
        raise
    except BaseException:
        await asyncio.shield(call.end())
        raise
    await asyncio.shield(call.end(value=value))
    assert call.metadata is not None
    cost = call.cost()
    run_span.close_question(span, call.metadata, cost)
    return Answered(value=value, cost=cost, metadata=call.metadata, run_id=call.run_id)


@dataclass(slots=True)
class _Call:
    """One question under way."""

    question: Question
    context: RunContext[Any, Any]
    route: Route
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.monotonic)
    asked: bool = False
    metadata: ResponseMetadata | None = None
    entry: LedgerEntry | None = None
    beginning: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Enter it in the ledger. A cancel must not leave it there as under way: `end` waits."""
        self.beginning = asyncio.create_task(STORE.run(self._enter))
        await asyncio.shield(self.beginning)

    def _enter(self) -> None:
        """Reserve what it may cost; may block."""
        question, request, route = self.question, self.question.request, self.route
        most, reason = ceiling(
            PricedQuestion(
                provider=question.provider.name,
                model=request.model,
                question=request.question,
                width=question.width,
                height=question.height,
                most_tokens=request.most_tokens,
                schema=request.schema,
                unpriced_account=route.unpriced_account,
                most=route.credential.most,
            )
        )
        entry = ledger.question_entry(
            self.run_id,
            question.provider.name,
            request.model,
            route.backend,
            replaying=route.replayed,
            ceiling=most,
        )
        keys = self._keys()
        entry = self.entry = replace(
            entry,
            prompt=storable(request.question, keys),
            settings_json=_text(without_keys(question.asked_by, keys)),
            inputs_json=_text(without_keys(question.about, keys)),
        )
        budget = None if route.replayed else self.context.budget
        if budget is None:
            self.context.store.begin(entry, None)  # a store of another kind may know no budget
            return
        if most is None:
            raise BudgetExceeded(
                f"{bounds(budget)}: there is no upper bound for the cost of a question to {request.model} "
                f"({reason}). Nothing was sent. {route.unbounded_remedy}"
            )
        self.context.store.begin(entry, None, budget)

    async def answer(self, read: Read, span: Recorder) -> dict[str, Any]:
        """Send the question, and make of the answer what `read` does."""
        connection = await self._connect()
        assert connection.deadline is not None
        self.asked = True
        span.set(server_of(connection.send_to or connection.base_url))
        request, provider = self.question.request, self.question.provider
        answer = await bounded(provider, connection.deadline, provider.answer(request, connection))
        self.metadata = answer.metadata
        return read(answer)

    async def _connect(self) -> Connection:
        provider, cassette = self.question.provider, self.route.cassette
        await make_ready(provider)
        if cassette is not None:
            await cassette.check(provider)
            text, folder = self.question.request.question, str(getattr(self.context.store, "folder", ""))
            cassette.begin_run(text, {}, text, folder, self.run_id)
        connection = await asyncio.to_thread(self.context.connection, provider, self.route)
        deadline = asyncio.get_running_loop().time() + self.context.timeout
        return replace(connection, deadline=deadline, largest_response=_LARGEST_ANSWER)

    async def end(
        self, *, value: object = None, error: ImagegenError | None = None, cancelled: bool = False
    ) -> None:
        """Enter how it ended, where it had begun."""
        if self.beginning is None:
            return
        await asyncio.wait({self.beginning})
        if self.beginning.cancelled() or self.beginning.exception() is not None:
            return
        await STORE.run(lambda: self._end(value, error, cancelled=cancelled))

    def _end(self, value: object, error: ImagegenError | None, *, cancelled: bool) -> None:
        assert self.entry is not None
        # Nothing was sent where the provider found that it has no way to ask.
        called = self.asked and not isinstance(error, InvalidOption)
        ended = ledger.closing_entry(
            self.entry,
            called=called,
            kept=value is not None,
            cancelled=cancelled,
            errors=[error] if error is not None else [],
            cost=self.cost(error).amount,
        )
        told = {
            "answer": value,
            "error": None if error is None else recipe.error_facts(error),
            "status": "cancelled" if cancelled else "failed" if value is None else "done",
            "backend": self.route.backend,
            "paid_by": self.route.credential.paid_by,
            "duration": round(time.monotonic() - self.started, 3),
            "receipts": [] if self.metadata is None else [recipe.receipt(self.metadata)],
            "cassette": self.route.cassette.name if self.route.cassette else None,
            "replayed": self.route.replayed,
        }
        kept = {name: each for name, each in told.items() if each not in (None, [], {}, False)}
        result = _text(without_keys(kept, self._keys()))
        self.context.store.finish(replace(ended, result_json=result), [])

    def cost(self, error: ImagegenError | None = None) -> Cost:
        """What it cost, by the provider's own account."""
        receipts = [] if self.metadata is None else [self.metadata]
        accounted = any(receipt.reported for receipt in receipts)
        account = cost_of(
            receipts,
            [error] if error is not None and not accounted else [],
            provider=self.question.provider.name,
            model=self.question.request.model,
            unpriced_account=self.route.unpriced_account,
        )
        synthetic, replayed = self.route.backend != "live", self.route.replayed
        if replayed:
            return Cost(amount=Decimal(0), synthetic=synthetic, replayed=True, recorded=account.amount)
        return Cost(**account._asdict(), synthetic=synthetic)

    def _keys(self) -> list[str]:
        return self.route.credential.keys(self.question.provider.key_variable)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
