"""Who wants to know of a change that is made elsewhere: open views, told without being kept alive."""

from __future__ import annotations

import weakref
from collections.abc import Callable


class Listeners:
    """Methods that are called at each change, as long as their objects live."""

    def __init__(self) -> None:
        self._methods: list[weakref.WeakMethod[Callable[[], object]]] = []

    def add(self, method: Callable[[], object]) -> None:
        """Call this bound method from now on."""
        self._methods = [one for one in self._methods if one() is not None]
        self._methods.append(weakref.WeakMethod(method))

    def tell(self) -> None:
        """There was a change."""
        for reference in self._methods:
            if (method := reference()) is not None:
                method()
