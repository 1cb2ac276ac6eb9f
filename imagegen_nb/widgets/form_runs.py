"""The runs of a form: what can be done with each, and what the form shows while they go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from imagegen_nb.core.background_loop import Job
from imagegen_nb.core.events import RunEvent
from imagegen_nb.core.words import counted
from imagegen_nb.errors import StepFailed
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.gallery import RunAction
from imagegen_nb.widgets.gallery_page import GalleryPage, PendingRun
from imagegen_nb.widgets.import_export import Report
from imagegen_nb.widgets.interrupts import cancel_on_interrupt
from imagegen_nb.widgets.panel import Panel
from imagegen_nb.widgets.run_queue import RunQueue, RunRequest

_OUTPUT = "The output is the run that later steps see, wherever a path of this step stands"
_EXPORT = (
    "Writes a step file with this run's settings, inputs and output, whatever is in the form, but without "
    "its image files"
)
_OTHER = "The form has other settings, so its own export"
_AGAIN = "Runs once more with this run's settings and inputs; what is in the form stays as it is"


class Form(Protocol):
    """What the runs need of their form: where they run, what shows them, what is the output (`run_result`),
    and what keeps the next one from being run."""

    workspace: Workspace
    identifier: str
    run_result: Run | None

    @property
    def panel(self) -> Panel:
        """The form's controls."""
        ...

    def is_draft_of(self, run: Run) -> bool:
        """Whether a run of the draft would ask for the same."""
        ...

    @property
    def untouched(self) -> Sequence[str]:
        """The labels of the fields that are still to be filled in."""
        ...

    @property
    def wrong(self) -> Sequence[str]:
        """The labels of the fields whose values are not possible."""
        ...


