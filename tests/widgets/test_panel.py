"""All parts of a form together: order, errors, previews, and closing."""

from __future__ import annotations

import pytest
from ipywidgets.widgets.widget import _instances

from imagegen_nb.errors import ProviderFault
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.draft_inputs import DraftInputs
from imagegen_nb.widgets.form_state import Draft, FormState
from imagegen_nb.widgets.panel import Panel, PanelCallbacks

FIELDS = FormState.of(Draft.of(ImageGenerationStep(prompt="a {{thing}}"))).fields


def nothing(*_: object) -> None:
    """What the form would do."""


CALLBACKS = PanelCallbacks(
    on_entry=nothing,
    on_input=nothing,
    on_run=nothing,
    on_cancel=nothing,
    on_import=nothing,
    current=lambda: (None, None, None),
)


@pytest.fixture
def panel():
    panel = Panel(CALLBACKS, FIELDS, DraftInputs({}))
    yield panel
    panel.close()


def test_fields_stand_in_order_with_the_test_values_below_the_prompt(panel):
    panel.show(FIELDS, [{"path": "thing"}])
    rows = list(panel.settings.children)
    first_widgets = [field.widgets[0] for field in panel.fields.values()]
    assert [row for row in rows if row in first_widgets] == first_widgets
    assert rows.index(panel.inputs.widget) == rows.index(panel.fields["prompt"].widgets[-1]) + 1
    assert rows[-1] is panel.import_export.widget
    assert [variable["path"] for variable in panel.fields["prompt"].control.variables] == ["thing"]


def test_previews_count_only_while_they_are_offered(panel):
    panel.live_previews.value = True
    assert panel.wants_previews
    panel.offer_previews(False)
    assert not panel.wants_previews
    panel.offer_previews(True)
    assert panel.wants_previews


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
    assert len(set(_instances) - before) > 20
    if shown:
        panel.show(FIELDS, [{"path": "thing"}])
    panel.close()
    assert set(_instances) == before
