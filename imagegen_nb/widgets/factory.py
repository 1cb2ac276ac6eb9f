"""The plain ipywidgets a form is built of, kept few: each of their models costs room in a saved notebook.

A widget usually brings a layout and a style of its own, two thirds of all models. Here those of one form
share them; so nothing is hidden, sized or coloured by a layout, but by a class that the form's sheet knows.
"""

from __future__ import annotations

from typing import Any

import ipywidgets

_HIDDEN = "ig-hidden"
_LABEL = "180px"


class Kit:
    """Makes the widgets of one form; `classes` are names for the sheet, apart by spaces."""

    def __init__(self) -> None:
        self.layout = ipywidgets.Layout()
        self._entry = ipywidgets.Layout(width="auto", max_width="560px")
        self._styles: dict[tuple[type, str], Any] = {}

    def make(self, kind: type, classes: str = "", **traits: Any) -> Any:
        """A widget of `kind` with `classes`."""
        return self._made(kind, classes, "", {"layout": self.layout, **traits})

    def entry(self, kind: type, description: str, classes: str = "", **traits: Any) -> Any:
        """A field with its description in a column beside it."""
        traits |= {"layout": self._entry, "description": description}
        return self._made(kind, classes, _LABEL, traits)

    def _made(self, kind: Any, classes: str, label: str, traits: dict[str, Any]) -> Any:
        if style := kind.class_traits().get("style"):
            known = (style.klass, label)
            if known not in self._styles:
                self._styles[known] = style.klass(**({"description_width": label} if label else {}))
            traits["style"] = self._styles[known]
        widget = kind(**traits)
        for name in classes.split():
            widget.add_class(name)
        return widget

    def close(self) -> None:
        """Let go of what the widgets shared."""
        for shared in (self.layout, self._entry, *self._styles.values()):
            shared.close()


def reveal(widget: Any, visible: bool) -> None:
    """Show or hide a widget."""
    if visible == is_hidden(widget):
        (widget.remove_class if visible else widget.add_class)(_HIDDEN)


def is_hidden(widget: Any) -> bool:
    """Whether `reveal` has hidden it."""
    return _HIDDEN in widget._dom_classes
