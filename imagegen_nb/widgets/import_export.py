"""Export and import of step files, and the step as Python code."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from html import escape

from ipywidgets import HTML, Button, Checkbox, HBox, Text, VBox

from imagegen_nb.core.filenames import slug
from imagegen_nb.errors import DefinitionError, ImagegenError
from imagegen_nb.runs.run import Run
from imagegen_nb.step.codegen import as_python
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import LARGEST_FILE, StepDefinition
from imagegen_nb.step_file.export import define
from imagegen_nb.step_file.load import load_step
from imagegen_nb.widgets.buttons import CopyButton, FileButton
from imagegen_nb.widgets.factory import WidgetFactory

_PROBLEMS = '<div class="ig-problem" role="alert">The step has problems; mend them first.</div>'


class ImportExport:
    """Export to a file or as a download, with or without the output; import; *Copy as Python*.

    `current` returns the step (None while it has problems), the run made with its settings (or None) and
    the identifier; `on_import` is called with what was read.
    """

    def __init__(
        self,
        factory: WidgetFactory,
        current: Callable[[], tuple[ImageGenerationStep | None, Run | None, str | None]],
        on_import: Callable[[StepDefinition], None],
    ) -> None:
        self._current, self._on_import = current, on_import
        self.path = factory.make(Text, "ig-path", description="File", placeholder="hero.step.json")
        self.with_output = factory.make(
            Checkbox, "ig-with-output", description="with the output", value=True, indent=False
        )
        self.export_button = factory.make(Button, "ig-export", description="Export", icon="save")
        self.import_button = FileButton(self._read, label="Import", accept=".json", largest=LARGEST_FILE)
        self.import_button.add_class("ig-import")
        self.copy_button = CopyButton(self._code, label="Copy as Python")
        self.copy_button.add_class("ig-python")
        self.message = factory.make(HTML, "ig-import-export-message")
        self.export_button.on_click(lambda _: self._guarded(self._export))
        row = [self.path, self.with_output, self.export_button, self.import_button, self.copy_button]
        self.widget = factory.make(
            VBox, "ig-import-export", children=[factory.make(HBox, "ig-actions", children=row), self.message]
        )

    def _guarded(self, action: Callable[[], str]) -> None:
        """Show the action's result or its error: an exception in a callback would show nowhere."""
        try:
            self.message.value = action()
        except (ImagegenError, OSError) as error:
            self.message.value = f'<div class="ig-problem" role="alert">{escape(str(error))}</div>'

    def _export(self) -> str:
        step, run, identifier = self._current()
        if step is None:
            return _PROBLEMS
        definition = define(step, run=run if self.with_output.value else None, identifier=identifier)
        name = self.path.value.strip() or f"{slug(step.name or step.prompt)}.step.json"
        saved = definition.save(name)
        # The file's own bytes: the download cannot differ from what was saved.
        data = b64encode(saved.path.read_bytes()).decode()
        link = f'download="{escape(saved.path.name)}" href="data:application/json;base64,{data}"'
        return f'<div class="ig-hint">{escape(str(saved))} · <a class="ig-download" {link}>download</a></div>'

    def _read(self, name: str, data: bytes | None) -> None:
        self._guarded(lambda: self._import(name, data))

    def _import(self, name: str, data: bytes | None) -> str:
        if data is None:
            raise DefinitionError(f"{name} has more than {LARGEST_FILE:,} bytes; no step file is that large")
        definition = load_step(data)
        self._on_import(definition)
        changes = "".join(f"<br>{escape(change)}" for change in definition.changes)
        return f'<div class="ig-hint">imported {escape(name)}{changes}</div>'

    def _code(self) -> str | None:
        """The step as Python, shown as well as copied."""
        step, _, _ = self._current()
        if step is None:
            self.message.value = _PROBLEMS
            return None
        code = as_python(step)
        self.message.value = f'<pre class="ig-code" tabindex="0">{escape(code)}</pre>'
        return code
