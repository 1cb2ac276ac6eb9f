"""Proves that a provider's requests pass the cassette, before one that matters is sent."""

from __future__ import annotations

from contextlib import aclosing

from imagegen_nb.core.active_cassette import ActiveCassette
from imagegen_nb.core.types import ImageRequest
from imagegen_nb.errors import ReplayError
from imagegen_nb.providers import credentials
from imagegen_nb.providers.base import Connection, Provider
from imagegen_nb.replay.vcr_adapter import Probe, probing

_NOWHERE = "http://127.0.0.1:9"
"""Should a request escape after all, it ends here: nothing serves the discard port."""


async def passes(provider: Provider, cassette: ActiveCassette) -> None:
    """Let `provider` make one request, which is answered in memory. Raises `ReplayError` if it was not."""
    probe = Probe()
    token = probing.set(probe)
    connection = Connection(
        base_url=_NOWHERE,
        credential=credentials.placeholder("nobody (self-check)", None),
        backend="emulator",
        cassette=cassette,
    )
    request = ImageRequest(model=provider.models[0].name, prompt="self-check")
    try:
        async with aclosing(provider.generate(request, connection)) as deliveries:
            async for _ in deliveries:
                pass
    except Exception:  # noqa: BLE001, S110 - it is answered with a refusal, on purpose
        pass
    finally:
        probing.reset(token)
    if not probe.seen:
        raise ReplayError(
            f"requests to {provider.label} do not pass the cassette, so they can be neither recorded nor "
            "held back: they bypass the HTTP client that vcrpy patches"
        )
