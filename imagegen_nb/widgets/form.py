"""The step editor as one widget: settings, Run, output, export and import."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import ipywidgets
import traitlets
from IPython.display import display

from imagegen_nb.core import html_repr
from imagegen_nb.core.keywords import did_you_mean, helpful_calls
from imagegen_nb.core.variable_paths import check_identifier
from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.runs.prepare import prepare
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step import output_references
from imagegen_nb.step.step import ImageGenerationStep, check_inputs
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.step_file.load import load_step
from imagegen_nb.widgets import edits, given, notebook_steps
from imagegen_nb.widgets.base import DisplayProbe, with_html
from imagegen_nb.widgets.cost_line import cost_line
from imagegen_nb.widgets.draft_inputs import DraftInputs
from imagegen_nb.widgets.drawn_form import DrawnForm, in_colab
from imagegen_nb.widgets.exportable import Exportable
from imagegen_nb.widgets.fallback import StaticFallback
from imagegen_nb.widgets.form_draft import FormDraft, cut
from imagegen_nb.widgets.form_runs import FormRuns
from imagegen_nb.widgets.form_state import FormState
from imagegen_nb.widgets.gallery import Gallery
from imagegen_nb.widgets.import_export import Restore
from imagegen_nb.widgets.panel import Panel, PanelCallbacks
from imagegen_nb.widgets.picker_variables import picker_variables

_CHANGED = "Settings changed since this run."

_NO_WORKSPACE = "this form was given no workspace; StepForm(step, ig.Workspace(…)) calls the provider"
_UNRUN = "The form opens as soon as the kernel is free. Is there no kernel? Run this cell."


@helpful_calls
class StepForm(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is not typed
    """The platform's step editor in a notebook.

    `step` is what it shows first, a step or the text of a prompt, and `workspace` where it runs. Without one
    the form runs on the emulator and stores in the folder `assets`, and says so below Run;
    `ig.StepForm(step, ig.Workspace("assets"))` calls the provider. `inputs` are values of variables and
    earlier runs by name, `identifier` is the name later steps use for this one's output (by default `step_1`;
    a notebook's cells get numbers in turn).
    Code and form may take turns: `form.step` is the validated step or None while a setting is wrong, and can
    be set; `form.problems` are what keeps it from running; all traits can be observed.

    Each run is a page of the Output tab, with its images, paths, notes and error; `form.runs` are those that
    have ended. One of them is the output, `form.run_result`: what later steps and an export see. It is the
    last run, unless that has no images and the one before has some, or somebody chose "Make this the output".
    The other forms of the kernel offer it in their pickers.

    The controls are made when a page first shows the form (or `panel` is asked for), so a notebook that is
    only executed holds none of them.
    """

    step = traitlets.Any(None, allow_none=True)
    """The step, None while a setting is wrong. Set it to a step or a prompt's text to edit another."""
    problems = traitlets.Tuple()
    """What keeps the step from running."""
    run_result = traitlets.Any(None, allow_none=True)
    """The run that is the output, None before there is one."""

    def __init__(
        self,
        step: ImageGenerationStep | str | None = None,
        workspace: Workspace | None = None,
        inputs: Mapping[str, Any] | None = None,
        identifier: str | None = None,
    ) -> None:
        shown_first = given.step_of(step)
        given.check_workspace(workspace)
        check_inputs(inputs)
        check_identifier(identifier)
        self._given_workspace = workspace is not None
        self.workspace = workspace or Workspace("assets", backend="emulator")
        self.inputs = dict(inputs or {})
        self.identifier = identifier or notebook_steps.free_name(self.inputs)
        draft_inputs = DraftInputs(self.inputs, self._other_runs, self._steps_not_run, self.identifier)
        self._draft = FormDraft(shown_first, draft_inputs)
        self._runs = FormRuns(self)
        self._writing = edits.Writing()
        # Held while something is drawn, so that what is drawn last is what is newest.
        self._drawing = threading.RLock()
        self._panel: Panel | None = None
        self._drawn: DrawnForm | None = None
        self._display_probe = DisplayProbe(on_display=lambda: self.panel)
        self._fallback = StaticFallback(self._static_page)
        super().__init__([self._display_probe], _dom_classes=("ig-form", *html_repr.NOT_MATHEMATICS))
        notebook_steps.enter(self)
        self._set_traits()

    @traitlets.validate("step")
    def _check_step(self, proposal: dict[str, Any]) -> ImageGenerationStep | None:
        return given.step_of(proposal["value"])

    @traitlets.validate("run_result")
    def _check_result(self, proposal: dict[str, Any]) -> Run | None:
        run: Run | None = proposal["value"]
        if run is not None:
            given.check_run(run, "run_result")
        return run

    @property
    def panel(self) -> Panel:
        """The form's controls."""
        if self._panel is None:
            self._panel = Panel(self._callbacks(), self._draft.state.fields, self._draft.inputs)
            gallery = self._panel.gallery
            gallery.on_use(self._use)
            for action in self._runs.actions():
                gallery.offer(action)
            gallery.on_show(self._go_to_page)
            gallery.include_others(lambda: notebook_steps.runs_of_others(self))
            self._draw()
            if self.run_result is not None:
                self._show_result(self.run_result)
            self.children = (self._display_probe, *self._panel.widgets)
        return self._panel

    @property
    def gallery(self) -> Gallery:
        """The images of its runs."""
        return self.panel.gallery

    @property
    def untouched(self) -> tuple[str, ...]:
        """The labels of the fields that nobody has filled in yet, and that must be; tags of variables."""
        return self._draft.state.untouched

    @property
    def wrong(self) -> tuple[str, ...]:
        """The labels of the fields whose values keep the step from running."""
        return self._draft.state.wrong

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs of this form that have ended, oldest first."""
        return () if self._panel is None else self._panel.gallery.runs

    def _callbacks(self) -> PanelCallbacks:
        return PanelCallbacks(
            on_entry=self.enter,
            on_input=self._edit_inputs,
            on_run=self._run,
            on_cancel=self.cancel,
            on_import=self._import,
            current=self._current,
            read=lambda data: load_step(data, workspace=self.workspace),
        )

    # Data goes one way: an entry changes the draft, the draft gives a new state, the state is drawn.

    def enter(self, key: str, value: Any) -> None:
        """Fill in the field of a platform key, as somebody would; None takes an entry back.

        What is wrong with it is shown at the field, and stands in `problems`. Raises `InvalidOption` for a
        key that no field has.
        """
        if key not in self._draft.state.fields:
            raise InvalidOption(f"key = {key!r}: {did_you_mean(str(key), self._draft.state.fields)}")
        with edits.one_at_a_time:
            self._draft.enter(key, value)
            self._show_edit()
        if self.run_result is None:  # else the static page is the run's, whatever is typed
            self._fallback.update_later()

    def _edit_inputs(self) -> None:
        self._draft.enter_input()
        self._show_edit()

    def _show_edit(self) -> None:
        if self._panel is not None:
            self._panel.header.shrink_notice()
        self._show_change()

    def _show_change(self) -> None:
        """Draw what the draft gives now."""
        if self._panel is not None:
            self._panel.import_export.fold_report()
        self._draw()
        self._set_traits()

    def _set_traits(self) -> None:
        state: FormState | None = None
        with self._writing.here():
            while state is not self._draft.state:  # which another thread may have changed meanwhile
                state = self._draft.state
                self.problems = state.problems
                self.step = state.step

    def _draw(self) -> None:
        if (panel := self._panel) is None:
            return
        with self._drawing:
            draft, state = self._draft, self._draft.state
            variables = picker_variables(draft.inputs.values(), self._predicted_steps())
            panel.show(state.fields, variables, draft.filled, patient=not draft.tried)
            panel.offer_previews(state.streams, state.no_previews)
            panel.header.show_title(draft.title)
            # Also of a draft that is no step yet: who would pay is known by its model.
            payer, key_found = self.workspace.payer(state.provider, state.charge_type)
            told = payer if self._given_workspace else f"{payer} ({_NO_WORKSPACE})"
            panel.header.show_payer(told, key_found=key_found)
            panel.header.show_cost(self._cost_line(state.step))
            if self._runs.queue.is_idle:
                panel.header.show_ready(state.untouched, state.wrong)
            else:
                panel.header.allow_run(state.untouched, state.wrong)
            self._end_refusal()
            self._show_page()

    @traitlets.observe("step")
    def _set_from_code(self, change: dict[str, Any]) -> None:
        if self._writing.is_here or not isinstance(change["new"], ImageGenerationStep):
            return
        with edits.one_at_a_time:
            self._draft.load(change["new"])
            self._show_change()
            if self._panel is not None:
                self._panel.header.show_notice("")
        self._fallback.update()

    # The run that is shown: everything in the Output tab is of one run.

    def _go_to_page(self) -> None:
        self._show_page()
        self.panel.import_export.fold_report()

    def _show_page(self) -> None:
        """Show the paths of the run that the gallery shows; before there is any, those of the draft."""
        if (panel := self._panel) is None:
            return
        with self._drawing:
            page = panel.gallery.shown
            if page.run is not None:
                panel.tree.show(page.run, identifier=self.identifier)
            elif step := (page.pending.step if page.pending else self._draft.state.step):
                panel.tree.show(output_references.paths(step, identifier=self.identifier))
            panel.tree.label = f"Output of run {panel.gallery.number(page.id)}" if page.id else "Output"
            panel.tree.copy_note = panel.gallery.view["path_note"]
            panel.gallery.run_note = _CHANGED if page.run and not self.is_draft_of(page.run) else ""
            panel.import_export.update()

    def is_draft_of(self, run: Run) -> bool:
        """Whether a run of the draft would ask for the same."""
        return self._draft.made(run)

    def _show_result(self, run: Run) -> None:
        """Mark the output, and give a run that code has set a page."""
        if (panel := self._panel) is None:
            return
        if not panel.gallery.number(run.id) and self._runs.latest is not run:
            panel.gallery.show(run)
            panel.open_output()
        panel.gallery.mark_output(run.id)
        self._show_page()

    @traitlets.observe("run_result")
    def _on_result(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self._show_result(change["new"])
        else:
            self._runs.output_is_chosen = False
            if self._panel is not None:
                self._panel.gallery.mark_output("")
        self._fallback.update()
        notebook_steps.tell_others(self)

    def _use(self, run: Run) -> str:
        """Put a run's settings and inputs into the form, and say so where they went: nowhere else."""
        restore = self._restore_point()
        recalled = self._draft.inputs.recall(run.inputs)
        self._draft.load(run.step)
        self._show_change()
        self.panel.open_settings()
        number = self.panel.gallery.number(run.id)
        which = f"run {number}" if number else f"a run of {run.identifier or 'another step'}"
        text = f"The settings and inputs of {which} are in the form now."
        if recalled:
            text += f" It uses {', '.join(recalled)} as in that run."
        self._offer_undo(text, "Restore my earlier settings", restore)
        return ""

    def _offer_undo(self, text: str, later: str, restore: Restore) -> None:
        """Say what has replaced the settings and the inputs, and offer the way back, and forth again. `later`
        is what the way back is called once the rest was read."""

        def undo() -> None:
            redo = restore()
            told = "Your earlier settings and inputs are restored."
            self.panel.header.show_notice(told, "Redo", lambda: self._offer_undo(text, later, redo()))

        self.panel.header.show_notice(text, "Undo", undo, later=later)

    # Running

    def _run(self) -> None:
        """Run, or show what keeps the step from running."""
        if self.step is not None and not self.problems:
            self._runs.ask_for(self.step, self._draft.for_run())
            return
        self._draft.be_tried()
        self._show_change()
        self.panel.open_settings()
        self._display_probe.focus(f"ig-{self._draft.first_wrong().replace('_', '-')}")

    def _cost_line(self, step: ImageGenerationStep | None) -> str:
        """What a run would cost; empty while there is no step."""
        if step is None:
            return ""
        estimate = self.workspace.estimate(step, self._draft.filled.text or step.prompt)
        labels = {key: self._draft.state.fields[key].label for key in ("image_quality", "image_size")}
        return cost_line(estimate, labels, live=self.workspace.backend != "emulator")

    def _end_refusal(self) -> None:
        """Take away what was said of a run that could not begin, once it could: alerts speak of what is."""
        step = self._draft.state.step
        if self._runs.refused and step is not None and self._runs.queue.is_idle:
            with suppress(ImagegenError):
                prepare(step, self._draft.for_run(), self.workspace, {})
                self._runs.refused = False
                self.panel.show_error(None)

    @property
    def _job(self) -> object:
        """What goes on, None when nothing does."""
        queue = self._runs.queue
        return None if queue.is_idle else queue.job or queue

    def cancel(self) -> None:
        """Cancel the run that is under way, and those that wait; images that had arrived are kept."""
        self._runs.queue.cancel_all()

    def close(self) -> None:
        """Cancel what is under way and close every widget of the form."""
        if not hasattr(self, "_fallback"):
            return  # it was refused while it was made, and is thrown away
        self.cancel()
        notebook_steps.leave(self)
        self._fallback.cancel()
        if self._panel is not None:
            self._panel.close()
        self._display_probe.close()
        if self._drawn is not None:
            self._drawn.close()
        self.layout.close()
        super().close()

    # Other steps of the notebook

    def _other_runs(self) -> dict[str, Run]:
        others = notebook_steps.others(self)
        return {name: other.run_result for name, other in others.items() if other.run_result is not None}

    def _steps_not_run(self) -> list[str]:
        return [name for name, other in notebook_steps.others(self).items() if other.run_result is None]

    def _predicted_steps(self) -> dict[str, ImageGenerationStep]:
        others = notebook_steps.others(self)
        return {name: other.step for name, other in others.items() if other.run_result is None and other.step}

    def other_run_changed(self) -> None:
        """Another form has a new run: the picker offers it, and the prompt may have what it lacked."""
        self._draft.update()
        self._draw()
        self._set_traits()
        if self._panel is not None:
            self._panel.gallery.others_changed()

    # Export and import

    def _current(self) -> Exportable:
        """What an export writes: the step, with the output if these settings and inputs made it, else with
        the run that is shown or the last one, if they made that."""
        step, shown = self._draft.state.step, self._panel.gallery.shown.run if self._panel else None
        runs = (self.run_result, shown, *reversed(self.runs))
        made = next((run for run in runs if run is not None and self.is_draft_of(run)), None)
        return Exportable(
            step=step,
            is_unwritten=step is None and not self._draft.state.wrong,
            run=made,
            identifier=self.identifier,
            inputs=self._draft.for_run(),
            number=self._number(made),
            output_number=self._number(self.run_result),
        )

    def _number(self, run: Run | None) -> int:
        return 0 if run is None or self._panel is None else self._panel.gallery.number(run.id)

    def _import(self, definition: StepDefinition) -> Restore:
        restore = self._restore_point()
        self.panel.header.show_notice("")
        self.inputs.update(definition.inputs)
        self._draft.inputs.recall(definition.inputs)
        self._draft.load(definition.step)
        self._show_change()
        return restore

    def _restore_point(self) -> Restore:
        """The way back to the prompt, the settings and the inputs of this moment."""
        before = self._draft.snapshot()

        def restore() -> Restore:
            forward = self._restore_point()
            self._draft.restore(before)
            self._show_change()
            return forward

        return restore

    # Without a kernel

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if in_colab():
            return self._display_()._repr_mimebundle_(**kwargs)
        return with_html(super()._repr_mimebundle_(**kwargs), repr(self)), {}

    def _display_(self) -> DrawnForm:
        """What marimo shows, whose protocol this is."""
        if self._drawn is None:
            _ = self.panel  # made here: marimo lets no anywidget be made while it handles a message
            self._drawn = DrawnForm(self)
        return self._drawn

    def _ipython_display_(self) -> None:
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        self._fallback.show()

    def _static_page(self) -> html_repr.Page:
        if self.run_result is not None:
            page: html_repr.Page = self.run_result.static_page()
            return replace(page, settings=[("Prompt", cut(self.run_result.prompt))])
        return html_repr.Page(title=self._draft.title, notes=[_UNRUN], settings=self._draft.rows())

    def __repr__(self) -> str:
        return "Image Generation step (run this cell to use the form)"
