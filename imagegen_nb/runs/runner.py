"""The second half of the walk: ledger -> provider -> images -> store -> output.

The first half, `planning`, refuses what is the caller's to mend. From here on a run exists, and a
failure is a step failure: raised as `StepFailed`, or returned, as `on_failure` says.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from imagegen_nb.core import filenames, images, variables
from imagegen_nb.core.events import EventEmitter
from imagegen_nb.core.images import CheckedImage
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.types import (
    SYNTHETIC_BACKENDS,
    GeneratedImage,
    MissingImages,
    PartialImage,
    ProviderEvent,
    ResponseMetadata,
    Usage,
)
from imagegen_nb.errors import (
    ImagegenError,
    ImageRejected,
    InvalidResponse,
    MissingCredential,
    ModelRetired,
    ProviderFault,
    ProviderTimeout,
    ReplayError,
    StepFailed,
)
from imagegen_nb.runs import differences, ledger
from imagegen_nb.runs.prepare import PreparedRun
from imagegen_nb.runs.run import Run, Status
from imagegen_nb.step.output import Asset, OutputError, OutputSettings, StepOutput, used_settings
from imagegen_nb.store.base import Blob, LedgerEntry, NewAsset

_SPARE = 5.0
"""Seconds after the deadline until a provider that does not keep to it is cut off."""


async def execute(prepared: PreparedRun) -> Run:
    """Carry out a prepared. Raises `StepFailed` where the step says to terminate, `ReplayError` always."""
    # Asked for only when needed: a key in a local variable would show in tracebacks with locals.
    walk = _Walk(
        prepared, EventEmitter(prepared.on_event, prepared.run_id, prepared.request.count, prepared.keys)
    )
    try:
        run = await walk.go()
    except asyncio.CancelledError:
        run = await asyncio.shield(walk.settle("cancelled"))
        walk.emitter.emit("cancelled", run=run)
        raise asyncio.CancelledError(
            f"run cancelled: {run.returned} of {run.requested} images had arrived"
            + (" and are kept in the store" if run.returned else "")
            + ("; a request under way may still be charged" if walk.called else "")
        ) from None
    except Exception:
        # Of a plug-in: the ledger must not hold the run as under way for as long as the process lives.
        await walk.settle("failed")
        raise
    if walk.mistake is not None:
        walk.emitter.emit("failed", run=run, error=walk.mistake)
        raise walk.mistake from None
    if run.error is None:
        walk.emitter.emit("done", run=run)
        return run
    walk.emitter.emit("failed", run=run, error=run.error)
    if prepared.step.on_failure == "continue":
        return run
    raise StepFailed(run, run.error) from None


@dataclass(slots=True)
class _Kept:
    """An image whose bytes are down but which has no record yet."""

    index: int
    blob: Blob
    image: CheckedImage


@dataclass(slots=True)
class _Walk:
    """The state of one run under way."""

    prepared: PreparedRun
    emitter: EventEmitter[Run]
    started: float = field(default_factory=time.monotonic)
    started_at: str = field(default_factory=utc_now)
    called: bool = False
    mistake: ReplayError | None = None
    kept: list[_Kept] = field(default_factory=list)
    receipts: list[ResponseMetadata] = field(default_factory=list)
    shortfalls: list[MissingImages] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    entry: LedgerEntry | None = None
    beginning: asyncio.Task[None] | None = None
    keeping: asyncio.Task[None] | None = None
    recording: asyncio.Task[tuple[Asset, ...]] | None = None

    async def go(self) -> Run:
        """From the ledger's entry to the finished run, failed or not."""
        self.emitter.emit("queued")
        if note := self.prepared.step.lifecycle_note:
            self.warnings.append(note)
        if variables.unclosed(self.prepared.step.prompt):
            self.warnings.append("the prompt holds {{ without }}: it was sent as text")
        error: ImagegenError | None = None
        try:
            await self._begin()
            self.emitter.emit("started")
            await self._call_provider()
        except ReplayError as caught:
            self.mistake = error = caught
        except ImagegenError as caught:
            error = self._with_successor(caught)
        missing = self.prepared.request.count - len(self.kept) - sum(short.count for short in self.shortfalls)
        if missing > 0 and self.called:
            why = error or InvalidResponse("returned no image", provider=self._provider, charge="unknown")
            self.shortfalls.append(MissingImages(why, missing))
        # Images that came are worth more than the reason why others did not.
        if self.kept:
            error = None
        elif error is None:
            error = self.shortfalls[0].error
        return await self.settle("failed" if error else "done", error)

    @property
    def _provider(self) -> str:
        return self.prepared.entry.provider.name

    async def _begin(self) -> None:
        """Enter the run in the ledger. A cancel must not leave it there as under way: `settle` waits."""
        prepared, context = self.prepared, self.prepared.context
        self.entry = ledger.entry(
            prepared.run_id, prepared.step, prepared.route.backend, replaying=prepared.route.replayed
        )
        entering = asyncio.to_thread(context.store.begin, self.entry, context.storage_limit)
        self.beginning = asyncio.create_task(entering)
        await asyncio.shield(self.beginning)

    async def _call_provider(self) -> None:
        context, provider = self.prepared.context, self.prepared.entry.provider
        await asyncio.to_thread(provider.prepare)
        if self.prepared.route.cassette is not None:
            await self.prepared.route.cassette.check(provider)
        now = asyncio.get_running_loop().time()
        connection = replace(
            await asyncio.to_thread(context.connection, provider, self.prepared.route),
            deadline=now + context.timeout,
            waiting=lambda seconds, reason: self.emitter.emit("waiting", seconds=seconds, reason=reason),
        )
        self.called = True
        limit = asyncio.timeout_at(now + context.timeout + _SPARE)
        try:
            async with limit, aclosing(provider.generate(self.prepared.request, connection)) as deliveries:
                async for delivery in deliveries:
                    await self._take(delivery)
            return
        except ImagegenError:
            raise
        except TimeoutError:
            reason = "did not keep to the deadline"
        # A plug-in may raise anything, and whatever it raises may hold a request.
        except Exception as error:  # noqa: BLE001
            reason = f"raised {type(error).__name__}"
        kind = ProviderTimeout if limit.expired() else ProviderFault
        raise kind(f"the provider {reason}", provider=provider.name, charge="unknown")

    def _with_successor(self, error: ImagegenError) -> ImagegenError:
        """A provider's 404 says that a model is gone; what to use instead is known here."""
        if not isinstance(error, ModelRetired):
            return error
        model, hint = self.prepared.step.model, self.prepared.step.lifecycle_notice
        if not hint and self.prepared.route.backend == "emulator":
            hint = f'{model} is not emulated: use another model, or a key of your own and backend="live"'
        elif not hint:
            hint = f"{model} is current as far as this version knows: check that the key may use it"
        return error.saying(f"{error.message.rstrip('.')}. {hint}")

    async def _take(self, delivery: ProviderEvent) -> None:
        """Put one delivery where it belongs; images are checked and written down at once."""
        if isinstance(delivery, ResponseMetadata):
            self.receipts.append(delivery)
        elif isinstance(delivery, MissingImages):
            self.shortfalls.append(replace(delivery, error=self._with_successor(delivery.error)))
        elif isinstance(delivery, PartialImage):
            self.emitter.emit("partial", index=delivery.index, data=delivery.data)
        else:
            # A cancel must not lose an image that has arrived: `settle` waits for this.
            self.keeping = asyncio.create_task(self._keep(delivery))
            await asyncio.shield(self.keeping)

    async def _keep(self, delivery: GeneratedImage) -> None:
        store_as = self.prepared.entry.model.stored_as
        try:
            image = await asyncio.to_thread(
                images.check, delivery.data, declared=delivery.declared_type, store_as=store_as
            )
        except ImageRejected as error:
            why = InvalidResponse(
                f"image {delivery.index + 1} was unusable: {error}",
                provider=self._provider,
                status=200,
                request_id=delivery.request_id,
                charge="unknown",
            )
            self.shortfalls.append(MissingImages(why))
            return
        blob = await asyncio.to_thread(self.prepared.context.store.stage, image.data, image.media_type)
        self.kept.append(_Kept(delivery.index, blob, replace(image, data=b"")))
        self.warnings += differences.in_image(self.prepared.step, delivery.index, image)
        self.emitter.emit("image", index=delivery.index, image=image)

    async def settle(self, status: Status, error: ImagegenError | None = None) -> Run:
        """Record what arrived and build the run; also after a failure or a cancel."""
        if under_way := {task for task in (self.beginning, self.keeping) if task is not None}:
            await asyncio.wait(under_way)
        self.kept.sort(key=lambda kept: kept.index)
        assets: tuple[Asset, ...] = ()
        if self.beginning is not None and self.beginning.exception() is None:
            if self.recording is None:  # a cancel may come while the records are being written
                self.recording = asyncio.create_task(asyncio.to_thread(self._record, status, error))
            try:
                assets = await asyncio.shield(self.recording)
            except ImagegenError as caught:
                error, status = caught, "failed"
        if status == "done" and len(assets) < self.prepared.request.count:
            status = "partial"
        return self._run(status, assets, error)

    def _record(self, status: Status, error: ImagegenError | None) -> tuple[Asset, ...]:
        prepared, store = self.prepared, self.prepared.context.store
        label = prepared.step.name or prepared.request.prompt
        new = [
            NewAsset(
                blob=kept.blob,
                file_name=filenames.file_name(label, number, images.EXTENSIONS[kept.blob.media_type]),
                width=kept.image.width,
                height=kept.image.height,
                run_id=prepared.run_id,
                emulated=prepared.route.backend in SYNTHETIC_BACKENDS,
            )
            for number, kept in enumerate(self.kept, 1)
        ]
        assert self.entry is not None
        ended = ledger.ended(
            self.entry,
            called=self._asked(error),
            kept=bool(new),
            cancelled=status == "cancelled",
            errors=[*filter(None, [error]), *(short.error for short in self.shortfalls)],
        )
        return tuple(
            Asset.of(stored, store, replayed=prepared.route.replayed) for stored in store.finish(ended, new)
        )

    def _asked(self, error: ImagegenError | None) -> bool:
        """Whether the provider was asked. Credentials that are looked up by it may be missing before that."""
        return self.called and not isinstance(error, MissingCredential)

    def _run(self, status: Status, assets: tuple[Asset, ...], error: ImagegenError | None) -> Run:
        prepared = self.prepared
        others = differences.in_models(prepared.step, self.receipts)
        if self.kept:  # a provider that failed may have had no time to read them
            others += differences.in_settings(prepared.request, prepared.entry.provider.label)
        run = Run(
            id=prepared.run_id,
            step=prepared.step,
            prompt=prepared.request.prompt,
            inputs=prepared.inputs,
            output=StepOutput(settings=self._used(), assets=assets),
            status=status,
            requested=prepared.request.count,
            backend=prepared.route.backend,
            cassette=prepared.route.cassette.name if prepared.route.cassette else None,
            replayed=prepared.route.replayed,
            paid_by=prepared.route.credential.paid_by,
            started_at=self.started_at,
            duration=time.monotonic() - self.started,
            receipts=tuple(self.receipts),
            shortfalls=tuple(self.shortfalls),
            warnings=tuple(dict.fromkeys([*self.warnings, *others, *self.emitter.callback_errors])),
            error=error,
            identifier=prepared.identifier,
            usage=sum((receipt.usage for receipt in self.receipts), Usage()),
        )
        if error is None:
            return run
        counts = {"requested": run.requested, "returned": run.returned, "blocked": run.blocked}
        told = OutputError.of(error, asked=self._asked(error), **counts)
        return replace(run, output=run.output.model_copy(update={"error": told}))

    def _used(self) -> OutputSettings:
        """The output's settings: only what is known to have been used."""
        echoed = {key: value for receipt in self.receipts for key, value in receipt.echoed.items()}
        return used_settings(self.prepared.step, self.prepared.request, echoed)
