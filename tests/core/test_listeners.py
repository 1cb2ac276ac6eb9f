"""What is told of a change, and what is not kept alive for it."""

from __future__ import annotations

import gc

from imagegen_nb.core.listeners import Listeners


class View:
    def __init__(self) -> None:
        self.told = 0

    def look(self) -> None:
        self.told += 1


def test_each_view_is_told_as_long_as_it_lives():
    listeners, first, second = Listeners(), View(), View()
    listeners.add(first.look)
    listeners.add(second.look)
    listeners.tell()
    del second
    gc.collect()
    listeners.tell()
    assert first.told == 2
    listeners.add(first.look)
    assert len(listeners._methods) == 2
