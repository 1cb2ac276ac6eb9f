"""The second half of a run: ledger, provider, images, store, output.

The first half, `prepare`, refuses what the caller has to correct. From here on a run exists, and a failure
is a step failure: raised as `StepFailed`, or returned, as `on_failure` says.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from imagegen_nb.core import filenames, images, variable_mistakes
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.core.daemon_threads import PIXELS, STORE
from imagegen_nb.core.events import EventEmitter
from imagegen_nb.core.loop_semaphore import LoopSemaphore
from imagegen_nb.core.open_files import is_out_of_files, patiently
from imagegen_nb.core.redaction import mask
from imagegen_nb.core.timestamps import utc_now
from imagegen_nb.core.tracing import Recorder, server_of
from imagegen_nb.core.types import (
    SYNTHETIC_BACKENDS,
    GeneratedImage,
    MissingImages,
    PartialImage,
    ProviderEvent,
    ProviderWarning,
    ResponseMetadata,
    Usage,
)
from imagegen_nb.core.words import counted
from imagegen_nb.errors import (
    ImagegenError,
    ImageRejected,
    InvalidResponse,
    MissingCredential,
    ModelRetired,
    ReplayError,
    StepFailed,
    StoreError,
)
from imagegen_nb.providers.base import Connection
from imagegen_nb.runs import differences, ledger, local_addresses, recent_runs, recipe, run_span
from imagegen_nb.runs.entering import opening, reserve
from imagegen_nb.runs.prepare import PreparedRun
from imagegen_nb.runs.provider_calls import bounded, make_ready
from imagegen_nb.runs.run import Run, Status
from imagegen_nb.step.output import Asset, OutputError, StepOutput
from imagegen_nb.step.output_settings import OutputSettings, used_settings
from imagegen_nb.store.base import AssetRecord, LedgerEntry

E = TypeVar("E", bound=ImagegenError)
Closing = Callable[[LedgerEntry, Sequence[AssetRecord]], Sequence[AssetRecord]]

_under_way = LoopSemaphore(most=64, files=8)
"""The runs that are under way at once; the others have not begun, and their time does not count yet."""
_images_in_hand = LoopSemaphore(most=(os.cpu_count() or 1) + 2, files=8)
"""The images that are whole in memory at once, decoded or waiting for the disk; the others lie in files."""


async def execute(prepared: PreparedRun) -> Run:
    """Carry out a run. Raises `StepFailed` where the step says to terminate, `ReplayError` always."""
    with run_span.open_span(prepared) as span:
        return await _execute(prepared, span)


async def _execute(prepared: PreparedRun, span: Recorder) -> Run:
    # `keys` is called only when needed: a key in a local variable would show in tracebacks with locals.
    emitter = EventEmitter(prepared.on_event, prepared.run_id, prepared.request.count, prepared.keys)
    active, failure = ActiveRun(prepared, emitter, span), None
    try:
        emitter.emit("queued")
        async with _under_way():
            try:
                await active.begin()
                await active.call_provider()
            except ImagegenError as error:
                failure = _without_frames(error)
            run = await active.finalize(*active.outcome(failure))
    except asyncio.CancelledError:
        run = await asyncio.shield(active.finalize("cancelled"))
        emitter.emit("cancelled", run=run)
        raise asyncio.CancelledError(
            f"run cancelled: {run.returned} of {counted(run.requested, 'image')} had arrived"
            + (" and are kept in the store" if run.returned else "")
            + ("; a request under way may still be charged" if active.may_cost else "")
        ) from None
    except Exception:
        # From a plug-in: the ledger must not hold the run as under way for as long as the process lives.
        await active.finalize("failed")
        raise
    if isinstance(failure, ReplayError):
        emitter.emit("failed", run=run, error=failure)
        raise failure from None
    if run.error is None:
        emitter.emit("done", run=run)
        return run
    emitter.emit("failed", run=run, error=run.error)
    if prepared.step.on_failure == "continue":
        return run
    raise StepFailed(run, run.error) from None


def _without_frames(error: E) -> E:
    """Its frames hold the answer, whose files would lie in the store as long as somebody holds the run."""
    return error.with_traceback(None)


@dataclass(slots=True)
class ActiveRun:
    """One run under way: what it was prepared with, and what has arrived so far."""

    prepared: PreparedRun
    emitter: EventEmitter[Run]
    span: Recorder
    started: float = field(default_factory=time.monotonic)
    started_at: str = field(default_factory=utc_now)
    shown_prompt: str = ""
    """The prompt as the cassette in use shows it, empty where there is none."""
    asked: bool = False
    """Whether the provider has been called."""
    staged: list[tuple[int, AssetRecord]] = field(default_factory=list)
    """The images whose bytes are stored, each with its index; their records are written when the run ends."""
    receipts: list[ResponseMetadata] = field(default_factory=list)
    shortfalls: list[MissingImages] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    entry: LedgerEntry | None = None

    closing: Closing | None = None
    """Records the end; the store's `finish` where there is none."""
    beginning: asyncio.Task[None] | None = None
    storing: asyncio.Task[None] | None = None
    recording: asyncio.Task[tuple[Asset, ...]] | None = None

    @property
    def may_cost(self) -> bool:
        """Whether a provider was called that charges for it."""
        return self.asked and not self.prepared.route.free

    async def begin(self) -> None:
        """Enter the run in the ledger. A cancel must not leave it there as under way: `finalize` waits."""
        self.warnings += self._notes_beforehand()
        # In the store's thread: the first price that is looked up takes a moment to import.
        self.beginning = asyncio.create_task(STORE.run(self._enter))
        await asyncio.shield(self.beginning)
        self.emitter.emit("started")

    def _enter(self) -> None:
        """Reserve what the run may need; may block. What it was to begin with is known from here on."""
        self.entry = opening(self.prepared)
        reserve(self.prepared, self.entry)

    def _notes_beforehand(self) -> list[str]:
        """What can be said about the model and the prompt before anything is asked."""
        prepared, step = self.prepared, self.prepared.step
        notes = [note for note in (step.lifecycle_note, step.declaration_note) if note]
        notes += variable_mistakes.notes(step.prompt, prepared.inputs)
        if prepared.route.backend == "live":  # also where its recording answers: a replay says the same
            provider = prepared.entry.provider.label
            notes += local_addresses.notes(step.prompt, prepared.inputs, prepared.request.prompt, provider)
        return notes

    async def call_provider(self) -> None:
        """Ask for the images and take in what comes. Raises the toolkit's own errors, whatever a plug-in
        raises inside `generate`."""
        connection = await self._connect()
        self.asked = True
        self.span.set(server_of(connection.send_to or connection.base_url))
        assert connection.deadline is not None
        await bounded(self.prepared.entry.provider, connection.deadline, self._take_in(connection))

    async def _take_in(self, connection: Connection) -> None:
        """Put each event where it belongs as it comes."""
        prepared = self.prepared
        async with aclosing(prepared.entry.provider.generate(prepared.request, connection)) as events:
            async for event in events:
                await self.receive(event)

    async def _connect(self) -> Connection:
        """The connection, with the run's deadline, which begins to count once the provider is ready."""
        prepared, context, provider = self.prepared, self.prepared.context, self.prepared.entry.provider
        await make_ready(provider)
        if prepared.route.cassette is not None:
            await prepared.route.cassette.check(provider)
            folder = str(getattr(context.store, "folder", ""))
            self.shown_prompt = prepared.route.cassette.begin_run(
                prepared.step.prompt, prepared.inputs, prepared.request.prompt, folder, prepared.run_id
            )
        now = asyncio.get_running_loop().time()
        connection = await asyncio.to_thread(context.connection, provider, prepared.route)
        return replace(
            connection,
            deadline=now + context.timeout,
            largest_response=connection.largest_response
            or ledger.largest_response(prepared.step, prepared.request.partial_images),
            # A cassette's recordings are made of bytes, and tell its images apart by them.
            new_path=context.store.new_path if provider.takes_files and not prepared.route.cassette else None,
            waiting=lambda seconds, reason: self.emitter.emit("waiting", seconds=seconds, reason=reason),
        )

    async def receive(self, event: ProviderEvent) -> None:
        """Put one provider event where it belongs; images are checked and stored at once."""
        if isinstance(event, ResponseMetadata):
            self.receipts.append(event)
        elif isinstance(event, MissingImages):
            error = self._with_successor(_without_frames(event.error))
            self.shortfalls.append(replace(event, error=error))
        elif isinstance(event, PartialImage):
            self.emitter.emit("partial", index=event.index, data=event.data)
        elif isinstance(event, ProviderWarning):
            self.warnings.append(event.message)
        else:
            # A cancel must not lose an image that has arrived: `finalize` waits for this task.
            self.storing = asyncio.create_task(self._store(event))
            await asyncio.shield(self.storing)

    async def _store(self, generated: GeneratedImage) -> None:
        """Check one image and write its bytes; one that is unusable counts as missing."""
        async with _images_in_hand():
            await self._check_and_stage(generated)

    async def _check_and_stage(self, generated: GeneratedImage) -> None:
        prepared, index = self.prepared, generated.index
        try:
            check = partial(
                images.check,
                generated.data,
                declared=generated.declared_type,
                store_as=prepared.entry.model.stored_as,
            )
            image = await PIXELS.run(partial(patiently, check, is_out_of_files))
        except ImageRejected as error:
            reason = InvalidResponse(
                f"image {index + 1} was unusable: {error}",
                provider=prepared.entry.provider.name,
                status=200,
                request_id=generated.request_id,
                charge="unknown",
            )
            self.shortfalls.append(MissingImages(reason))
            return
        except OSError as error:
            unread = StoreError(f"image {index + 1} arrived and cannot be read back: {explain(error)}")
            self.shortfalls.append(MissingImages(unread))  # the others may well be read
            return
        emulated = prepared.route.backend in SYNTHETIC_BACKENDS
        stage = partial(prepared.context.store.stage, image, run_id=prepared.run_id, emulated=emulated)
        record = await STORE.run(stage)
        if prepared.route.cassette is not None:
            assert isinstance(generated.data, bytes)
            prepared.route.cassette.note_image(record.id, record.file_url, generated.data)
        self.staged.append((index, record))
        self.warnings += differences.in_image(prepared.step, index, image)
        self.emitter.emit("image", index=index, image=image)

    def outcome(self, failure: ImagegenError | None) -> tuple[Status, ImagegenError | None]:
        """How the run ended, and the error that ended it; images that nobody accounted for are missing."""
        error = None if failure is None else self._with_successor(failure)
        self._tell_of_surplus()
        accounted = len(self.staged) + sum(missing.count for missing in self.shortfalls)
        if self.asked and (unaccounted := self.prepared.request.count - accounted) > 0:
            provider = self.prepared.entry.provider.name
            reason = error or InvalidResponse("returned no image", provider=provider, charge="unknown")
            self.shortfalls.append(MissingImages(reason, unaccounted))
        if self.staged:  # a run with images is no failed run, whatever kept the others away
            return "done", None
        return "failed", error or self.shortfalls[0].error

    def _tell_of_surplus(self) -> None:
        """All images are kept where more came than was asked for; then nothing is missing either."""
        asked, kept = self.prepared.request.count, len(self.staged)
        if kept > asked:
            self.warnings.append(f"{kept} images arrived where {asked} had been requested; all are kept")
        while self.shortfalls and kept >= asked:
            unusable = self.shortfalls.pop()
            self.warnings.append(
                f"a part of the response besides the images was unusable: {unusable.error.summary()}"
            )

    def _with_successor(self, error: ImagegenError) -> ImagegenError:
        """A provider's 404 says that a model is gone; what to use instead is known here."""
        if not isinstance(error, ModelRetired):
            return error
        model, hint = self.prepared.step.model, self.prepared.step.lifecycle_notice
        like = self.prepared.entry.model.like
        if not hint and self.prepared.route.backend == "emulator":
            other = f"{like} meanwhile" if like else "another model"
            hint = f'{model} is not emulated: use {other}, or a key of your own and backend="live"'
        elif like:
            hint = (
                f"{model} is declared by the user, like {like}: check its name, and that the key may use it"
            )
        elif not hint:
            hint = f"{model} is current as far as this version knows: check that the key may use it"
        return error.saying(f"{error.message.rstrip('.')}. {hint}")

    async def finalize(self, status: Status, error: ImagegenError | None = None) -> Run:
        """Record what arrived and build the run; also after a failure or a cancel."""
        if unfinished := {task for task in (self.beginning, self.storing) if task is not None}:
            await asyncio.wait(unfinished)
        assets: tuple[Asset, ...] = ()
        if self._has_begun:
            if self.recording is None:  # a cancel may come while the records are being written
                self.recording = asyncio.create_task(STORE.run(partial(self._record, status, error)))
            try:
                assets = await asyncio.shield(self.recording)
            except ImagegenError as store_error:
                error, status = store_error, "failed"
        if status == "done" and len(assets) < self.prepared.request.count:
            status = "partial"
        run = self._run(status, assets, error)
        recent_runs.remember(run)
        run_span.close(self.span, run, self.prepared.keys)
        return run

    @property
    def _has_begun(self) -> bool:
        """Whether the ledger has the run: entered here, or by whoever submitted it."""
        if self.beginning is None:
            return self.entry is not None
        return self.beginning.exception() is None

    def _record(self, status: Status, error: ImagegenError | None) -> tuple[Asset, ...]:
        """Write the end of the run and the records of its images; may block."""
        prepared, store = self.prepared, self.prepared.context.store
        # Not with an address of this machine, where a cassette makes the run the same everywhere.
        label = mask(prepared.step.name or self.shown_prompt or prepared.request.prompt, prepared.keys())
        named = [
            replace(record, file_name=filenames.file_name(label, number, images.EXTENSIONS[record.file_type]))
            for number, (_, record) in enumerate(sorted(self.staged, key=lambda item: item[0]), 1)
        ]
        assert self.entry is not None
        # The assets have no addresses yet, and nobody reads them here.
        is_partial = status == "done" and len(named) < prepared.request.count
        run = self._run("partial" if is_partial else status, (), error)
        ended = ledger.closing_entry(
            self.entry,
            called=self._was_asked(error),
            kept=bool(named),
            cancelled=status == "cancelled",
            errors=[*filter(None, [error]), *(missing.error for missing in self.shortfalls)],
            cost=run.cost.amount,
        )
        told = recipe.result_of(run, len(named), prepared.keys())
        recorded = (self.closing or store.finish)(replace(ended, result_json=told), named)
        return tuple(Asset.of(record, store, replayed=prepared.route.replayed) for record in recorded)

    def _was_asked(self, error: ImagegenError | None) -> bool:
        """Whether a request may have left: a provider that finds no credentials sends none."""
        return self.asked and not isinstance(error, MissingCredential)

    def _run(self, status: Status, assets: tuple[Asset, ...], error: ImagegenError | None) -> Run:
        prepared, route = self.prepared, self.prepared.route
        notes = differences.in_models(prepared.step, self.receipts)
        if self.staged:  # a provider that failed may have had no time to read them
            notes += differences.in_settings(prepared.request, prepared.entry.provider.label)
        run = Run(
            id=prepared.run_id,
            step=prepared.step,
            prompt=prepared.request.prompt,
            inputs=prepared.inputs,
            output=StepOutput(settings=self._used_settings(), assets=assets),
            status=status,
            requested=prepared.request.count,
            backend=route.backend,
            cassette=route.cassette.name if route.cassette else None,
            replayed=route.replayed,
            paid_by=route.credential.paid_by,
            unpriced_account=route.unpriced_account,
            started_at=self.started_at,
            duration=time.monotonic() - self.started,
            receipts=tuple(self.receipts),
            shortfalls=tuple(self.shortfalls),
            warnings=tuple(dict.fromkeys([*self.warnings, *notes, *self.emitter.callback_errors])),
            error=error,
            identifier=prepared.identifier,
            batch=prepared.batch,
            usage=sum((receipt.usage for receipt in self.receipts), Usage()),
        )
        if error is None:
            return run
        counts = {"requested": run.requested, "returned": run.returned, "blocked": run.blocked}
        output_error = OutputError.of(error, asked=self._was_asked(error), **counts)
        return replace(run, output=run.output.model_copy(update={"error": output_error}))

    def _used_settings(self) -> OutputSettings:
        """The output's settings: only what is known to have been used."""
        echoed = {key: value for receipt in self.receipts for key, value in receipt.echoed.items()}
        sizes = [(record.width, record.height) for _, record in self.staged]
        if shape := differences.shape_that_came(self.prepared.step, sizes):
            echoed["image_size"] = shape
        return used_settings(self.prepared.step, self.prepared.request, echoed)
