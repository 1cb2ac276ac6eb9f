"""What a provider is asked about batches: with the routes, keys, bounds and errors of single runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from imagegen_nb.core.types import BatchAnswer, ChargeType, ImageRequest
from imagegen_nb.errors import ImagegenError, InvalidOption, ProviderFault
from imagegen_nb.providers.base import Batches, Connection, Provider
from imagegen_nb.runs.provider_calls import bounded, make_ready
from imagegen_nb.step.run_context import Route, RunContext

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchCalls:
    """The batches of one provider, for whoever pays. Raises `ProviderError`s."""

    context: RunContext[Any, Any]
    provider: Provider
    route: Route
    batches: Batches

    @classmethod
    def of(cls, context: RunContext[Any, Any], provider: Provider, charge_type: ChargeType) -> BatchCalls:
        """Raises `InvalidOption` where these batches cannot be had, `MissingCredential`, `ReplayError`."""
        if provider.batches is None:
            raise InvalidOption(
                f"{provider.label} is not supported in batches: leave its models out with only=[cells], or "
                "use run()"
            )
        route = context.route(provider, charge_type)
        if route.cassette is not None:
            raise InvalidOption(
                "a cassette is in use, but a batch outlives it: submit and collect without one"
            )
        if route.unpriced_account:
            raise InvalidOption(
                f"{route.unpriced_account} is not {provider.label}'s own API, which alone takes batches: "
                "submit in a workspace without it, with the provider's own key, or use run()"
            )
        if route.credential.vertex is not None:
            raise InvalidOption(
                "VertexAI takes batches from Cloud Storage only: submit in a workspace without it, with a "
                "key of the Gemini API, or use run()"
            )
        return cls(context, provider, route, provider.batches)

    async def ask(self, work: Callable[[Batches, Connection], Coroutine[Any, Any, T]]) -> T:
        """What `work`, a call of the batches, returns."""
        connection = await self._connection()
        deadline = asyncio.get_running_loop().time() + self.context.timeout
        connection = replace(connection, deadline=deadline)
        return await bounded(self.provider, deadline, work(self.batches, connection))

    async def answers(
        self,
        output: str,
        request_of: Callable[[str], ImageRequest | None],
        largest_line: int,
    ) -> AsyncGenerator[BatchAnswer, None]:
        """What a file of answers holds, as it arrives; one of them has at most `largest_line` bytes."""
        connection = await self._connection()
        connection = replace(
            connection,
            largest_response=largest_line,
            new_path=self.context.store.new_path if self.provider.takes_files else None,
        )
        try:
            async with aclosing(self.batches.answers(output, request_of, connection)) as answers:
                async for answer in answers:
                    yield answer
            return
        except ImagegenError:
            raise
        # A plug-in may raise anything, and whatever it raises may hold a request.
        except Exception as error:  # noqa: BLE001
            reason = type(error).__name__
        raise ProviderFault(f"the provider raised {reason}", provider=self.provider.name, charge="unknown")

    async def _connection(self) -> Connection:
        await make_ready(self.provider)
        connection = await asyncio.to_thread(self.context.connection, self.provider, self.route)
        return replace(connection, requests_per_minute=None)  # which is of images
