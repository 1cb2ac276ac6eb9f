"""A form in marimo, which draws anywidgets only."""

from __future__ import annotations

from typing import Any

import traitlets

from imagegen_nb.widgets.base import BaseWidget


class MarimoForm(BaseWidget):
    """Shows `form`, a box of other widgets, where only anywidgets are drawn.

    Its script finds the models of all widgets in the page and draws them itself.
    """

    scripts = ("shared.js", "marimo_form.js")
    styles = ("base.css", "form.css", "marimo.css")

    root = traitlets.Unicode().tag(unsaved=True)

    def __init__(self, form: Any) -> None:
        super().__init__(root=form.model_id)
