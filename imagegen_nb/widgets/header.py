"""The top of the form: title, Run and Cancel, progress, status, whose key pays, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import traitlets

from imagegen_nb.core.words import counted
from imagegen_nb.widgets.base import BaseWidget
from imagegen_nb.widgets.held_updates import HeldUpdates
from imagegen_nb.widgets.parts import Button, Line, Progress


class Header(BaseWidget):
    """Title, Run, Cancel, progress, status, notice, payer and cost: `parts` that one widget draws.

    While something runs, the page counts its seconds. The notice tells what was done to the form, with a
    button for what one can do next; it stays until there is another one, or somebody closes it. Once
    somebody goes on with the form, only its button is left.
    """

    scripts = ("shared.js", "header.js")
    styles = ("base.css", "header.css")

    view: traitlets.Dict[str, Any] = traitlets.Dict(read_only=True).tag(unsaved=True)

    def __init__(self, on_run: Callable[[], object], on_cancel: Callable[[], object], **traits: Any) -> None:
        self.title, self.status, self.cost = Line(), Line(), Line()
        self.payer, self._key_found = Line(), True
        self.run = Button(on_run, label="Run")
        self.cancel = Button(on_cancel, label="Cancel", disabled=True)
        self.progress = Progress()
        self._started: float | None = None
        self.notice, self._next = Line(), Button(self._do_next)
        self._more = Button(lambda: self._on_more())
        self._on_more: Callable[[], object] = lambda: None
        self._download: Mapping[str, str] = {}
        self._on_next: Callable[[], object] = lambda: None
        self._later = ""
        self._offer = 0  # a number for what the notice offers now
        self._updates = HeldUpdates(self._refresh)
        super().__init__(**traits)
        lines = (self.title, self.status, self.cost, self.payer, self.notice)
        for part in (*lines, self.run, self.cancel, self.progress, self._next, self._more):
            part.observe(self._refresh)
        self.on_msg(self._receive)
        self._refresh()

    def show_title(self, title: str) -> None:
        """Show the step's name."""
        self.title.value = title

    def show_payer(self, line: str, *, key_found: bool) -> None:
        """Say whose key pays, and whether it was found; the key itself is never shown."""
        with self._updates.hold():
            self._key_found = key_found
            self.payer.value = line

    def show_cost(self, line: str) -> None:
        """Say what a run would cost; an empty line takes no room."""
        self.cost.value = line

    def show_ready(self, untouched: Sequence[str] = (), wrong: Sequence[str] = ()) -> None:
        """Enable Run, or name the fields that keep the step from running."""
        with self._updates.hold():
            self.show_status(self.allow_run(untouched, wrong))

    def allow_run(self, untouched: Sequence[str] = (), wrong: Sequence[str] = ()) -> str:
        """Enable Run, or disable it while fields are to be filled in (`untouched`) or fixed (`wrong`);
        returns what is to be said of them, by their labels."""
        told = (("To fill in", untouched), ("To fix", wrong))
        message = " · ".join(f"{what}: {', '.join(labels)}" for what, labels in told if labels)
        with self._updates.hold():
            self.run.disabled = bool(message)
            self.run.tooltip = f"{message or 'Run this step'} (Ctrl+Enter)"
        return message

    def page_opened(self) -> None:
        """Say anew for how long the run has been going on."""
        self._refresh()

    def show_started(self, requested: int, waiting: int = 0) -> None:
        """A run begins: its seconds are counted from now."""
        with self._updates.hold():
            self._started = time.monotonic()
            self.show_running(0, requested, waiting)

    def show_running(self, count: int, requested: int, waiting: int = 0) -> None:
        """A run is under way, and `count` of its images have arrived; `waiting` other runs are behind it."""
        behind = f" · {waiting} waiting" if waiting else ""
        with self._updates.hold():
            self._started = time.monotonic() if self._started is None else self._started
            self.cancel.disabled = False
            self.cancel.label = "Cancel all" if waiting else "Cancel"
            self.progress.max = max(requested, 1)
            self.progress.value = count
            self.show_status(f"running: {count} of {counted(requested, 'image')}{behind}")

    def show_waiting(self, seconds: float, reason: str) -> None:
        """Show for how long the run waits, and why."""
        self.show_status(f"waiting {seconds:g} s: {reason}")

    def show_finished(self, status: str, untouched: Sequence[str] = (), wrong: Sequence[str] = ()) -> None:
        """The run is over. Fields may be `wrong` by now: settings can be changed while it runs."""
        with self._updates.hold():
            self._started = None
            self.cancel.disabled = True
            self.cancel.label = "Cancel"
            self.show_ready(untouched, wrong)
            if status:
                self.show_status(status)

    def show_status(self, text: str) -> None:
        """Put `text` into the status line, which screen readers announce."""
        self.status.value = text

    def show_notice(
        self, text: str, label: str = "", act: Callable[[], object] = lambda: None, *, later: str = ""
    ) -> None:
        """Tell what was done to the form, with a button `label` that calls `act`; `later` is the button's
        label once it stands alone."""
        with self._updates.hold():
            self.notice.value = text
            self._next.label, self._on_next, self._later = label, act, later
            self._more.label, self._download = "", {}
            self._offer += 1

    def show_report(
        self,
        text: str,
        actions: Sequence[tuple[str, Callable[[], object]]] = (),
        download: Mapping[str, str] | None = None,
    ) -> None:
        """Tell what was exported, a line each, with a link to `download` its `data` (base64) as `name`, or
        ask what to do, with at most two `actions`."""
        with self._updates.hold():
            first, second = [*actions, ("", lambda: None), ("", lambda: None)][:2]
            self.show_notice(text, *first)
            self._more.label, self._on_more = second
            self._download = dict(download or {})

    def shrink_notice(self) -> None:
        """Take away what the notice says, which is over; what it offered can still be done."""
        if self.notice.value:
            offer = self._offer
            with self._updates.hold():
                self.show_notice("", self._later, self._on_next)
                self._offer = offer  # its button does what it did

    def _do_next(self) -> None:
        self._on_next()

    def _refresh(self, _change: object = None) -> None:
        with self._updates.lock:
            if not self._updates.held:
                self.set_trait("view", self._view())

    def _view(self) -> dict[str, Any]:
        return {
            "title": self.title.value,
            "status": self.status.value,
            "payer": self.payer.value,
            "key_found": self._key_found,
            "cost": self.cost.value,
            "run": {"disabled": self.run.disabled, "label": self.run.label, "tooltip": self.run.tooltip},
            "cancel": {"disabled": self.cancel.disabled, "label": self.cancel.label},
            "notice": {"text": self.notice.value, "label": self._next.label},
            "offer": self._offer,
            "more": self._more.label,
            "download": dict(self._download),
            "elapsed": None if self._started is None else time.monotonic() - self._started,
            "count": self.progress.value,
            "requested": self.progress.max,
        }

    def _receive(self, _widget: object, content: object, _buffers: object) -> None:
        match content:
            case {"type": "run"}:
                self.run.click()
            case {"type": "cancel"}:
                self.cancel.click()
            # What is answered may be over, and another notice be there that the page did not show yet.
            case {"type": "next" | "more" | "dismiss", "offer": int(offer)} if offer != self._offer:
                pass
            case {"type": "next"} if self._next.label:
                self._next.click()
            case {"type": "more"} if self._more.label:
                self._more.click()
            case {"type": "dismiss"}:
                self.show_notice("")

    def __repr__(self) -> str:
        return f"{self.title.value or 'Header'} (run this cell to see it live)"
