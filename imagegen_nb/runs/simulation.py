"""Simulated runs: what later steps would see, without a provider, a disk or money.

The code of real runs is used, with another run context: a provider that yields scripted events, and a store
in memory. So whatever a real run does to its result happens to a simulated one too.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Literal, Unpack, get_args

from pydantic import SecretStr

from imagegen_nb.core.background_loop import Job
from imagegen_nb.core.images import EXTENSIONS, CheckedImage
from imagegen_nb.core.keywords import did_you_mean, helpful_calls
from imagegen_nb.core.types import (
    Backend,
    ChargeType,
    GeneratedImage,
    ImageRequest,
    MissingImages,
    ProviderEvent,
    ResponseMetadata,
)
from imagegen_nb.errors import (
    AssetNotFound,
    InvalidOption,
    InvalidResponse,
    ProviderError,
    ProviderFault,
    StepFailed,
)
from imagegen_nb.providers.base import Connection, Provider
from imagegen_nb.providers.credentials import PLACEHOLDER, Credential
from imagegen_nb.runs import placeholder_images
from imagegen_nb.runs.prepare import prepare
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.runner import execute
from imagegen_nb.step.run_context import Route, RunOptions
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store.base import AssetRecord, Budget, Store

Outcome = Literal["success", "partial", "failed"]
"""How a step can end: every image came, some came, or none."""


def outcomes(step: ImageGenerationStep) -> tuple[Outcome, ...]:
    """The outcomes `step` can have: one image either comes or does not."""
    return tuple(name for name in get_args(Outcome) if name != "partial" or step.image_count > 1)


@helpful_calls
def simulate(
    step: ImageGenerationStep,
    outcome: Outcome = "success",
    *,
    inputs: Mapping[str, Any] | None = None,
    count: int | None = None,
    error: ProviderError | None = None,
    identifier: str | None = None,
) -> Run:
    """The run `step` would give with this outcome; nothing is asked, written or spent.

    `count` is how many images of a partial outcome came (1 when left out), `error` why the others, or
    all, did not (else a provider that fails, or answers with too few). Without `inputs` the prompt's
    variables stay as they are written. A failed run is returned under either `on_failure`; really
    run, a step that says "terminate" raises `StepFailed` with such a run as `.run`, and later steps
    never start. Raises `InvalidOption`, and `VariableError` where `inputs` do not fill the prompt.
    """
    arriving = _arriving(step, outcome, count, error)
    context = _SimulationContext(_script(step, arriving, error))
    try:
        return step.run(inputs, workspace=context, identifier=identifier)
    except StepFailed as failed:
        run: Run = failed.run
    return run


def _arriving(step: object, outcome: object, count: object, error: object) -> int:
    """How many images come. Raises `InvalidOption` for what cannot be."""
    if not isinstance(step, ImageGenerationStep):
        raise InvalidOption(f"step is of type {type(step).__name__}: write simulate(step, 'partial')")
    names = get_args(Outcome)
    if isinstance(outcome, Mapping):
        raise InvalidOption("outcome is a dict: inputs are given by name, simulate(step, inputs={…})")
    if outcome not in names:
        raise InvalidOption(f"outcome = {outcome!r}: {did_you_mean(str(outcome), names)}")
    if outcome not in outcomes(step):
        raise InvalidOption(
            "outcome = 'partial': one image comes or does not; give the step an image_count of 2 or more"
        )
    if error is not None and (outcome == "success" or not isinstance(error, ProviderError)):
        raise InvalidOption(
            f"error is of type {type(error).__name__}, for outcome = {outcome!r}: give a ProviderError, such "
            "as ModerationBlocked('…'), for a partial or failed outcome"
        )
    if count is None:
        return {"success": step.image_count, "partial": 1, "failed": 0}[str(outcome)]
    if outcome == "partial" and isinstance(count, int) and 1 <= count < step.image_count:
        return count
    raise InvalidOption(
        f"count = {count!r}: leave it out, or give a partial outcome at least 1 and fewer than image_count = "
        f"{step.image_count}"
    )


def _script(
    step: ImageGenerationStep, arriving: int, error: ProviderError | None
) -> list[ProviderEvent | ProviderError]:
    """The events the provider yields, in order; an error is raised and ends them."""
    name = step.entry.provider.name
    if not arriving:
        # No code and no request id: not every provider gives them, so later steps may not rely on them.
        fault = ProviderFault("the provider failed (simulated)", provider=name, status=500, charge="unknown")
        return [error or fault]
    width, height = placeholder_images.size(step)
    # OpenAI echoes the size that `auto` resolved to; a ratio is echoed as it is.
    echoed = {"image_size": f"{width}x{height}"} if step.effective("image_size") == "auto" else {}
    pictures = [
        GeneratedImage(
            index, placeholder_images.picture(step, index), f"image/{placeholder_images.picture_format(step)}"
        )
        for index in range(arriving)
    ]
    missing = step.image_count - arriving
    why = error or InvalidResponse(
        f"returned {arriving} of {step.image_count} images (simulated)",
        provider=name,
        status=200,
        charge="unknown",
    )
    return [ResponseMetadata(echoed=echoed), *pictures, *([MissingImages(why, missing)] if missing else [])]


def _scripted_provider(real: Provider, script: Sequence[ProviderEvent | ProviderError]) -> Provider:
    """A provider with the name and models of `real` that yields the scripted events."""

    class ScriptedProvider(Provider):
        name = real.name
        label = real.label
        models = real.models
        base_url = real.base_url
        key_variable = real.key_variable

        async def generate(
            self, request: ImageRequest, connection: Connection
        ) -> AsyncGenerator[ProviderEvent, None]:
            dict(request.settings)  # read all of them, as the provider would
            for delivery in script:
                if isinstance(delivery, ProviderError):
                    raise delivery
                yield delivery

    return ScriptedProvider()


@dataclass(slots=True)
class _SimulationContext:
    """What a simulated run is run with: no account, no address, a store that is gone with its run."""

    script: Sequence[ProviderEvent | ProviderError]
    store: Store = field(default_factory=lambda: _MemoryStore())
    storage_limit: int | None = None
    budget: Budget | None = None
    timeout: float = 300.0
    backend: Backend = "simulation"

    def route(self, provider: Provider, charge_type: ChargeType) -> Route:
        """Nobody pays, and no cassette is asked: nothing is sent."""
        return Route(self.backend, Credential(SecretStr(PLACEHOLDER), "nobody (simulation)"))

    def connection(self, provider: Provider, route: Route) -> Connection:
        """Leads nowhere."""
        return Connection(base_url="simulated:", credential=route.credential, backend=route.backend)

    def submit(
        self,
        step: ImageGenerationStep,
        inputs: Mapping[str, Any] | None = None,
        **options: Unpack[RunOptions[Run]],
    ) -> Job[Run]:
        """Run `step` with a provider that yields the scripted events."""
        if inputs is not None:
            prepared = prepare(step, inputs, self, options)
        else:
            # Later steps never read the prompt, so variables that nobody fills must not stop them.
            prepared = prepare(step.replace(prompt="simulated"), None, self, options)
            prepared = replace(prepared, step=step, request=step.request(step.prompt))
        provider = _scripted_provider(prepared.entry.provider, self.script)
        return Job(execute(replace(prepared, entry=replace(prepared.entry, provider=provider))))


class _MemoryStore(Store):
    """Images in memory; they live as long as their records."""

    limit = None

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}
        self._records: dict[str, AssetRecord] = {}

    @property
    def used(self) -> int:
        return sum(record.file_size for record in self._records.values())

    def stage(self, image: CheckedImage, *, run_id: str, emulated: bool) -> AssetRecord:
        sha256, asset_id = hashlib.sha256(image.data).hexdigest(), str(uuid.uuid4())
        self._data[sha256] = image.data
        file_url = _file_url(asset_id, f"{sha256}.{EXTENSIONS[image.media_type]}")
        return AssetRecord.of(
            image, asset_id=asset_id, file_url=file_url, sha256=sha256, run_id=run_id, emulated=emulated
        )

    def put(self, assets: Sequence[AssetRecord]) -> tuple[AssetRecord, ...]:
        named = tuple(replace(asset, file_url=_file_url(asset.id, asset.file_name)) for asset in assets)
        self._records |= {record.id: record for record in named}
        return named

    def get(self, asset_id: str) -> AssetRecord:
        if asset_id not in self._records:
            raise AssetNotFound(f"no asset {asset_id!r} in this simulated run")
        return self._records[asset_id]

    def open(self, asset_id: str) -> BinaryIO:
        return io.BytesIO(self._data[self.get(asset_id).sha256])

    def records(self, run_id: str | None = None) -> Iterator[AssetRecord]:
        return (record for record in self._records.values() if run_id in (None, record.run_id))

    def close(self) -> None:
        """Nothing is open."""


def _file_url(asset_id: str, file_name: str) -> str:
    """An address that opens nowhere, so that nobody takes it for a file's."""
    return f"simulated:///{asset_id}/{file_name}"
