"""Row 3: the network part alone, one image at a time: from the request to the image's bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks import clients
from benchmarks.cases import Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.measure import measured
from benchmarks.server import address

_TITLES = {"openai": "OpenAI", "xai": "xAI", "gemini": "Gemini"}
_TINY = 64


def cases(scale: Scale) -> list[Case]:
    """Each provider, at two sizes of image."""
    sizes = scale.pick({_TINY: 0.65}, {1024: 0.65, 2048: 0.40})
    return [_case(provider, pixels, most) for provider in _TITLES for pixels, most in sizes.items()]


def _case(provider: str, pixels: int, most: float) -> Case:
    arguments = {"provider": provider, "pixels": pixels}
    here = "benchmarks.rows.network"
    title = f"{_TITLES[provider]}, one {pixels}² image"
    return Case(
        row=3,
        name=f"network/{provider}-{pixels}",
        contenders=(
            Contender(name="ours", role="ours", function=f"{here}:ours", arguments=arguments),
            Contender(name="SDK", role="peer", function=f"{here}:sdk", arguments=arguments),
            Contender(
                name="litellm",
                role="peer",
                function=f"{here}:litellm",
                arguments=arguments,
                environment="peers",
            ),
            Contender(name="by hand", role="floor", function=f"{here}:by_hand", arguments=arguments),
        ),
        figures=(
            Figure(
                what=f"{title}, CPU",
                metric="cpu_ms",
                unit="ms",
                aims=(Aim(most, "SDK"), Aim(0.25, "litellm")),
            ),
            Figure(what=f"{title}, peak memory", metric="peak_mb", unit="MB", aims=(Aim(1.0),)),
        ),
        repeats=9,
    )


def ours(setting: Setting, *, provider: str, pixels: int) -> Metrics:
    """The provider of the catalog, asked as a run asks it."""
    from pydantic import SecretStr

    from imagegen_nb.core.types import GeneratedImage, ImageRequest
    from imagegen_nb.providers import catalog
    from imagegen_nb.providers.base import Connection
    from imagegen_nb.providers.credentials import Credential
    from imagegen_nb.store.local import LocalStore

    entry = catalog.find(clients.MODELS[provider])
    assert entry is not None
    entry.provider.prepare()
    credential = Credential(key=SecretStr(clients.KEY), paid_by="nobody")

    store = LocalStore(setting.folder)

    async def generate(base_url: str) -> None:
        images = 0
        request = ImageRequest(model=clients.MODELS[provider], prompt=clients.PROMPT)
        connection = Connection(base_url=base_url, credential=credential, new_path=store.new_path)
        async for event in entry.provider.generate(request, connection):
            images += isinstance(event, GeneratedImage)
        assert images == 1

    with asyncio.Runner() as runner:
        return measured(
            lambda: runner.run(generate(address(setting.server, provider, pixels))),
            setting.repeats,
            lambda: runner.run(generate(address(setting.server, provider, _TINY))),
        )


def sdk(setting: Setting, *, provider: str, pixels: int) -> Metrics:
    """The provider's SDK, as documented."""
    return _measured(clients.sdk, setting, provider, pixels)


def litellm(setting: Setting, *, provider: str, pixels: int) -> Metrics:
    """Another toolkit for many providers."""
    return _measured(clients.litellm, setting, provider, pixels)


def by_hand(setting: Setting, *, provider: str, pixels: int) -> Metrics:
    """The least: no checks, no errors, no limits."""
    return _measured(clients.by_hand, setting, provider, pixels)


def _measured(
    make: Callable[[str, str], clients.Ask], setting: Setting, provider: str, pixels: int
) -> Metrics:
    small = make(provider, address(setting.server, provider, _TINY))
    large = make(provider, address(setting.server, provider, pixels))
    return measured(large, setting.repeats, small)
