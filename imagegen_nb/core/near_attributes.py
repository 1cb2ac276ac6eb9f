"""Misspelt attributes are answered with the nearest there is: notebooks show no hint of Python's own."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel


class UnknownAttribute(AttributeError):
    """An attribute that is not there. What was meant is looked for only where somebody reads the error:
    `hasattr` raises one too."""

    def __init__(self, owner: object, name: str) -> None:
        super().__init__(f"{type(owner).__name__!r} object has no attribute {name!r}")
        self._owner = owner
        self._wanted = name

    def __str__(self) -> str:
        close = difflib.get_close_matches(self._wanted, _names_of(self._owner), n=1)
        return f"{self.args[0]}{f': did you mean {close[0]}?' if close else ''}"

    def __reduce__(self) -> tuple[Any, ...]:
        return AttributeError, (str(self),)


class NearAttributes:
    """A class whose objects name the nearest attribute where one is not there."""

    __slots__ = ()

    if not TYPE_CHECKING:  # a checker would take every name for one that there is

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("_") and not hasattr(type(self), name):
                raise UnknownAttribute(self, name)
            if isinstance(self, BaseModel):  # it has private attributes of its own
                return super().__getattr__(name)
            return object.__getattribute__(self, name)  # raises what a property raised


def _names_of(owner: object) -> list[str]:
    hidden = set(dir(BaseModel)) if isinstance(owner, BaseModel) else set()
    names = {*dir(type(owner)), *getattr(owner, "__dict__", ())}
    return sorted(name for name in names if not name.startswith("_") and name not in hidden)
