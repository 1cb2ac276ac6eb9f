"""Makes the plain ipywidgets of a form, with as few models as possible: each costs room in a saved notebook.

A widget usually brings a layout and a style of its own, two thirds of all models. The widgets of one form
share them. So a widget is hidden, sized or coloured by a CSS class of `form.css`, never by its layout.
"""

from __future__ import annotations

from typing import Any

import ipywidgets

from imagegen_nb.widgets.page_threads import delivered

_LABEL_WIDTH = "180px"


class WidgetFactory:
    """Makes the widgets of one form; `classes` are CSS classes, separated by spaces."""

    def __init__(self) -> None:
        self.layout = ipywidgets.Layout()
        self._labelled_layout = ipywidgets.Layout(width="auto", max_width="560px")
        self._styles: dict[tuple[type, str], Any] = {}

    def make(self, kind: type, classes: str = "", **traits: Any) -> Any:
        """A widget of `kind` with `classes`."""
        return self._make(kind, classes, "", {"layout": self.layout, **traits})

    def make_labelled(self, kind: type, label: str, classes: str = "", **traits: Any) -> Any:
        """A control with its label in a column beside it."""
        traits |= {"layout": self._labelled_layout, "description": label}
        return self._make(kind, classes, _LABEL_WIDTH, traits)

    def _make(self, kind: Any, classes: str, label_width: str, traits: dict[str, Any]) -> Any:
        if style := kind.class_traits().get("style"):
            shared = (style.klass, label_width)
            if shared not in self._styles:
                traits_of_style = {"description_width": label_width} if label_width else {}
                self._styles[shared] = style.klass(**traits_of_style)
            traits["style"] = self._styles[shared]
        # Given now and not added later, which would be a message for each.
        return delivered(kind)(_dom_classes=tuple(classes.split()), **traits)

    def close(self) -> None:
        """Close what the widgets shared."""
        for shared in (self.layout, self._labelled_layout, *self._styles.values()):
            shared.close()


def set_visible(widget: Any, visible: bool) -> None:
    """Show or hide a widget."""
    (widget.remove_class if visible else widget.add_class)("ig-hidden")


def update_traits(widget: Any, **traits: Any) -> None:
    """Set those traits that differ: every assignment of a trait is a message to the page."""
    for name, value in traits.items():
        if getattr(widget, name) != value:
            setattr(widget, name, value)
