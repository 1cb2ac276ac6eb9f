"""What a call of the command line gave, for tests of `imagegen_nb.cli`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    def json(self) -> object:
        return json.loads(self.out)


CommandLine = Callable[..., Outcome]
"""Runs `imagegen-nb` with these arguments."""
EMULATED = ("--backend", "THE EMULATOR")
"""Options with which a command uses the tests' emulator; its address is filled in by the fixture `cli`."""
