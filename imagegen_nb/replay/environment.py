"""The environment variables that choose and set up a cassette for a whole process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast, get_args

from imagegen_nb.core.active_cassette import CASSETTE_VARIABLE
from imagegen_nb.core.addresses import is_loopback
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.types import Backend
from imagegen_nb.errors import ReplayError
from imagegen_nb.providers import catalog
from imagegen_nb.providers.credentials import placeholders
from imagegen_nb.store import relocation

Mode = Literal["none", "once", "all"]
"""`none` replays, `once` records where there is no cassette yet, `all` records anew."""

MODE_VARIABLE = "IMAGEGEN_NB_RECORD"
"""The mode wherever the program names none."""
AGAINST_VARIABLE = "IMAGEGEN_NB_AGAINST"
"""What recordings are made by: `live`, `emulator`, or the address of a served emulator."""
NOTEBOOK_VARIABLE = "IMAGEGEN_NB_NOTEBOOK"
"""The notebook that runs, as its user would name it: for the command that records it again."""


CASSETTE_VARIABLES = (
    *(CASSETTE_VARIABLE, MODE_VARIABLE, AGAINST_VARIABLE, NOTEBOOK_VARIABLE),
    relocation.VARIABLE,
)
"""All that put a process's cassette in use, and the stores that go with it."""


def mode(value: str | None) -> Mode:
    """`value`, or the mode the environment sets, or `none`. Raises `ReplayError`."""
    value = value or os.environ.get(MODE_VARIABLE) or "none"
    if value not in get_args(Mode):
        raise ReplayError(f"mode = {value!r}: use none (replay), once or all (record); see {MODE_VARIABLE}")
    return cast("Mode", value)


def against(value: str | None) -> tuple[Backend | None, str]:
    """The backend that `value` or the environment names, and the address of a served emulator.

    None and an empty address where neither names one. Raises `ReplayError`.
    """
    value = value or os.environ.get(AGAINST_VARIABLE) or ""
    if value == "":
        return None, ""
    if value in get_args(Backend):
        return cast("Backend", value), ""
    if value.startswith("http://") and is_loopback(value):
        return "emulator", value.rstrip("/")
    raise ReplayError(
        f"against = {value!r}: use live, emulator, or the http:// address of an emulator on this machine; "
        f"see {AGAINST_VARIABLE}"
    )


@helpful_calls
def environment_for(
    folder: Path, *, mode: Mode, against: str = "", notebook: str = "", store_root: Path | None = None
) -> Mapping[str, str]:
    """The environment variables that make a process use the cassette in `folder`, and stores of its own below
    `store_root`."""
    optional = {AGAINST_VARIABLE: against, NOTEBOOK_VARIABLE: notebook}
    optional[relocation.VARIABLE] = str(store_root or "")
    variables = {CASSETTE_VARIABLE: str(folder.absolute()), MODE_VARIABLE: mode}
    return variables | {name: value for name, value in optional.items() if value}


def placeholder_keys() -> dict[str, str]:
    """The environment variables that hide every key of this process, each with a placeholder in its place.

    A replay needs no key, and what it runs should not find one.
    """
    return placeholders(provider.key_variable for provider in catalog.providers())
