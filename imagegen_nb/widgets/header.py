"""The form's head: title, Run and Cancel, how far it is, and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from ipywidgets import HTML, Button, HBox, IntProgress, VBox

from imagegen_nb.widgets.assign import assign
from imagegen_nb.widgets.factory import Kit, reveal


class Header:
    """Title, Run, Cancel, progress and status. `run` and `cancel` are called on a click."""

    def __init__(self, kit: Kit, run: Callable[[], None], cancel: Callable[[], None]) -> None:
        self.title = kit.make(HTML, "ig-head")
        self.run = kit.make(Button, "ig-run", description="Run", button_style="primary", icon="play")
        self.cancel = kit.make(Button, "ig-cancel", description="Cancel", icon="stop", disabled=True)
        self.progress = kit.make(IntProgress, "ig-progress")
        reveal(self.progress, False)
        self.status = kit.make(HTML, "ig-told")
        self.key = kit.make(HTML, "ig-payer")
        self.run.on_click(lambda _: run())
        self.cancel.on_click(lambda _: cancel())
        row = kit.make(HBox, "ig-actions", children=[self.run, self.cancel, self.progress, self.status])
        self.widget = kit.make(VBox, "ig-header", children=[self.title, row, self.key])
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
        reveal(self.progress, True)
        self.say(f"running: 0 of {requested} images")

    def arrived(self, count: int, requested: int) -> None:
        """So many images have arrived."""
        assign(self.progress, value=count)
        self.say(f"running: {count} of {requested} images")

    def waiting(self, seconds: float, reason: str) -> None:
        """The run is held up for so long."""
        self.say(f"waiting {seconds:g} s: {reason}")

    def finished(self, told: str, problems: int) -> None:
        """The run is over; settings may have been changed meanwhile."""
        assign(self.cancel, disabled=True)
        reveal(self.progress, False)
        self.ready(problems)
        if told:
            self.say(told)

    def say(self, text: str) -> None:
        """Put `text` into the status line, which screen readers announce."""
        assign(self.status, value=f'<span class="ig-status" role="status">{escape(text)}</span>')
