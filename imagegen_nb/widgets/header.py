"""The form's head: title, Run and Cancel, how far it is, and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets

from imagegen_nb.widgets.assign import assign


class Header(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is not typed
    """Title, Run, Cancel, progress and status. `run` and `cancel` are called on a click."""

    def __init__(self, run: Callable[[], None], cancel: Callable[[], None]) -> None:
        self.title = ipywidgets.HTML()
        self.run = ipywidgets.Button(description="Run", button_style="primary", icon="play")
        self.cancel = ipywidgets.Button(description="Cancel", icon="stop", disabled=True)
        self.progress = ipywidgets.IntProgress(value=0, min=0, max=1, layout=ipywidgets.Layout(width="160px"))
        self.progress.layout.display = "none"
        self.status = ipywidgets.HTML()
        self.key = ipywidgets.HTML()
        self.run.add_class("ig-run")
        self.cancel.add_class("ig-cancel")
        self.progress.add_class("ig-progress")
        self.run.on_click(lambda _: run())
        self.cancel.on_click(lambda _: cancel())
        row = ipywidgets.HBox([self.run, self.cancel, self.progress, self.status])
        row.add_class("ig-actions")
        super().__init__([self.title, row, self.key])
        self.add_class("ig-header")
        self.say("")

    def name(self, title: str) -> None:
        """Show the step's name."""
        assign(self.title, value=f'<h3 class="ig-title">{escape(title)}</h3>')

    def pays(self, line: str, *, found: bool) -> None:
        """Say whose key pays, and whether it was found; the key itself is never shown."""
        mark = "ig-hint" if found else "ig-problem"
        assign(self.key, value=f'<div class="ig-key {mark}">{escape(line)}</div>')

    def ready(self, problems: int) -> None:
        """Let the step be run, or say what keeps it from being run."""
        assign(self.run, disabled=bool(problems))
        plural = "" if problems == 1 else "s"
        told = (
            f"{problems} problem{plural} below {'keeps' if problems == 1 else 'keep'} the step from running"
        )
        assign(self.run, tooltip=told if problems else "Run this step")
        self.say(told if problems else "")

    def running(self, requested: int) -> None:
        """A run is under way."""
        assign(self.run, disabled=True)
        assign(self.cancel, disabled=False)
        self.progress.max = max(requested, 1)
        self.progress.value = 0
        self.progress.layout.display = None
        self.say(f"running: 0 of {requested} images")

    def arrived(self, count: int, requested: int) -> None:
        """So many images have arrived."""
        assign(self.progress, value=count)
        self.say(f"running: {count} of {requested} images")

    def finished(self, told: str) -> None:
        """The run is over."""
        assign(self.cancel, disabled=True)
        self.progress.layout.display = "none"
        assign(self.run, disabled=False)
        self.say(told)

    def say(self, text: str) -> None:
        """Put `text` into the status line, which screen readers announce."""
        assign(self.status, value=f'<span class="ig-status" role="status">{escape(text)}</span>')
