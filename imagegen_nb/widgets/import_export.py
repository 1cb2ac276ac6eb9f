"""Export and import of step files, and the step as Python code."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import traitlets

from imagegen_nb.core import images, redaction
from imagegen_nb.core.atomic_files import user_path
from imagegen_nb.core.filenames import slug
from imagegen_nb.core.variables import TAG
from imagegen_nb.core.words import stopped
from imagegen_nb.errors import DefinitionError, ImagegenError
from imagegen_nb.runs.run import Run
from imagegen_nb.step.codegen import as_python
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import LARGEST_FILE, StepDefinition
from imagegen_nb.step_file.export import define
from imagegen_nb.step_file.load import load_step
from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.exportable import REFUSALS, Exportable
from imagegen_nb.widgets.parts import Button, Line, Toggle

_ENDING = ".step.json"
_LONGEST_DERIVED = 32
"""Characters of a name after a prompt, before its ending: it stands on a button's line."""
_NOT_IMPORTED = "Nothing was imported."


class Restore(Protocol):
    """Goes back to what was there before, and returns the way forward again."""

    def __call__(self) -> Restore:
        """Go."""
        ...


@dataclass(frozen=True, slots=True)
class ImportExportCallbacks:
    """What it asks for and calls: `current` returns what an export writes now; `on_import` is called with
    what was read, and returns the way back; `read` makes a step of a file's bytes or raises."""

    current: Callable[[], Exportable]
    on_import: Callable[[StepDefinition], Restore]
    read: Callable[[bytes], StepDefinition] = load_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said of an export or import: text of one or more lines, and what one can do next. `later` is
    what is left of it, `folded`, once it no longer speaks of what is shown; an empty one leaves it as it is.
    """

    text: str = ""
    failed: bool = False
    code: str = ""
    later: str = ""
    folded: bool = False
    download: Mapping[str, str] = field(default_factory=dict)
    actions: Mapping[str, Callable[[], Report]] = field(default_factory=dict)


class ImportExport(BaseWidget):
    """Export to a file or as a download, with or without the output; import; *Copy as Python*.

    What an export would write stands below its button. What is imported is a step file, or an image that has
    its step in it; a page sends a long file in parts. A file that is there is not replaced unless somebody
    says so, and an import can be undone.
    """

    scripts = ("shared.js", "entries.js", "clipboard.js", "import_export.js")
    styles = ("base.css", "import_export.css")

    view: traitlets.Dict[str, Any] = traitlets.Dict(read_only=True).tag(unsaved=True)
    told: traitlets.Dict[str, Any] = traitlets.Dict(read_only=True).tag(unsaved=True)

    def __init__(self, callbacks: ImportExportCallbacks, **traits: Any) -> None:
        self._callbacks = callbacks
        self._report = Report()
        self._arrived = bytearray()  # of a file that a page is sending
        self.path, self.message = Line(), Line()
        self.with_output = Toggle(value=True)
        self.export_button = Button(lambda: self._guarded(self._export))
        self._default_name = _default_name(callbacks.current().step)
        super().__init__(**traits)
        for part in (self.path, self.with_output):
            part.observe(self._refresh)
        self.path.observe(self._forget_refusal, "value")
        self.on_msg(self._receive)
        self._refresh()
        self._tell(Report())

    def update(self) -> None:
        """Say what an export writes now. A file without a name is named after the step; what was said about
        a step with problems is over when it has none."""
        if (step := self._callbacks.current().step) is not None:
            if self.message.value in REFUSALS:
                self._tell(Report())
            self._default_name = _default_name(step)
        self._refresh()

    def fold_report(self) -> None:
        """Another run is shown, or the draft has changed: of an export's report one line is left, which says
        what was written where."""
        if later := self._report.later:
            self._tell(Report(text=later, folded=True, download=self._report.download))

    def export_run(self, run: Run, number: int) -> Report:
        """Write a run with its own settings, inputs and output, whatever is in the form. A file that is there
        is asked about, as by the form's own export. Returns what is said here too."""
        target = user_path(_default_name(run.step), DefinitionError)
        exported = Exportable(
            step=run.step, run=run, identifier=self._callbacks.current().identifier, number=number
        )
        report = self._export_to(target, exported)
        self._tell(report)
        return report

    def act(self, label: str) -> Report:
        """Do what the last report offers as `label`; where that is over, nothing. Returns what is said."""
        if label in self._report.actions:
            self._guarded(self._report.actions[label])
        return self._report

    def _export_to(self, target: Path, exported: Exportable, *, replace: bool = False) -> Report:
        replaced = os.path.lexists(target) and not target.is_dir()
        if replaced and not replace:
            free = _free_name(target)
            return _asked(
                target,
                replace=lambda: self._export_to(target, exported, replace=True),
                free=(free, lambda: self._export_to(free, exported)),
            )
        where = "in place of the older" if replaced else "to"
        return self._write(exported, target, where, with_output=True)

    def _forget_refusal(self, _change: object) -> None:
        """What was refused was another name's: with a new one, nothing may write to the old one any more."""
        if self.told["failed"] and self.message.value not in REFUSALS:
            self._tell(Report())

    def _guarded(self, action: Callable[[], Report]) -> None:
        """Say what the action did or why it failed: an exception in a callback would show nowhere."""
        try:
            told = action()
        except (ImagegenError, OSError) as error:
            told = Report(text=str(error), failed=True)
        self._tell(told)

    def _tell(self, told: Report) -> None:
        self._report = told
        self.message.value = told.text
        view = {
            "text": told.text,
            "failed": told.failed,
            "folded": told.folded,
            "code": told.code,
            "download": dict(told.download),
            "actions": list(told.actions),
        }
        self.set_trait("told", view)

    def _export(self, name: str = "", *, replace: bool = False) -> Report:
        current = self._callbacks.current()
        if current.step is None:
            return Report(text=current.refusal, failed=True)
        target = user_path(name or self._file_name(current.step), DefinitionError)
        replaced = os.path.lexists(target) and not target.is_dir()
        if replaced and not replace:
            free = _free_name(target)
            return _asked(
                target,
                replace=lambda: self._export(str(target), replace=True),
                free=(free, lambda: self._export_as(free)),
            )
        where = "in place of the older" if replaced else "to"
        return self._write(current, target, where, with_output=self.with_output.value)

    def _write(self, exported: Exportable, target: Path, where: str, *, with_output: bool) -> Report:
        assert exported.step is not None
        wanted = exported.run if with_output else None
        inputs = None if wanted else exported.inputs
        defined = define(exported.step, run=wanted, identifier=exported.identifier, inputs=inputs)
        saved = defined.save(target, overwrite=True)
        # The file's own bytes: the download cannot differ from what was saved.
        data = b64encode(saved.path.read_bytes()).decode()
        said = exported.saved(f"{where} {saved.path.name}", with_output=with_output)
        lines = [said, *(f"Note: {stopped(note)}" for note in saved.notes)]
        return Report(
            text="\n".join(redaction.visible(line) for line in lines),
            later=redaction.visible(f"Earlier export: {exported.name(with_output)} in {saved.path.name}."),
            download={"name": saved.path.name, "data": data},
        )

    def _file_name(self, step: ImageGenerationStep) -> str:
        """What the file is named: what was typed, with an ending where it has none, which then stands in the
        field too; or after the step. A folder is left as it is, and told of."""
        typed = self.path.value.strip()
        if not typed:
            return _default_name(step)
        if not typed.lower().endswith(".json") and not user_path(typed, DefinitionError).is_dir():
            typed = f"{typed}{_ENDING}"
        self.path.value = typed
        return typed

    def _export_as(self, target: Path) -> Report:
        told = self._export(str(target))
        # A name that was only proposed goes on following the step.
        if not told.failed and self.path.value.strip():
            self.path.value = str(target)
        return told

    def _import(self, name: str, data: bytes | None) -> Report:
        if data is None:
            raise DefinitionError(
                f"{_NOT_IMPORTED} {name} is too large: a step file has at most {LARGEST_FILE:,} bytes, an "
                f"image {images.LARGEST_FILE:,}"
            )
        try:
            definition = self._callbacks.read(data)
        except DefinitionError as error:
            told = str(error)  # of bytes, which have no name
            if told.startswith("the file "):
                told = told.replace("the file", name, 1)
            else:
                told = f"What is wrong in {name}:\n{told}" if "\n" in told else f"{name}: {told}"
            raise DefinitionError(f"{_NOT_IMPORTED} {told}") from None
        restore = self._callbacks.on_import(definition)
        return Report(
            text="\n".join([f"Imported {name}", *definition.changes]),
            actions={"Undo the import": lambda: _undo(name, restore)},
        )

    def _take_part(self, name: str, start: int, size: int, part: bytes) -> None:
        """A part of a file whose whole has `size` bytes: the last one makes it an import."""
        if start == 0:
            self._arrived.clear()
        if start != len(self._arrived) or size > images.LARGEST_FILE or start + len(part) > size:
            return  # of another page's file, or of none that the page's own script sends
        self._arrived += part
        if len(self._arrived) == size:
            data = bytes(self._arrived)
            self._arrived.clear()
            self._guarded(lambda: self._import(name, data))

    def _code(self) -> str | None:
        """The step as Python, shown as well as copied."""
        if (current := self._callbacks.current()).step is None:
            self._tell(Report(text=current.refusal, failed=True))
            return None
        code = as_python(current.step)
        self._tell(Report(code=code))
        return code

    def _refresh(self, _change: object = None) -> None:
        view = {
            "path": self.path.value,
            "default": self._default_name,
            "with_output": self.with_output.value,
            "output_label": self._callbacks.current().output_label,
            "promise": self._callbacks.current().promise(with_output=self.with_output.value),
            "largest": LARGEST_FILE,
            "largest_image": images.LARGEST_FILE,
        }
        self.set_trait("view", view)

    def _receive(self, _widget: object, content: object, buffers: list[Any]) -> None:
        match content:
            case {"type": "entry", "key": "path", "value": str(path)}:
                self.path.value = path
                self._answer_entry(content)
            case {"type": "entry", "key": "with_output", "value": bool(wanted)}:
                self.with_output.value = wanted
                self._answer_entry(content)
            case {"type": "export"}:
                self.export_button.click()
            case {"type": "press"}:
                self.send({"type": "text", "text": self._code()})
            case {"type": "action", "label": str(label)}:
                self.act(label)
            case {"type": "file", "name": str(name)}:
                data = bytes(buffers[0]) if buffers else None
                self._guarded(lambda: self._import(name, data))
            case {"type": "part", "name": str(name), "start": int(start), "size": int(size)} if buffers:
                self._take_part(name, start, size, bytes(buffers[0]))

    def __repr__(self) -> str:
        return "Export and import (run this cell to see it live)"


