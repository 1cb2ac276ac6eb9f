"""Widgets whose script the page fetches from the kernel, so that a saved notebook holds none of it.

A front-end stores the whole state of each widget when it saves, its script included. What is not in
the state is not in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import anywidget

_ASSETS = Path(__file__).parent / "assets"


def _bare(script: str) -> str:
    """The script without indentation and comments: it is the part that every saved widget repeats."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


class Live(anywidget.AnyWidget):
    """A widget made of `scripts` and `styles`, files in `assets/`, in the order they build on each other.

    The last script has the `render({ model, el })` of anywidget. The page marks the widget's element with
    the class `ig-live` once it is drawn.

    A trait tagged `page=True` is what the page only reads. It is sent along with the script, and again when
    it changes, instead of being synced: lists of images or paths would fill the file as the script would.
    """

    _esm = _bare((_ASSETS / "loader.js").read_text(encoding="utf-8"))

    scripts: ClassVar[tuple[str, ...]] = ()
    styles: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._asked)
        if names := self.trait_names(page=True):
            self.observe(self._changed, names)

    def shown(self) -> None:
        """Called whenever a page asks for the script: somebody is looking."""

    def close(self) -> None:
        """Let go of the page's side, the layout included."""
        self.layout.close()
        super().close()

    def _asked(self, _widget: object, content: object, _buffers: object) -> None:
        if isinstance(content, dict) and content.get("type") == "script":
            self.shown()
            facts = {name: getattr(self, name) for name in self.trait_names(page=True)}
            sources = {"script": _joined(self.scripts), "style": _joined(self.styles)}
            self.send({"type": "script", **sources, "facts": facts})

    def _changed(self, change: dict[str, Any]) -> None:
        self.send({"type": "facts", "facts": {change["name"]: change["new"]}})


def _joined(names: tuple[str, ...]) -> str:
    return "".join((_ASSETS / name).read_text(encoding="utf-8") for name in names)


class Stage(Live):
    """An invisible widget that tells when a page shows it, by calling `shown`; it brings the form's style."""

    scripts = ("dom.js", "stage.js")
    styles = ("form.css",)

    def __init__(self, shown: Any, **traits: Any) -> None:
        self._tell = shown
        super().__init__(**traits)

    def shown(self) -> None:
        """Pass it on."""
        self._tell()
