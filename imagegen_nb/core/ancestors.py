"""The processes that this one descends from, whatever environment they gave it.

Each is known by its number and its start: a number is used again once its process has ended. A daemon has no
ancestors left, as its parent has ended on purpose.
"""

from __future__ import annotations

import functools
import importlib
import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_MOST = 64
"""Ancestors that are looked at; shells, editors and servers make about ten."""
_LARGEST = 4096
"""Bytes of a process's fields."""
_PARENT, _START = 1, 19
"""Fields of `/proc/<number>/stat` behind the program's name."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process; `started` is empty where the system does not tell it in a file."""

    number: int
    started: str = ""


def this_process() -> Process:
    """This process itself."""
    fields = _fields(os.getpid())
    return Process(os.getpid(), fields[_START] if fields else "")


def ancestors() -> tuple[Process, ...]:
    """The parent of this process, its parent, and so on, as far as the system tells."""
    # A parent that ends makes another one the parent; those further up stay what they were.
    return _ancestors(os.getpid(), os.getppid())


@functools.lru_cache(maxsize=1)
def _ancestors(_process: int, number: int) -> tuple[Process, ...]:
    found: list[Process] = []
    while number > 0 and len(found) < _MOST:
        fields = _fields(number)
        found.append(Process(number, fields[_START] if fields else ""))
        number = int(fields[_PARENT]) if fields else _parent_by_psutil(number)
    return tuple(found)


def _fields(number: int) -> list[str]:
    """The fields of a process behind its name, which may hold anything; empty where they cannot be read."""
    try:
        # pathlib takes several times as long, and this is part of every first run.
        handle = os.open(f"{_PROC}/{number}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        text = os.read(handle, _LARGEST)
    except OSError:
        return []
    finally:
        os.close(handle)
    fields = text.rpartition(b")")[2].decode("latin-1").split()
    return fields if len(fields) > _START and fields[_PARENT].isdecimal() else []


def _parent_by_psutil(number: int) -> int:
    """The parent of a process where there is no `/proc`; 0 where it is not known. ipykernel brings psutil."""
    if _PROC.is_dir():
        return 0
    try:
        psutil = importlib.import_module("psutil")
        return int(psutil.Process(number).ppid())
    except Exception:  # noqa: BLE001 - not installed, or one of its own errors about a process
        return 0
