"""Loopback servers that speak image providers' wire formats, and the workflow platform's: no key, no cost, no
network.

It imports nothing else of this project, so that what the rest believes about the providers is checked against
an independent account of the same facts. Importing this package loads neither the web framework nor the
imaging library; starting an `Emulator` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagegen_nb.emulator.adapter import provider_names
from imagegen_nb.emulator.faults import Fault
from imagegen_nb.emulator.server import Emulator
from imagegen_nb.emulator.state import LoggedRequest

if TYPE_CHECKING:
    from imagegen_nb.emulator.app import create_app
    from imagegen_nb.emulator.workflow_platform import PlatformEmulator

__all__ = ["Emulator", "Fault", "LoggedRequest", "PlatformEmulator", "create_app", "provider_names"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from imagegen_nb.emulator.app import create_app

        return create_app
    if name == "PlatformEmulator":
        from imagegen_nb.emulator.workflow_platform import PlatformEmulator

        return PlatformEmulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
