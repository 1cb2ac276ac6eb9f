"""The tiles' Python half: options, values, and what is said about them."""

from __future__ import annotations

from typing import Any

import pytest
import traitlets

from imagegen_nb.widgets.tiles import TileChoice


def test_options_are_completed():
    tiles = TileChoice(options=[{"value": ""}, {"value": "16:9", "width": 16, "height": 9, "hint": "wide"}])
    assert tiles.options[0] == {
        "value": "", "label": "Auto", "width": 0, "height": 0, "disabled": False, "hint": "",
    }  # fmt: skip
    assert tiles.options[1]["label"] == "16:9"
    assert (tiles.options[1]["width"], tiles.options[1]["height"]) == (16, 9)


@pytest.mark.parametrize("option", [{}, {"value": 3}, {"value": None}, {"value": "a", "colour": "red"}])
def test_an_option_that_cannot_be_shown_is_refused(option: dict[str, Any]):
    with pytest.raises(traitlets.TraitError, match="an option has a text"):
        TileChoice(options=[option])


def test_values_differ():
    with pytest.raises(traitlets.TraitError, match="same value"):
        TileChoice(options=[{"value": "a"}, {"value": "a", "label": "b"}])


def test_a_value_need_not_be_an_option():
    tiles = TileChoice(options=[{"value": ""}], custom=True, value="640x480")
    assert tiles.value == "640x480"
    tiles.set_state({"value": TileChoice.EMPTY})
    assert tiles.value == "x"


def test_its_limits_are_sent_and_not_saved():
    tiles = TileChoice(options=[{"value": ""}], custom=True, limits="multiples of 16")
    assert tiles.page_values()["limits"] == "multiples of 16"
    assert "limits" not in tiles.get_state()


def test_its_text_names_the_choice():
    tiles = TileChoice(legend="Image Size", options=[{"value": "1:1", "label": "Square"}])
    tiles.value = "1:1"
    assert repr(tiles) == "Image Size: Square (run this cell to see it live)"
    tiles.value = "640x480"
    assert repr(tiles) == "Image Size: 640x480 (run this cell to see it live)"
