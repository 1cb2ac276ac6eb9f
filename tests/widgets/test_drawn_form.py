"""A form in marimo and Colab. What marimo draws of it was looked at by hand: docs/hosts.md."""

from __future__ import annotations

from ipywidgets.widgets.widget import _instances

import imagegen_nb as ig
from imagegen_nb.widgets.drawn_form import DrawnForm


def test_marimo_shows_an_anywidget_that_finds_the_form(workspace):
    form = ig.StepForm(workspace=workspace)
    shown = form._display_()
    assert isinstance(shown, DrawnForm)
    assert shown.root == form.model_id
    assert form._display_() is shown
    assert len(form.children) > 1  # marimo lets no anywidget be made later
    form.close()


def test_what_marimo_showed_is_closed_with_the_form(workspace):
    before = set(_instances)
    form = ig.StepForm(workspace=workspace)
    form._display_()
    form.close()
    assert set(_instances) == before
