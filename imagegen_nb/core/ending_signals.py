"""SIGTERM and SIGHUP, where children or half-written files would outlive a process that just ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """The process was told to end, and does what it does at Ctrl+C; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """As a shell tells it of a process that a signal ended."""
        return 128 + self.number


@contextmanager
def raised() -> Iterator[None]:
    """Raise `Terminated` where the process is told to end within the block; told twice, it ends at once.

    A signal that is ignored, as under nohup, or that the process handles itself, is left alone.
    """
    taken = [number for number in _ENDING if _is_settable() and signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in taken:
            signal.signal(number, _raise)
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def interruption(number: int) -> KeyboardInterrupt:
    """What a signal raises, SIGINT too, for who is told of it in another way."""
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put back the handlers that a loop takes away: one that was added to it leaves the default behind."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING) if _is_settable()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def _is_settable() -> bool:
    """Whether this thread may set handlers: Python lets only the main one."""
    return threading.current_thread() is threading.main_thread()


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    raise Terminated(number)
