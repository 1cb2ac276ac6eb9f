"""A list that is an attribute: who takes it for a method, or asks for what it does not hold, is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from imagegen_nb.core.words import counted
from imagegen_nb.errors import InvalidOption

ItemT = TypeVar("ItemT")


class AttributeList(list[ItemT]):
    """A list of what is one `item`, that stands as `name` in its object: `run.images`."""

    def __init__(self, items: Iterable[ItemT], name: str, item: str) -> None:
        super().__init__(items)
        self._name = name
        self._item = item

    def __getitem__(self, place: Any) -> Any:
        try:
            return super().__getitem__(place)
        except IndexError:
            has = counted(len(self), self._item) if self else f"no {self._item}"
        except TypeError:
            raise InvalidOption(
                f"{self._name}[{place!r}]: give a position, such as {self._name}[0]"
            ) from None
        raise IndexError(f"there is no {self._name}[{place}]: it has {has}")

    def __call__(self, *_values: object, **_more: object) -> Any:
        """Say that it is a list."""
        raise InvalidOption(f"{self._name} is a list: write it without ()")

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)
