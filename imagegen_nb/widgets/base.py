"""The base of all anywidgets here: the page fetches a widget's script from the kernel.

When a front-end saves a notebook, it stores the whole state of each widget, script included. A script that
is not part of the state does not fill the file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from imagegen_nb.core.html_repr import html_output
from imagegen_nb.widgets import edits
from imagegen_nb.widgets.page_threads import Delivered

_ASSETS = Path(__file__).parent / "assets"
_LONGEST_NAME = 64  # characters of what a page calls an entry


def _minified(script: str) -> str:
    """The script without indentation and comment lines: every saved widget repeats the one it keeps, and each
    page that shows a widget waits for the others."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


class BaseWidget(Delivered, anywidget.AnyWidget):
    """A widget made of `scripts` and `styles`: files in `assets/`, each building on those before it.

    The last script has anywidget's `render({ model, el })`. Once the widget is drawn, its element in the page
    has the class `ig-live`.

    A trait tagged `unsaved=True` is read by the page but not part of the synced state, so it is not saved: it
    is sent together with the script, and again when it changes. Use it for lists of images or paths.
    """

    _esm = _minified((_ASSETS / "bootstrap.js").read_text(encoding="utf-8"))

    scripts: ClassVar[tuple[str, ...]] = ()
    styles: ClassVar[tuple[str, ...]] = ()

    opened = False
    """Whether a page has asked for the script; before that nobody needs to be told of changes."""

    def __init__(self, classes: str = "", **traits: Any) -> None:
        # Given now and not added later, which would be a message for each.
        super().__init__(_dom_classes=tuple(classes.split()), **traits)
        self.on_msg(self._on_message)
        if names := self.trait_names(unsaved=True):
            self.observe(self._send_change, names)

    def _repr_mimebundle_(self, **kwargs: dict[Any, Any]) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle and (with_html(bundle[0], repr(self)), bundle[1])

    def page_values(self) -> dict[str, Any]:
        """What is sent along with the script: the traits that are not saved."""
        return {name: getattr(self, name) for name in self.trait_names(unsaved=True)}

    def page_opened(self) -> None:
        """Called whenever a page asks for the script, which means that it shows the widget."""

    def _answer_entry(self, content: object, **what_became_of_it: Any) -> None:
        """Say that an entry has arrived: until then a page takes what comes for older than its field."""
        match content:
            case {"entry": str(entry)} if len(entry) <= _LONGEST_NAME:
                self.send({"type": "entered", "entry": entry, **what_became_of_it})

    def close(self) -> None:
        """Close the widget and its layout."""
        self.layout.close()
        super().close()

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        if isinstance(content, dict) and content.get("type") == "script":
            self.page_opened()
            self.opened = True
            sources = {"script": _joined(self.scripts), "style": _joined(("colours.css", *self.styles))}
            self.send({"type": "script", **sources, "values": self.page_values()})

    def _send_change(self, change: dict[str, Any]) -> None:
        if self.opened:
            self.send({"type": "values", "values": {change["name"]: change["new"]}})


class EntryWidget(BaseWidget):
    """A widget with a text `value` that somebody enters. `problem` says what is wrong with it, `lines` are
    the texts below it: `help`, `hint`, `note`. `fixes` are buttons there, each a dict of its `label` and the
    `value` that it enters."""

    # Without echo: an echo that arrives while somebody types would be older than the field's text.
    value = traitlets.Unicode().tag(sync=True, echo_update=False)
    problem = traitlets.Unicode().tag(unsaved=True)
    fixes: traitlets.List[Any] = traitlets.List(traitlets.Dict()).tag(unsaved=True)
    lines: traitlets.Dict[str, str] = traitlets.Dict().tag(unsaved=True)
    visible = traitlets.Bool(True).tag(unsaved=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._receive)

    def _receive(self, _widget: object, content: object, _buffers: object) -> None:
        match content:
            case {"type": "entry", "value": str(value)}:
                with edits.one_at_a_time:
                    self.set_state({"value": value})  # which sends it back to nobody
                    self._answer_entry(content, value=self.value)


def with_html(data: dict[str, Any], text: str) -> dict[str, Any]:
    """A widget's message with `text` as HTML too: without a kernel, VS Code shows that instead."""
    return {**data, "text/html": html_output(escape(text))}


@cache
def _joined(names: tuple[str, ...]) -> str:
    return "\n".join(_minified((_ASSETS / name).read_text(encoding="utf-8")) for name in names)


class DisplayProbe(BaseWidget):
    """An invisible widget that calls `on_display` whenever a page shows it. It brings the form's style, lets
    Ctrl+Enter press the form's Run, keeps the focus in the form, and what is pointed at under the pointer."""

    scripts = ("shared.js", "kernel_gone.js", "tab_panels.js", "steady_pointer.js", "display_probe.js")
    styles = ("base.css", "form.css", "kernel_gone.css")

    def __init__(self, on_display: Callable[[], object], **traits: Any) -> None:
        self._on_display = on_display
        super().__init__(**traits)

    def page_opened(self) -> None:
        """Pass it on."""
        self._on_display()

    def focus(self, css_class: str) -> None:
        """Put the focus into the first control below this class, once it is drawn."""
        self.send({"type": "focus", "class": css_class})
