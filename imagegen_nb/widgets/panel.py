"""All that a form shows, and how it is laid out; what it means is the form's affair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from ipywidgets import HTML, Checkbox, Tab, VBox

from imagegen_nb.errors import ImagegenError
from imagegen_nb.runs.run import Run
from imagegen_nb.step import references
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import StepDefinition
from imagegen_nb.widgets.assign import assign
from imagegen_nb.widgets.factory import Kit, is_hidden, reveal
from imagegen_nb.widgets.field import Field
from imagegen_nb.widgets.form_state import FieldView
from imagegen_nb.widgets.gallery import Gallery
from imagegen_nb.widgets.header import Header
from imagegen_nb.widgets.import_export import Transfer
from imagegen_nb.widgets.input_values import TestValues
from imagegen_nb.widgets.output_tree import OutputTree


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the panel tells the form: an entry (None takes it back), a typed test value, clicks on Run and
    Cancel, a step file that was read, a run whose settings are wanted. `current` gives the step (None while
    it has problems), the run that belongs to it, and the identifier."""

    entered: Callable[[str, Any], None]
    typed: Callable[[], None]
    start: Callable[[], None]
    cancel: Callable[[], None]
    imported: Callable[[StepDefinition], None]
    use: Callable[[Run], None]
    current: Callable[[], tuple[ImageGenerationStep | None, Run | None, str | None]]


class Panel:
    """Header, alert, and the tabs Settings and Output. `widgets` are its parts from top to bottom."""

    def __init__(self, hooks: Hooks, views: Mapping[str, FieldView], inputs: Mapping[str, Any]) -> None:
        self.kit = kit = Kit()
        self.header = Header(kit, hooks.start, hooks.cancel)
        self.alert = kit.make(HTML, "ig-alert")
        self.fields = {key: Field(kit, view, hooks.entered) for key, view in views.items()}
        self.inputs = TestValues(kit, inputs, hooks.typed)
        self.live_previews = kit.make(
            Checkbox,
            "ig-live-preview",
            description="Live previews while it is being made (each costs 100 image tokens)",
            indent=False,
        )
        self.transfer = Transfer(kit, hooks.current, hooks.imported)
        self.gallery = Gallery()
        self.gallery.on_use(hooks.use)
        self.tree = OutputTree()
        self.settings = kit.make(VBox, "ig-settings")
        output = kit.make(VBox, "ig-output", children=[self.gallery, self.tree])
        self.tabs = kit.make(Tab, children=[self.settings, output], titles=("Settings", "Output"))
        self.widgets = (self.header.widget, self.alert, self.tabs)

    def show(self, views: Mapping[str, FieldView], variables: list[dict[str, Any]]) -> None:
        """Show the fields, and what the prompt can refer to."""
        for key, view in views.items():
            self.fields[key].show(view)
        self.inputs.show(views["prompt"].value or "")
        assign(self.fields["prompt"].control, variables=variables)
        self._lay_out()

    def _lay_out(self) -> None:
        rows: list[Any] = []
        for key, field in self.fields.items():
            rows += field.widgets
            if key == "prompt":
                rows.append(self.inputs.widget)
        assign(self.settings, children=(*rows, self.live_previews, self.transfer.widget))

    def offer_previews(self, possible: bool) -> None:
        """Whether the step can be watched while it is being made."""
        reveal(self.live_previews, possible)

    @property
    def wants_previews(self) -> bool:
        """Whether live previews were asked for."""
        return self.live_previews.value and not is_hidden(self.live_previews)

    def show_paths(self, step: ImageGenerationStep, run: Run | None, identifier: str) -> None:
        """Show what later steps can refer to: confirmed by `run`, or predicted."""
        self.tree.show(references.paths(step, run, identifier=identifier))

    def tell_error(self, error: BaseException | None) -> None:
        """Say what went wrong, in plain words and with the details folded; None takes it away."""
        if error is None:
            assign(self.alert, value="")
            return
        words = error.summary() if isinstance(error, ImagegenError) else str(error) or type(error).__name__
        details = escape(f"{type(error).__name__}: {error}")
        self.alert.value = (
            f'<div role="alert" class="ig-problem">{escape(words)}'
            f"<details><summary>Details</summary><pre>{details}</pre></details></div>"
        )

    def close(self) -> None:
        """Let go of every widget; closing a box closes only itself."""
        for widget in (part for top in self.widgets for part in _parts(top)):
            widget.close()
        for text in self.inputs.texts():
            text.close()
        self.kit.close()


def _parts(widget: Any) -> list[Any]:
    """A widget and all it holds."""
    return [*(part for child in getattr(widget, "children", ()) for part in _parts(child)), widget]