class FormRuns:
    """Runs what a form asks for, one after the other, and shows in its panel how that goes.

    `latest` is the run of the request that is under way, once it has ended; `refused` says that the last
    request could not begin, `output_is_chosen` that somebody chose which run is the output.
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        self.queue = RunQueue(self._submit, self)
        self.arrived = 0  # images of the run that is under way
        self.latest: Run | None = None
        self.output_is_chosen = False
        self.refused = False

    # What can be done with a run

    def actions(self) -> list[RunAction]:
        """The buttons for the run that is shown."""
        return [
            RunAction("again", _again_label, self._run_again, _AGAIN),
            RunAction("missing", _missing_label, self._run_missing, _AGAIN),
            RunAction("output", self._output_label, self._make_output, _OUTPUT),
            RunAction("export", _export_label, self._export, _EXPORT),
            RunAction("cancel", self._cancel_label, self._cancel_page),
        ]

    def _output_label(self, page: GalleryPage) -> str:
        may_be = page.run is not None and page.run.returned > 0 and page.run is not self._form.run_result
        return "Make this the output" if may_be else ""

    def _make_output(self, page: GalleryPage) -> str:
        assert page.run is not None
        self.output_is_chosen = True
        self._form.run_result = page.run
        number, path = self._form.panel.gallery.number(page.id), f"{{{{{self._form.identifier}.output}}}}"
        exported = "An export has it." if self._form.is_draft_of(page.run) else f"{_OTHER} does not."
        return f"Run {number} is the output now: {path} means it. {exported}"

    def _export(self, page: GalleryPage) -> str:
        assert page.run is not None
        panel = self._form.panel
        self._show_export(panel.import_export.export_run(page.run, panel.gallery.number(page.id)))
        return ""

    def _show_export(self, report: Report) -> None:
        """Say what was written, or ask, above the tabs: who exports from the Output tab stays there."""
        panel = self._form.panel

        def doing(label: str) -> Callable[[], None]:
            return lambda: self._show_export(panel.import_export.act(label))

        actions = [(label, doing(label)) for label in report.actions]
        panel.header.show_report(report.text, actions, report.download)

    def _run_again(self, page: GalleryPage) -> str:
        assert page.run is not None
        return self.ask_for(page.run.step, page.run.inputs)

    def _run_missing(self, page: GalleryPage) -> str:
        assert page.run is not None
        missing = page.run.requested - page.run.returned
        return self.ask_for(page.run.step.replace(image_count=missing), page.run.inputs)

    def _cancel_label(self, page: GalleryPage) -> str:
        """Of the run under way only where the header's button would take others out with it."""
        if page.pending is None:
            return ""
        if page.pending.started is None:
            return "Remove from the queue"
        return "Cancel only this run" if self.queue.waiting else ""

    def _cancel_page(self, page: GalleryPage) -> str:
        self.queue.cancel(page.id)
        return "Cancelled."

    def ask_for(self, step: ImageGenerationStep, inputs: Mapping[str, Any]) -> str:
        """Run it, or let it wait for those that were asked for before."""
        panel = self._form.panel
        panel.show_error(None)
        panel.header.show_notice("")
        self.refused = False
        panel.open_output()
        previews = panel.live_previews.value and step.entry.model.streams and step.image_count == 1
        self.queue.add(RunRequest(step=step, inputs=dict(inputs), previews=bool(previews)))
        return ""

    def _submit(self, request: RunRequest, on_event: Callable[[RunEvent[Run]], object]) -> Job[Run]:
        job = self._form.workspace.submit(
            request.step,
            request.inputs,
            on_event=on_event,
            partial_images=2 if request.previews else 0,
            identifier=self._form.identifier,
        )
        cancel_on_interrupt(job)
        return job

    # What the queue tells, on any thread

    def run_queued(self, request: RunRequest) -> None:
        """Give it a page, and show the run that is under way."""
        pending = PendingRun(request.id, request.step.image_count, request.step)
        self._form.panel.gallery.begin(pending, show=False)
        if current := self.queue.current:
            self._form.panel.gallery.go_to(current.id)

    def run_started(self, request: RunRequest) -> None:
        """Show it; who waited for it may be looking at another run."""
        self.arrived, self.latest = 0, None
        count, gallery = request.step.image_count, self._form.panel.gallery
        pending = PendingRun(request.id, count, request.step, started=time.monotonic())
        gallery.begin(pending, show=not gallery.number(request.id))
        self._form.panel.header.show_started(count, len(self.queue.waiting))

    def run_reported(self, request: RunRequest, event: RunEvent[Run]) -> None:
        """Show what has arrived."""
        panel = self._form.panel
        if event.kind == "partial" and event.data:
            panel.gallery.preview(0, event.data)
        elif event.kind == "image" and event.index is not None and event.image is not None:
            self.arrived += 1
            panel.gallery.preview(event.index, event.image.data, finished=True)
            self._show_progress(request)
        elif event.kind == "waiting" and event.seconds is not None:
            panel.header.show_waiting(event.seconds, event.reason)
        elif event.run is not None:
            self.latest = event.run
            if self._becomes_output(event.run):
                self._form.run_result = event.run  # before its page, which says whether it is the output
            panel.gallery.end(request.id, event.run)

    def run_dropped(self, request: RunRequest) -> None:
        """Its page goes."""
        self._form.panel.gallery.end(request.id, None)

    def run_ended(self, request: RunRequest, error: BaseException | None) -> None:
        """Say how it went. Its page tells of its error; what was refused has no page."""
        panel, run, status = self._form.panel, self.latest, ""
        if run is None:
            panel.gallery.end(request.id, None)
        else:
            status = _status_of(run)
        if isinstance(error, asyncio.CancelledError):
            status = str(error) or "cancelled"
        elif error is not None and not isinstance(error, StepFailed) and (run is None or run.error is None):
            panel.show_error(error, synthetic=self._form.workspace.backend == "emulator")
            if run is None:
                self.refused = True
                panel.open_settings()
        if run is not None and status:
            status = self._of_several(run.id, status)
        panel.header.show_finished(status, self._form.untouched, self._form.wrong)
        panel.import_export.update()  # the run may be what it writes, whichever run is shown

    def queue_changed(self) -> None:
        """Say how many wait."""
        if current := self.queue.current:
            self._show_progress(current)

    def _show_progress(self, request: RunRequest) -> None:
        waiting = len(self.queue.waiting)
        self._form.panel.header.show_running(self.arrived, request.step.image_count, waiting)

    def _of_several(self, run_id: str, status: str) -> str:
        """The status of the run that is the newest, and which of several that is: another may be shown."""
        gallery = self._form.panel.gallery
        if gallery.view["total"] < 2:
            return status
        return f"run {gallery.number(run_id)} {status.removeprefix('run ')}"

    def _becomes_output(self, run: Run) -> bool:
        """Whether a new run is what later steps refer to. One without images takes nothing away."""
        before: Run | None = self._form.run_result
        if before is None:
            return True
        return not self.output_is_chosen and (run.returned > 0 or not before.returned)


def _status_of(run: Run) -> str:
    """How a run ended, in a line."""
    return f"{run.status}: {run.returned} of {counted(run.requested, 'image')}, {run.duration:.1f} s"


def _again_label(page: GalleryPage) -> str:
    if page.run is None:
        return ""
    return "Run again (same settings)" if page.run.returned else "Try again (same settings)"


def _missing_label(page: GalleryPage) -> str:
    if page.run is None or not 0 < page.run.returned < page.run.requested:
        return ""
    return f"Make the missing {page.run.requested - page.run.returned}"


def _export_label(page: GalleryPage) -> str:
    return "Export this run" if page.run is not None and page.run.returned else ""
