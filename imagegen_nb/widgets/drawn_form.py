"""A form for hosts that draw anywidgets, but not the boxes and tabs of other widgets.

marimo draws no other widgets at all. In Colab the manager that shows foreign widgets loses tabs.
"""

from __future__ import annotations

import sys
from typing import Any

import traitlets

from imagegen_nb.widgets.base import BaseWidget


class DrawnForm(BaseWidget):
    """Shows `form`, a box of other widgets. Its script finds their models in the page and draws them."""

    scripts = ("shared.js", "drawn_form.js")
    styles = ("base.css", "form.css", "drawn_form.css")

    root = traitlets.Unicode().tag(unsaved=True)

    def __init__(self, form: Any) -> None:
        self._text = repr(form)
        super().__init__(root=form.model_id)

    def __repr__(self) -> str:
        return self._text


def in_colab() -> bool:
    """Whether this kernel is Colab's."""
    return "google.colab.output" in sys.modules
