"""Assignment that costs nothing when nothing changes: every change of a trait is a message to the page."""

from __future__ import annotations

from typing import Any


def assign(widget: Any, **traits: Any) -> None:
    """Set those of `traits` that differ from what the widget has."""
    for name, value in traits.items():
        if getattr(widget, name) != value:
            setattr(widget, name, value)
