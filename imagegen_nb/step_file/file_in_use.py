"""Who writes to a step file has it alone: what a push learns of the platform stands nowhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagegen_nb.core.file_lock import alone
from imagegen_nb.errors import DefinitionError

_LONGEST_WAIT = 2.0
"""Seconds: another who saves is done long before that."""
_PAUSE = 0.02


@contextmanager
def held(target: Path) -> Iterator[None]:
    """Have the file at `target`, which need not be there yet, alone in this process and among others.

    Raises `DefinitionError` where another has it for longer than a moment, as a push does.
    """
    place = Path(os.path.realpath(target))  # unlike `resolve`, it answers for links in a circle too
    lock, until = place.with_name(f".{place.name}.pushing"), time.monotonic() + _LONGEST_WAIT
    while True:
        with alone(lock) as is_alone:
            if is_alone:
                yield
                return
        if time.monotonic() >= until:
            raise DefinitionError(
                f"{target.name} is being pushed already: wait until that is done, then do this again. What "
                "it says of uploaded images stands nowhere else; nothing was changed"
            )
        time.sleep(_PAUSE)
