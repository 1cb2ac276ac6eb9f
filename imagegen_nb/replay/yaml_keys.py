"""Finds keys that stand twice in a YAML mapping: PyYAML takes the last of them without a word."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class _Collection:
    """A list or mapping that is being read."""

    is_mapping: bool
    keys: dict[str, int] = field(default_factory=dict)
    """Those of a mapping, with their lines."""
    value_is_next: bool = False


class RepeatedKeys:
    """Sees a document event by event, so that it costs no second reading. `yaml` is PyYAML."""

    def __init__(self, yaml: Any) -> None:
        self._yaml = yaml
        self._open: list[_Collection] = []

    def see(self, event: Any) -> tuple[str, int, int] | None:
        """A key that was there already in its mapping, with the lines of both; None for all else."""
        yaml = self._yaml
        if isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        if not isinstance(event, yaml.NodeEvent):
            return None
        found = self._key(event) if self._open and self._open[-1].is_mapping else None
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append(_Collection(isinstance(event, yaml.MappingStartEvent)))
        return found

    def _key(self, event: Any) -> tuple[str, int, int] | None:
        mapping = self._open[-1]
        is_key, mapping.value_is_next = not mapping.value_is_next, not mapping.value_is_next
        if not is_key or not isinstance(event, self._yaml.ScalarEvent):
            return None
        line = event.start_mark.line + 1
        if event.value in mapping.keys:
            return event.value, mapping.keys[event.value], line
        mapping.keys[event.value] = line
        return None
