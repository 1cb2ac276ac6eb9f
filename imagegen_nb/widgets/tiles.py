"""A choice of tiles, each drawn in its proportions: image sizes, aspect ratios, and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import traitlets

from imagegen_nb.widgets.base import EntryWidget
from imagegen_nb.widgets.form_state import EMPTY_SIZE


class TileOption(TypedDict, total=False):
    """One tile; `value` is needed, `label` defaults to it. `width` and `height` are relative lengths of the
    drawn rectangle (without them a symbol for "auto" is drawn); `hint` is a short line under the label,
    where a `disabled` tile says why."""

    value: str
    label: str
    width: float
    height: float
    disabled: bool
    hint: str


class TileChoice(EntryWidget):
    """Tiles to choose one of: radio buttons in a fieldset, so that arrow keys move between them.

    Traits: `value` ("" is a value like any other, usually the provider's default); `legend`; `options`,
    a list of `TileOption`; `custom` adds a tile with a text field for `WIDTHxHEIGHT`, which also shows a
    `value` that no option has, and `limits` are told beside it; `problem` and `lines` (`help`, `hint`,
    `note`), shown under the tiles; `visible`; `disabled`. Spaces and `×` in a typed size are understood. An
    empty custom field gives `EMPTY` ("x"), which is no size: it must not silently mean the default.
    """

    EMPTY = EMPTY_SIZE

    scripts = ("shared.js", "entries.js", "tiles.js")
    styles = ("base.css", "tiles.css")

    legend = traitlets.Unicode().tag(sync=True)
    options: traitlets.List[Any] = traitlets.List(traitlets.Dict()).tag(unsaved=True)
    custom = traitlets.Bool(False).tag(sync=True)
    limits = traitlets.Unicode().tag(unsaved=True)

    @traitlets.validate("options")
    def _complete(self, proposal: Mapping[str, Any]) -> list[dict[str, Any]]:
        options = [_complete_option(option) for option in proposal["value"]]
        values = [option["value"] for option in options]
        if len(set(values)) < len(values):
            raise traitlets.TraitError(f"two options have the same value: {values}")
        return options

    def __repr__(self) -> str:
        chosen = next((o["label"] for o in self.options if o["value"] == self.value), self.value or "nothing")
        return f"{self.legend or 'Choice'}: {chosen} (run this cell to see it live)"


def _complete_option(option: Mapping[str, Any]) -> dict[str, Any]:
    """The option with every key, as the script reads it."""
    unknown = option.keys() - TileOption.__annotations__.keys()
    if unknown or not isinstance(option.get("value"), str):
        raise traitlets.TraitError(
            "an option has a text `value`, and may have others of "
            f"{list(TileOption.__annotations__)}; got {option}"
        )
    value = option["value"]
    return {
        "value": value,
        "label": str(option.get("label") or value or "Auto"),
        "width": option.get("width") or 0,
        "height": option.get("height") or 0,
        "disabled": bool(option.get("disabled")),
        "hint": str(option.get("hint") or ""),
    }
