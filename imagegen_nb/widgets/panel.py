"""All the widgets of a form and their layout; `form` decides what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from ipywidgets import HTML, Tab, VBox

from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.step_file.load import load_step
from imagegen_nb.widgets.draft_inputs import DraftInputs, FilledPrompt
from imagegen_nb.widgets.error_text import ErrorText
from imagegen_nb.widgets.exportable import Exportable
from imagegen_nb.widgets.factory import WidgetFactory, update_traits
from imagegen_nb.widgets.field import Fields
from imagegen_nb.widgets.form_state import FieldState
from imagegen_nb.widgets.gallery import Gallery
from imagegen_nb.widgets.header import Header
from imagegen_nb.widgets.import_export import ImportExport, ImportExportCallbacks, Restore
from imagegen_nb.widgets.input_values import InputValues
from imagegen_nb.widgets.output_tree import OutputTree
from imagegen_nb.widgets.parts import Control

_PREVIEWS_COST = "The unfinished image is shown, at most twice; each preview costs less than a cent."


@dataclass(frozen=True, slots=True)
class PanelCallbacks:
    """What the panel calls: on an entry (None takes it back), on a typed value of a variable, on clicks of
    Run and Cancel, with a step that was read (it returns the way back). `current` returns what an export
    writes now, `read` the step of a file's bytes."""

    on_entry: Callable[[str, Any], None]
    on_input: Callable[[], None]
    on_run: Callable[[], None]
    on_cancel: Callable[[], None]
    on_import: Callable[[StepDefinition], Restore]
    current: Callable[[], Exportable]
    read: Callable[[bytes], StepDefinition] = load_step


class Panel:
    """Header, alert, and the tabs Settings and Output. `widgets` are its parts from top to bottom."""

    def __init__(
        self, callbacks: PanelCallbacks, fields: Mapping[str, FieldState], inputs: DraftInputs
    ) -> None:
        self._factory = factory = WidgetFactory()
        self.header = Header(callbacks.on_run, callbacks.on_cancel, layout=factory.layout)
        self.alert = factory.make(HTML, "ig-alert")
        self.fields = Fields(fields, factory.layout, callbacks.on_entry)
        self.inputs = InputValues(factory, inputs, callbacks.on_input)
        self.live_previews = Control(
            kind="check",
            value=False,
            label="Live previews while the image is being made",
            lines={"help": _PREVIEWS_COST},
        )
        self.fields.groups[-1].add("live_preview", self.live_previews)
        self.import_export = ImportExport(
            ImportExportCallbacks(callbacks.current, callbacks.on_import, callbacks.read),
            layout=factory.layout,
        )
        self.gallery = Gallery()
        self.tree = OutputTree()
        self.settings = factory.make(VBox, "ig-settings", children=self._rows())
        output = factory.make(VBox, "ig-output", children=[self.gallery, self.tree])
        self.tabs = factory.make(Tab, children=[self.settings, output], titles=("Settings", "Output"))
        self.widgets = (self.header, self.alert, self.tabs)

    def _rows(self) -> list[Any]:
        """The rows of the settings. They never change: a box redraws whatever stands below a new row."""
        widgets = list(self.fields.widgets)
        split = widgets.index("prompt") + 1
        what, how = (
            [self.fields.widgets[key] for key in keys] for keys in (widgets[:split], widgets[split:])
        )
        return [
            self._factory.make(VBox, "ig-what", children=[*what, self.inputs.widget]),
            self._factory.make(VBox, "ig-how", children=how),
            self.import_export,
        ]

    def show(
        self,
        fields: Mapping[str, FieldState],
        variables: list[dict[str, Any]],
        filled: FilledPrompt = FilledPrompt(),  # noqa: B008 (frozen)
        *,
        patient: bool = False,
    ) -> None:
        """Show the fields, what the prompt can refer to, and what it becomes with its inputs, or which of
        these are empty: `patient`ly while nobody has tried to run it."""
        self.fields.show(fields)
        self.inputs.show(fields["prompt"].value or "", filled.text, filled.empty, patient=patient)
        update_traits(self.fields["prompt"].control, variables=variables)

    def offer_previews(self, possible: bool, but: str = "") -> None:
        """Offer live previews, or hide them where the model has none. `but` says why there are none now: then
        the choice is kept for when there are."""
        lines = {"help": _PREVIEWS_COST, "hint": but}
        update_traits(self.live_previews, visible=possible, disabled=bool(but), lines=lines)

    def open_settings(self) -> None:
        """Show the tab with the settings."""
        update_traits(self.tabs, selected_index=0)

    def open_output(self) -> None:
        """Show the tab with the runs."""
        update_traits(self.tabs, selected_index=1)

    def show_error(self, error: BaseException | None, *, synthetic: bool = False) -> None:
        """Show why no run began, in plain words and with the details folded; None clears it. What went wrong
        in a run stands on its page."""
        if error is None:
            update_traits(self.alert, value="")
            return
        text = ErrorText.of(error, synthetic=synthetic)
        lines = "".join(f"<li>{escape(line)}</li>" for line in text.details)
        details = f"<details><summary>Details</summary><ul>{lines}</ul></details>" if lines else ""
        told = f"<strong>{escape(text.what)}</strong> {escape(text.remedy)}{details}"
        self.alert.value = f'<div role="alert" class="ig-problem">{told}</div>'

    def close(self) -> None:
        """Close every widget, one by one: closing a box does not close what it holds."""
        for widget in (part for top in self.widgets for part in _parts(top)):
            widget.close()
        self._factory.close()


def _parts(widget: Any) -> list[Any]:
    """A widget and all it holds."""
    return [*(part for child in getattr(widget, "children", ()) for part in _parts(child)), widget]
