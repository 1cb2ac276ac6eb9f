"""The step editor: settings, run, output, in and out, as one widget."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets
from IPython.display import display

from imagegen_nb import references
from imagegen_nb.definition import StepDefinition
from imagegen_nb.errors import ImagegenError, Problem
from imagegen_nb.events import RunEvent
from imagegen_nb.fields import Draft, fields, problems
from imagegen_nb.loop import Job
from imagegen_nb.run import Run
from imagegen_nb.step import ImageGenerationStep
from imagegen_nb.widgets.assign import assign
from imagegen_nb.widgets.controls import Field
from imagegen_nb.widgets.gallery import Gallery
from imagegen_nb.widgets.header import Header
from imagegen_nb.widgets.inputs import TestValues
from imagegen_nb.widgets.static import StandIn
from imagegen_nb.widgets.transfer import Transfer
from imagegen_nb.widgets.tree import OutputTree
from imagegen_nb.workspace import Workspace

_STYLE = (Path(__file__).parent / "assets" / "form.css").read_text(encoding="utf-8")


class StepForm(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is not typed
    """The platform's step editor in a notebook.

    `step` is where it starts (by default an empty `gpt-image-2` step), `workspace` where it runs (by
    default a folder `assets` on the emulator), `inputs` are test values and earlier runs by name,
    `identifier` is the name later steps use for this one's output. Code and form may take turns:
    `form.step` is the validated step or None while there are `form.problems`, and can be set;
    `form.run_result` is the last run; all three can be observed.
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
        self._draft = Draft.of(step) if step else Draft("gpt-image-2")
        self._job: Job[Run] | None = None
        self._drawing = False
        self._arrived = 0
        self._build(dict(inputs or {}))
        style = ipywidgets.HTML(f"<style>{_STYLE}</style>")
        super().__init__([style, self.header, self.alert, self.tabs])
        self.add_class("ig-form")
        self._stand_in = StandIn("Image Generation step")
        self._draw()

    def _build(self, inputs: dict[str, Any]) -> None:
        self.header = Header(self._run_clicked, self.cancel)
        self.alert = ipywidgets.HTML()
        self.alert.add_class("ig-alert")
        self.fields = {key: Field(view, self._entered) for key, view in fields(self._draft).items()}
        self.inputs = TestValues(inputs, self._draw)
        self.preview = ipywidgets.Checkbox(
            description="Live previews while it is being made (each costs 100 image tokens)", indent=False
        )
        self.preview.add_class("ig-live-preview")
        self.transfer = Transfer(self._current, self._imported)
        rows: list[Any] = []
        for key, shown in self.fields.items():
            rows.append(shown)
            if key == "prompt":
                rows.append(self.inputs)
        settings = ipywidgets.VBox([*rows, self.preview, self.transfer])
        self.gallery = Gallery()
        self.gallery.on_use(self._use)
        self.tree = OutputTree()
        output = ipywidgets.VBox([self.gallery, self.tree])
        self.tabs = ipywidgets.Tab([settings, output], titles=("Settings", "Output"))

    # What is entered goes into the draft, and the draft is drawn: never the other way round.

    def _entered(self, key: str, value: Any) -> None:
        self._draft = self._draft.changed(key, value)
        self._draw()

    def _draw(self) -> None:
        self._drawing = True
        try:
            for key, view in fields(self._draft).items():
                self.fields[key].show(view)
            found = problems(self._draft)
            step = None if found else ImageGenerationStep(**self._draft.settings())
            self._draw_prompt(step)
            self._draw_header(step, found)
            self.problems = found
            self.step = step
        finally:
            self._drawing = False

    def _draw_prompt(self, step: ImageGenerationStep | None) -> None:
        self.inputs.show(self._draft.entered("prompt") or "")
        assign(self.fields["prompt"].control, variables=self._variables())
        entry = step.entry if step else None
        streams = bool(entry and entry.model.streams and step and step.image_count == 1)
        assign(self.preview.layout, display=None if streams else "none")
        if step is not None:
            self.tree.show(references.paths(step, self._matching(step), identifier=self.identifier))

    def _draw_header(self, step: ImageGenerationStep | None, found: tuple[Problem, ...]) -> None:
        self.header.name(self._draft.entered("name") or "Image Generation")
        if step is not None:
            line, paid = self.workspace.pays(step)
            self.header.pays(line, found=paid)
        if self._job is None:
            self.header.ready(len(found))

    def _variables(self) -> list[dict[str, Any]]:
        """What the prompt can refer to: inputs by name, and the outputs of earlier steps by path."""
        offered: list[dict[str, Any]] = []
        for name, value in self.inputs.values().items():
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

    def _run_clicked(self) -> None:
        if self._job is not None or self.step is None:
            return
        self._tell_error(None)
        step: ImageGenerationStep = self.step
        partial = 2 if self.preview.value and self.preview.layout.display != "none" else 0
        # Before the start: events come from another thread, and the first ones at once.
        self._arrived = 0
        self.header.running(step.image_count)
        self.gallery.placeholders(step.image_count)
        try:
            self._job = self.workspace.submit(
                step,
                self.inputs.values(),
                on_event=self._on_event,
                partial_images=partial,
                identifier=self.identifier,
            )
        except ImagegenError as error:
            self.gallery.placeholders(0)
            self.header.finished("")
            self._tell_error(error)
            return
        self._job.future.add_done_callback(self._finished)

    def cancel(self) -> None:
        """Stop the run that is under way; images that had arrived are kept."""
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """Cancel what is under way and let go of the page's side, with all that the form is made of."""
        self.cancel()
        for widget in _parts(self):
            ipywidgets.Widget.close(widget)

    def _on_event(self, event: RunEvent) -> None:
        if event.kind == "partial" and event.data:
            self.gallery.preview(0, event.data)
        elif event.kind == "image" and event.index is not None and event.image is not None:
            self._arrived += 1
            self.header.arrived(self._arrived, event.requested)
            self.gallery.preview(event.index, event.image.data, finished=True)
        elif event.kind in ("done", "failed", "cancelled"):
            self._show(event.run)

    def _show(self, run: Run) -> None:
        self.run_result = run
        self.gallery.show(run)
        self.tree.show(references.paths(run.step, run, identifier=self.identifier))
        self._stand_in.follow(run)
        if run.output.assets:
            self.tabs.selected_index = 1

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
        self.header.finished(told)
        self._tell_error(error)

    def _tell_error(self, error: BaseException | None) -> None:
        if error is None:
            self.alert.value = ""
            return
        words = error.summary() if isinstance(error, ImagegenError) else str(error) or type(error).__name__
        details = escape(f"{type(error).__name__}: {error}")
        self.alert.value = (
            f'<div role="alert" class="ig-problem">{escape(words)}'
            f"<details><summary>Details</summary><pre>{details}</pre></details></div>"
        )

    # In and out

    def _current(self) -> tuple[ImageGenerationStep | None, Run | None, str | None]:
        return self.step, self._matching(self.step) if self.step else None, self.identifier

    def _matching(self, step: ImageGenerationStep) -> Run | None:
        """The last run, if it was made by these settings."""
        run: Run | None = self.run_result
        return run if run is not None and run.step == step else None

    def _imported(self, definition: StepDefinition) -> None:
        self.inputs.given.update(definition.inputs)
        self.step = definition.step

    def _use(self, run: Run) -> None:
        self.step = run.step

    def _ipython_display_(self) -> None:
        display(self._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]
        self._stand_in.show()

    def __repr__(self) -> str:
        return "Image Generation step (run this cell to use the form)"


def _variable(path: str, group: str, state: str, kind: str, value: Any) -> dict[str, Any]:
    sample = value if isinstance(value, str | int | float) else ""
    return {"path": path, "group": group, "state": state, "type": kind, "sample": str(sample)[:80]}


def _path_variable(path: references.OutputPath) -> dict[str, Any]:
    return _variable(path.path, "Workflow Steps", path.state, path.type, path.value)


def _parts(widget: Any) -> list[Any]:
    """A widget, its layout and style, and those of all it holds; closing a box closes only itself."""
    children = [part for child in getattr(widget, "children", ()) for part in _parts(child)]
    own = [getattr(widget, name) for name in ("layout", "style") if widget.has_trait(name)]
    return [*children, *own, widget]
