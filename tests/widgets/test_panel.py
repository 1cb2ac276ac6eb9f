"""All parts of a form together: order, errors, previews, and closing."""

from __future__ import annotations

import pytest
from ipywidgets import Box
from ipywidgets.widgets.widget import _instances

from imagegen_nb.errors import ProviderFault
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.draft_inputs import DraftInputs
from imagegen_nb.widgets.exportable import Exportable
from imagegen_nb.widgets.form_state import Draft, FormState
from imagegen_nb.widgets.panel import Panel, PanelCallbacks, _parts

FIELDS = FormState.of(Draft.of(ImageGenerationStep(prompt="a {{thing}}"))).fields


def nothing(*_: object) -> None:
    """What the form would do."""


CALLBACKS = PanelCallbacks(
    on_entry=nothing,
    on_input=nothing,
    on_run=nothing,
    on_cancel=nothing,
    on_import=lambda definition: nothing,
    current=Exportable,
)


@pytest.fixture
def panel():
    panel = Panel(CALLBACKS, FIELDS, DraftInputs({}))
    yield panel
    panel.close()


def test_the_model_stands_first_and_the_test_values_below_the_prompt(panel):
    panel.show(FIELDS, [{"path": "thing"}])
    what, how, transfer = panel.settings.children
    assert list(panel.fields)[:3] == ["model", "name", "prompt"]
    assert what.children == (
        panel.fields.widgets["model"],
        panel.fields["prompt"].control,
        panel.inputs.widget,
    )
    assert how.children == (panel.fields["image_size"].control, panel.fields.widgets["image_count"])
    assert transfer is panel.import_export
    assert [variable["path"] for variable in panel.fields["prompt"].control.variables] == ["thing"]


def test_nothing_is_laid_out_anew_while_somebody_works(panel):
    """A box redraws what stands below a new row: the caret and the undo history would be lost."""
    boxes = [box for box in _boxes(panel) if box is not panel.inputs.widget]
    before = [box.children for box in boxes]
    for entries in (
        {"image_output_format": "jpeg", "image_background": "transparent"},
        {"model": "grok-imagine-image"},
        {"prompt": None, "image_count": "2.7"},
        {"model": "gemini-2.5-flash-image", "charge_type": "personal"},
    ):
        draft = Draft()
        for key, value in entries.items():
            draft = draft.changed(key, value)
        panel.show(FormState.of(draft).fields, [])
    assert [box.children for box in boxes] == before


def _boxes(panel):
    return [part for top in panel.widgets for part in _parts(top) if isinstance(part, Box)]


def test_the_choice_of_previews_is_kept_while_they_are_not_offered(panel):
    previews = panel.live_previews
    previews.value = True
    panel.offer_previews(False)
    assert not previews.visible
    panel.offer_previews(True, "Only for one.")
    assert (previews.visible, previews.disabled, previews.view()["hint"]) == (True, True, "Only for one.")
    panel.offer_previews(True)
    assert (previews.visible, previews.disabled, previews.view()["hint"]) == (True, False, "")
    assert previews.value


def test_an_error_is_shown_escaped_and_taken_away(panel):
    panel.show_error(ProviderFault("<b> is wrong", provider="openai"))
    assert "&lt;b&gt; is wrong" in panel.alert.value
    assert "<b>" not in panel.alert.value
    panel.show_error(ValueError())
    assert "ValueError" in panel.alert.value
    panel.show_error(None)
    assert panel.alert.value == ""


@pytest.mark.parametrize("shown", [False, True], ids=["never-shown", "shown"])
def test_closing_closes_every_widget(shown):
    before = set(_instances)
    panel = Panel(CALLBACKS, FIELDS, DraftInputs({}))
    assert len(set(_instances) - before) > 15
    if shown:
        panel.show(FIELDS, [{"path": "thing"}])
    panel.close()
    assert set(_instances) == before
