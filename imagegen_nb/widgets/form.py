"""The step editor as one widget: settings, Run, output, export and import."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import ipywidgets
import traitlets
from IPython.display import display

from imagegen_nb.core.background_loop import Job
from imagegen_nb.core.events import RunEvent
from imagegen_nb.core.variables import is_name
from imagegen_nb.core.words import counted
from imagegen_nb.errors import ImagegenError
from imagegen_nb.runs.prepare import prepare
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step import output_references
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.widgets.base import DisplayProbe
from imagegen_nb.widgets.fallback import StaticFallback
from imagegen_nb.widgets.form_state import Draft, FormState
from imagegen_nb.widgets.import_export import Restore
from imagegen_nb.widgets.interrupts import cancel_on_interrupt
from imagegen_nb.widgets.panel import Panel, PanelCallbacks


class StepForm(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is not typed
    """The platform's step editor in a notebook.

    `step` is what it shows first (by default an empty step), `workspace` where it runs (by default a
    folder `assets` on the emulator), `inputs` are test values and earlier runs by name, `identifier` is the
    name later steps use for this one's output. Code and form may take turns: `form.step` is the validated
    step or None while there are `form.problems`, and can be set; `form.run_result` is the last run; all
    three can be observed.

    The controls are made when a page first shows the form (or `panel` is asked for), so a notebook that is
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
        self._draft = Draft.of(step) if step else Draft()
        self._state = FormState.of(self._draft)
        self._job: Job[Run] | None = None
        self._refused = False
        self._setting_traits = False
        self._arrived = 0
        self._panel: Panel | None = None
        self._display_probe = DisplayProbe(on_display=lambda: self.panel)
        self._fallback = StaticFallback(self._static_html, self._static_text)
        super().__init__([self._display_probe], _dom_classes=("ig-form",))
        self._set_traits()

    @property
    def panel(self) -> Panel:
        """The form's controls."""
        if self._panel is None:
            self._panel = Panel(self._callbacks(), self._state.fields, self.inputs)
            self._draw()
            if self.run_result is not None:
                self._show_run(self.run_result)
            self.children = (self._display_probe, *self._panel.widgets)
        return self._panel

    def _callbacks(self) -> PanelCallbacks:
        return PanelCallbacks(
            on_entry=self._enter,
            on_input=self._draw,
            on_run=self._run,
            on_cancel=self.cancel,
            on_import=self._import,
            on_use=self._use,
            current=self._current,
        )

    # Data goes one way: an entry changes the draft, the draft gives a new state, the state is drawn.

    def _enter(self, key: str, value: Any) -> None:
        self._change(self._draft.changed(key, value))

    def _change(self, draft: Draft) -> None:
        self._draft = draft
        self._state = FormState.of(draft)
        self._draw()
        self._set_traits()

    def _set_traits(self) -> None:
        self._setting_traits = True
        try:
            self.problems = self._state.problems
            self.step = self._state.step
        finally:
            self._setting_traits = False

    def _draw(self) -> None:
        if (panel := self._panel) is None:
            return
        state, step = self._state, self._state.step
        panel.show(state.fields, self._variables(panel.inputs.values()))
        panel.offer_previews(state.streams)
        panel.import_export.step_changed(has_problems=step is None)
        panel.header.show_title(self._draft.entry("name") or "Image Generation")
        # Also of a draft that is no step yet: who would pay is known by its model.
        payer, key_found = self.workspace.payer(state.provider, state.charge_type)
        panel.header.show_payer(payer, key_found=key_found)
        if self._job is None:
            panel.header.show_ready(len(state.problems), state.untouched)
        if step is not None:
            panel.show_paths(step, self._matching_run(step), self.identifier)
        self._end_refusal()

    def _variables(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the prompt can refer to: inputs by name, and the outputs of earlier steps by path."""
        variables: list[dict[str, Any]] = []
        for name, value in values.items():
            if not is_name(name):  # an imported file may call its inputs anything; no path leads to those
                continue
            if isinstance(value, output_references.HasOutput):
                variables += map(_path_variable, output_references.paths(value.step, value, identifier=name))
            else:
                type_ = "text" if isinstance(value, str) else "array"
                variables.append(_variable(name, "Inputs", "", type_, value))
        return variables

    @traitlets.observe("step")
    def _set_from_code(self, change: dict[str, Any]) -> None:
        if not self._setting_traits and isinstance(change["new"], ImageGenerationStep):
            self._change(self._draft.loaded(change["new"]))

    # Running

    def _run(self) -> None:
        """Run, or show what keeps the step from running."""
        if self.step is not None:
            self._start()
            return
        self._change(replace(self._draft, tried=True))
        self.panel.tabs.selected_index = 0
        first = next((problem.field for problem in self.problems if problem.field in self._state.fields), "")
        self._display_probe.focus(f"ig-{first.replace('_', '-')}")

    def _end_refusal(self) -> None:
        """Take away what was said of a run that could not begin, once it could: alerts speak of what is."""
        if self._refused and self.step is not None and self._job is None:
            with suppress(ImagegenError):
                prepare(self.step, self.panel.inputs.values(), self.workspace, {})
                self._refused = False
                self.panel.show_error(None)

    def _start(self) -> None:
        if self._job is not None or self.step is None:
            return
        panel, step = self.panel, self.step
        panel.show_error(None)
        self._refused = False
        # Reset before the start: events come from another thread, and the first ones at once.
        self._arrived = 0
        panel.header.show_running(0, step.image_count)
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
            panel.header.show_finished("", len(self.problems))
            panel.show_error(error)
            self._refused = True
            return
        cancel_on_interrupt(self._job)
        self._job.future.add_done_callback(self._on_finished)

    def cancel(self) -> None:
        """Cancel the run that is under way; images that had arrived are kept."""
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """Cancel the run that is under way and close every widget of the form."""
        self.cancel()
        if self._panel is not None:
            self._panel.close()
        self._display_probe.close()
        self.layout.close()
        super().close()

    def _on_event(self, event: RunEvent[Run]) -> None:
        if event.kind == "partial" and event.data:
            self.panel.gallery.preview(0, event.data)
        elif event.kind == "image" and event.index is not None and event.image is not None:
            self._arrived += 1
            self.panel.header.show_running(self._arrived, event.requested)
            self.panel.gallery.preview(event.index, event.image.data, finished=True)
        elif event.kind == "waiting" and event.seconds is not None:
            self.panel.header.show_waiting(event.seconds, event.reason)
        elif event.run is not None:
            self.run_result = event.run
            self._show_run(event.run)
            self._fallback.update()

    def _show_run(self, run: Run) -> None:
        self.panel.gallery.show(run)
        self.panel.show_paths(run.step, run, self.identifier)
        if run.output.assets:
            self.panel.tabs.selected_index = 1

    def _on_finished(self, future: Any) -> None:
        """Show how the run ended; called on the background loop's thread."""
        self._job = None
        error, run = future.exception(), self.run_result
        status = ""
        if isinstance(error, asyncio.CancelledError):
            status, error = str(error) or "cancelled", None
        elif run is not None:
            images = counted(run.requested, "image")
            status = f"{run.status}: {run.returned} of {images}, {run.duration:.1f} s"
            error = run.error or error
        self.panel.header.show_finished(status, len(self.problems))
        self.panel.show_error(error)

    # Export and import

    def _current(self) -> tuple[ImageGenerationStep | None, Run | None, str | None]:
        return self.step, self._matching_run(self.step) if self.step else None, self.identifier

    def _matching_run(self, step: ImageGenerationStep) -> Run | None:
        """The last run, if it was made with these settings."""
        run: Run | None = self.run_result
        return run if run is not None and run.step == step else None

    def _import(self, definition: StepDefinition) -> Restore:
        restore = self._restore_point()
        self.panel.inputs.recall(definition.inputs)
        self.step = definition.step
        return restore

    def _restore_point(self) -> Restore:
        """The way back to the prompt, the settings and the inputs of this moment."""
        draft, inputs = self._draft, self.panel.inputs.snapshot()

        def restore() -> Restore:
            forward = self._restore_point()
            self.panel.inputs.restore(inputs)
            self._change(draft)
            return forward

        return restore

    def _use(self, run: Run) -> None:
        self.step = run.step

    # Without a kernel

    def _ipython_display_(self) -> None:
        display(self._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]
        self._fallback.show()

    def _static_html(self) -> str:
        no_run = "<p>The form opens as soon as the kernel is free. Is there no kernel? Run this cell.</p>"
        return no_run if self.run_result is None else self.run_result._repr_html_()

    def _static_text(self) -> str:
        return repr(self) if self.run_result is None else repr(self.run_result)

    def __repr__(self) -> str:
        return "Image Generation step (run this cell to use the form)"


def _variable(path: str, group: str, state: str, type_: str, value: Any) -> dict[str, Any]:
    sample = value if isinstance(value, str | int | float) else ""
    return {"path": path, "group": group, "state": state, "type": type_, "sample": str(sample)}


def _path_variable(path: output_references.OutputPath) -> dict[str, Any]:
    return _variable(path.path, "Workflow Steps", path.state, path.type, path.value)