def _asked(target: Path, replace: Callable[[], Report], free: tuple[Path, Callable[[], Report]]) -> Report:
    """A file is never replaced in silence: offer to, or another name that is free."""
    other, save = free
    return Report(
        text=f"{target.name} is there already. Nothing was written.",
        failed=True,
        actions={f"Replace {target.name}": replace, f"Save as {other.name}": save},
    )


def _undo(name: str, restore: Restore) -> Report:
    redo = restore()
    return Report(
        text=f"The import of {name} was undone",
        actions={"Import it again": lambda: _again(name, redo)},
    )


def _again(name: str, redo: Restore) -> Report:
    restore = redo()
    return Report(text=f"Imported {name}", actions={"Undo the import": lambda: _undo(name, restore)})


def _default_name(step: ImageGenerationStep | None) -> str:
    """The name of a file that was given none: after the step's own, or the first words of its prompt."""
    if step is None or step.name:
        return f"{slug((step and step.name) or '')}{_ENDING}"
    words = slug(TAG.sub(lambda tag: " " if "." in tag[1] else tag[0], step.prompt))
    if len(words) > _LONGEST_DERIVED:
        words = words[: _LONGEST_DERIVED + 1].rpartition("-")[0] or words[:_LONGEST_DERIVED]
    return f"{words}{_ENDING}"


def _free_name(target: Path) -> Path:
    """The first of `hero-2.step.json`, `hero-3.step.json`, … that is not there."""
    ending = next((end for end in (_ENDING, target.suffix) if end and target.name.endswith(end)), "")
    stem = target.name.removesuffix(ending)
    names = (target.with_name(f"{stem}-{number}{ending}") for number in count(2))
    return next(name for name in names if not os.path.lexists(name))
