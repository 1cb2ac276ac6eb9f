"""The top of the form: title, Run and Cancel, progress, status, and whose key pays."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from ipywidgets import HTML, Button, HBox, IntProgress, VBox

from imagegen_nb.widgets.factory import WidgetFactory, set_visible, update_traits


class Header:
    """Title, Run, Cancel, progress, status and payer."""

    def __init__(
        self, factory: WidgetFactory, on_run: Callable[[], None], on_cancel: Callable[[], None]
    ) -> None:
        self.title = factory.make(HTML)
        self.run = factory.make(Button, "ig-run", description="Run", button_style="primary", icon="play")
        self.cancel = factory.make(Button, "ig-cancel", description="Cancel", icon="stop", disabled=True)
        self.progress = factory.make(IntProgress, "ig-progress")
        set_visible(self.progress, False)
        self.status = factory.make(HTML)
        self.payer = factory.make(HTML)
        self.run.on_click(lambda _: on_run())
        self.cancel.on_click(lambda _: on_cancel())
        row = factory.make(HBox, "ig-actions", children=[self.run, self.cancel, self.progress, self.status])
        self.widget = factory.make(VBox, children=[self.title, row, self.payer])
        self.show_status("")

    def show_title(self, title: str) -> None:
        """Show the step's name."""
        update_traits(self.title, value=f'<h3 class="ig-title">{escape(title)}</h3>')

    def show_payer(self, line: str, *, key_found: bool) -> None:
        """Say whose key pays, and whether it was found; the key itself is never shown."""
        look = "ig-hint" if key_found else "ig-problem"
        update_traits(self.payer, value=f'<div class="ig-key {look}">{escape(line)}</div>')

    def show_ready(self, problems: int) -> None:
        """Enable Run, or say how many problems there are."""
        self.show_status(self.allow_run(problems))

    def allow_run(self, problems: int) -> str:
        """Enable Run, or disable it where there are problems; returns what is to be said of them."""
        update_traits(self.run, disabled=bool(problems))
        plural = "" if problems == 1 else "s"
        verb = "keeps" if problems == 1 else "keep"
        message = f"{problems} problem{plural} below {verb} the step from running" if problems else ""
        update_traits(self.run, tooltip=message or "Run this step")
        return message

    def show_running(self, requested: int) -> None:
        """A run is under way."""
        update_traits(self.cancel, disabled=False)
        self.show_progress(0, requested)

    def show_progress(self, count: int, requested: int, waiting: int = 0) -> None:
        """Show how many images have arrived, and how many runs wait for their turn."""
        update_traits(self.cancel, description="Cancel all" if waiting else "Cancel")
        update_traits(self.progress, max=max(requested, 1), value=count)
        # Nobody knows how far a single request is: until its first image is there, the bar would tell lies.
        set_visible(self.progress, count > 0)
        behind = f" · {waiting} waiting" if waiting else ""
        self.show_status(f"running: {count} of {requested} image{'' if requested == 1 else 's'}{behind}")

    def show_waiting(self, seconds: float, reason: str) -> None:
        """Show for how long the run waits, and why."""
        self.show_status(f"waiting {seconds:g} s: {reason}")

    def show_finished(self, status: str, problems: int) -> None:
        """The run is over. There may be `problems`: settings can be changed while it runs."""
        update_traits(self.cancel, disabled=True, description="Cancel")
        set_visible(self.progress, False)
        self.show_ready(problems)
        if status:
            self.show_status(status)

    def show_status(self, text: str) -> None:
        """Put `text` into the status line, which screen readers announce."""
        update_traits(self.status, value=f'<span class="ig-status" role="status">{escape(text)}</span>')
