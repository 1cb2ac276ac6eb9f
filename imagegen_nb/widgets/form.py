"""The step editor: settings, run, output, in and out, as one widget."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import ipywidgets
import traitlets
from IPython.display import display

from imagegen_nb.core.background_loop import Job
from imagegen_nb.core.events import RunEvent
from imagegen_nb.core.variables import is_name
from imagegen_nb.errors import ImagegenError
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step import references
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.widgets.base import Stage
from imagegen_nb.widgets.fallback import StandIn
from imagegen_nb.widgets.form_state import Draft, fields, problems
from imagegen_nb.widgets.interrupts import cancel_on_interrupt
from imagegen_nb.widgets.panel import Hooks, Panel


class StepForm(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is not typed
    """The platform's step editor in a notebook.

    `step` is where it starts (by default an empty `gpt-image-2` step), `workspace` where it runs (by
    default a folder `assets` on the emulator), `inputs` are test values and earlier runs by name,
    `identifier` is the name later steps use for this one's output. Code and form may take turns:
    `form.step` is the validated step or None while there are `form.problems`, and can be set;
    `form.run_result` is the last run; all three can be observed.

    The controls are made when a page first shows the form (or `panel` is asked for): a notebook that is
    only executed holds none of them.
    """

    step = traitlets.Any(None, allow_none=True)
    problems = traitlets.Tuple()
    run_result = traitlets.Any(None, allow_none=True)

    def __init__(
        self,
        step: ImageGenerationStep | None = None,
        workspace: Workspace | None = None,
        inputs: Mapping[str, Any] | None = None,
        identifier: str | None = None,
    ) -> None:
        self.workspace = workspace or Workspace("assets", backend="emulator")
        self.identifier = identifier or "step_1"
        self.inputs = dict(inputs or {})
        self._draft = Draft.of(step) if step else Draft("gpt-image-2")
        self._job: Job[Run] | None = None
        self._drawing = False
        self._arrived = 0
        self._panel: Panel | None = None
        self._stage = Stage(lambda: self.panel)
        self._stand_in = StandIn(self._static_html, self._static_text)
        super().__init__([self._stage])
        self.add_class("ig-form")
        self._draw()

    @property
    def panel(self) -> Panel:
        """What the form shows: its controls."""
        if self._panel is None:
            self._panel = Panel(self._hooks(), fields(self._draft), self.inputs)
            self._draw()
            if self.run_result is not None:
                self._show(self.run_result)
            self.children = (self._stage, *self._panel.widgets)
        return self._panel

    def _hooks(self) -> Hooks:
        return Hooks(
            entered=self._entered,
            typed=self._draw,
            start=self._start,
            cancel=self.cancel,
            imported=self._imported,
            use=self._use,
            current=self._current,
        )

    # What is entered goes into the draft, and the draft is drawn: never the other way round.

    def _entered(self, key: str, value: Any) -> None:
        self._draft = self._draft.changed(key, value)
        self._draw()

    def _draw(self) -> None:
        self._drawing = True
        try:
            found = problems(self._draft)
            step = None if found else ImageGenerationStep(**self._draft.settings())
            if self._panel is not None:
                self._draw_panel(self._panel, step, len(found))
            self.problems = found
            self.step = step
        finally:
            self._drawing = False

    def _draw_panel(self, panel: Panel, step: ImageGenerationStep | None, found: int) -> None:
        panel.show(fields(self._draft), self._variables(panel.inputs.values()))
        panel.header.name(self._draft.entered("name") or "Image Generation")
        if self._job is None:
            panel.header.ready(found)
        if step is not None:
            panel.offer_previews(step.entry.model.streams and step.image_count == 1)
            panel.show_paths(step, self._matching(step), self.identifier)
            line, paid = self.workspace.pays(step)
            panel.header.pays(line, found=paid)

    def _variables(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the prompt can refer to: inputs by name, and the outputs of earlier steps by path."""
        offered: list[dict[str, Any]] = []
        for name, value in values.items():
            if not is_name(name):  # an imported file may call its inputs anything; no path leads to those
                continue
            if isinstance(value, references.HasOutput):
                offered += map(_path_variable, references.paths(value.step, value, identifier=name))
            else:
                kind = "text" if isinstance(value, str) else "array"
                offered.append(_variable(name, "Inputs", "", kind, value))
        return offered

    @traitlets.observe("step")
    def _set_from_code(self, change: dict[str, Any]) -> None:
        if not self._drawing and isinstance(change["new"], ImageGenerationStep):
            self._draft = self._draft.loaded(change["new"])
            self._draw()

    # Running

    def _start(self) -> None:
        if self._job is not None or self.step is None:
            return
        panel, step = self.panel, self.step
        panel.tell_error(None)
        # Before the start: events come from another thread, and the first ones at once.
        self._arrived = 0
        panel.header.running(step.image_count)
        panel.gallery.placeholders(step.image_count)
        try:
            self._job = self.workspace.submit(
                step,
                panel.inputs.values(),
                on_event=self._on_event,
                partial_images=2 if panel.wants_previews else 0,
                identifier=self.identifier,
            )
        except ImagegenError as error:
            panel.gallery.placeholders(0)
            panel.header.finished("", len(self.problems))
            panel.tell_error(error)
            return
        cancel_on_interrupt(self._job)
        self._job.future.add_done_callback(self._finished)

    def cancel(self) -> None:
        """Stop the run that is under way; images that had arrived are kept."""
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """Cancel what is under way and let go of the page's side, with all that the form is made of."""
        self.cancel()
        if self._panel is not None:
            self._panel.close()
        self._stage.close()
        self.layout.close()
        super().close()

    def _on_event(self, event: RunEvent[Run]) -> None:
        if event.kind == "partial" and event.data:
            self.panel.gallery.preview(0, event.data)
        elif event.kind == "image" and event.index is not None and event.image is not None:
            self._arrived += 1
            self.panel.header.arrived(self._arrived, event.requested)
            self.panel.gallery.preview(event.index, event.image.data, finished=True)
        elif event.kind == "waiting" and event.seconds is not None:
            self.panel.header.waiting(event.seconds, event.reason)
        elif event.run is not None:
            self.run_result = event.run
            self._show(event.run)
            self._stand_in.update()

    def _show(self, run: Run) -> None:
        self.panel.gallery.show(run)
        self.panel.show_paths(run.step, run, self.identifier)
        if run.output.assets:
            self.panel.tabs.selected_index = 1

    def _finished(self, future: Any) -> None:
        """The run is over, one way or another; called on the toolkit's own thread."""
        self._job = None
        error, run = future.exception(), self.run_result
        told = ""
        if isinstance(error, asyncio.CancelledError):
            told, error = str(error) or "cancelled", None
        elif run is not None:
            told = f"{run.status}: {run.returned} of {run.requested} images, {run.duration:.1f} s"
            error = run.error or error
        self.panel.header.finished(told, len(self.problems))
        self.panel.tell_error(error)

    # In and out

    def _current(self) -> tuple[ImageGenerationStep | None, Run | None, str | None]:
        return self.step, self._matching(self.step) if self.step else None, self.identifier

    def _matching(self, step: ImageGenerationStep) -> Run | None:
        """The last run, if it was made by these settings."""
        run: Run | None = self.run_result
        return run if run is not None and run.step == step else None

    def _imported(self, definition: StepDefinition) -> None:
        self.inputs.update(definition.inputs)
        self.step = definition.step

    def _use(self, run: Run) -> None:
        self.step = run.step

    # Without a kernel

    def _ipython_display_(self) -> None:
        display(self._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]
        self._stand_in.show()

    def _static_html(self) -> str:
        waiting = "<p>The form opens as soon as the kernel is free. Is there no kernel? Run this cell.</p>"
        return waiting if self.run_result is None else self.run_result._repr_html_()

    def _static_text(self) -> str:
        return repr(self) if self.run_result is None else repr(self.run_result)

    def __repr__(self) -> str:
        return "Image Generation step (run this cell to use the form)"


def _variable(path: str, group: str, state: str, kind: str, value: Any) -> dict[str, Any]:
    sample = value if isinstance(value, str | int | float) else ""
    return {"path": path, "group": group, "state": state, "type": kind, "sample": str(sample)[:80]}


def _path_variable(path: references.OutputPath) -> dict[str, Any]:
    return _variable(path.path, "Workflow Steps", path.state, path.type, path.value)
