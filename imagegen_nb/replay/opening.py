"""The ways to put a cassette in use: by name in a program, or by the environment for a whole process."""

from __future__ import annotations

import os
from pathlib import Path

from imagegen_nb.core import active_cassette
from imagegen_nb.replay import environment
from imagegen_nb.replay.paths import folder_of
from imagegen_nb.replay.session import Session, Status


def use(name: str, mode: str | None = None, *, against: str | None = None) -> Session:
    """The cassette `name`, in use inside a `with` block (or from `open()` to `close()`).

        with replay.use("hero"):
            run = step.run(workspace=workspace)

    `mode` is `none` (replay, the default: a call that is not recorded raises `RecordingMissing`, and
    nothing reaches the network), `once` (record where there is no cassette yet) or `all` (record anew);
    IMAGEGEN_NB_RECORD says it for programs that do not. `against` is `live`, `emulator` or the address of
    a served emulator, and while recording overrules the workspace; by default the workspace says it.
    Raises `ReplayError`.
    """
    backend, emulator_url = environment.against(against)
    return Session(folder_of(name), environment.mode(mode), against=backend, emulator_url=emulator_url)


def use_environment() -> Session | None:
    """Put the cassette in use whose folder IMAGEGEN_NB_CASSETTE names; None where it names none.

    Called at the first run of such a process. Raises `ReplayError`.
    """
    told = os.environ.get(active_cassette.CASSETTE_VARIABLE)
    if not told:
        return None
    backend, emulator_url = environment.against(None)
    folder = Path(told).expanduser().absolute()
    return Session(folder, environment.mode(None), against=backend, emulator_url=emulator_url).open()


def status() -> Status | None:
    """The cassette in use: what it was recorded against, when and with what; None where there is none."""
    used = active_cassette.current()
    return used.status if isinstance(used, Session) else None
