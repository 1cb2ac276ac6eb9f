"""A cassette for a plain test: named after it, replayed offline and without keys, or recorded anew."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any

import pytest

from imagegen_nb.core.active_cassette import CASSETTE_VARIABLE
from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import environment, network_block, paths
from imagegen_nb.replay.session import Session

_LONGEST = 99


@contextmanager
def in_use(item: Any) -> Iterator[Session]:
    """The cassette of one test, in use inside the block. Fails the test where it cannot be used."""
    chosen = item.config.getoption("--imagegen-record")
    try:
        backend, emulator_url = environment.against(chosen)
        session = Session(
            paths.folder_of(_name(item), item.path.parent),
            environment.mode("all" if chosen else None),
            against=backend,
            emulator_url=emulator_url,
            remedy=f"pytest {shlex.quote(item.nodeid)} --imagegen-record=emulator",
        )
        with ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.delenv(CASSETTE_VARIABLE, raising=False)  # here the test says it
            stack.enter_context(session)
            if session.replaying:
                loopback = item.config.getini("imagegen_allow_loopback")
                stack.enter_context(network_block.offline(loopback=loopback))
                for name, value in environment.placeholder_keys().items():
                    patch.setenv(name, value)
            yield session
    except ReplayError as error:
        problem = str(error)
    else:
        return
    pytest.fail(problem, pytrace=False)


def check_played(session: Session) -> None:
    """Fail a test that has passed without a call that was recorded: it is not what was recorded any more."""
    status = session.status
    if status.replaying and status.unplayed:
        lines = "".join(f"\n  {what}" for what in status.unplayed)
        pytest.fail(
            f"cassette {session.name!r} holds recordings that this test did not ask for:{lines}\n"
            f"  record: {session.remedy}",
            pytrace=False,
        )


def shortened(trace: TracebackType | None) -> TracebackType | None:
    """The trace of a replay's error, cut where this package begins: the cause is in the test's own lines."""
    last, frame = None, trace
    while frame is not None and not _of_this_package(frame):
        last, frame = frame, frame.tb_next
    if last is not None:
        last.tb_next = None
    return trace


def _of_this_package(trace: TracebackType) -> bool:
    module: str = trace.tb_frame.f_globals.get("__name__", "")
    return module.startswith("imagegen_nb.") and not module.startswith("imagegen_nb.testing.")


def _name(item: Any) -> str:
    """The cassette's name: readable, and another one for each test of a project and for each parameter."""
    parts = [item.module.__name__, *([item.cls.__name__] if item.cls else []), item.name]
    full_name = ".".join(parts)
    safe_name = re.sub(r"[^A-Za-z0-9._-]+", "-", full_name).strip("-._")
    if safe_name == re.sub(r"\[(.*)\]$", r"-\1", full_name) and len(safe_name) <= _LONGEST:
        return safe_name
    # Two names may become the same one, or be cut off alike.
    return f"{safe_name[: _LONGEST - 9]}-{hashlib.sha256(full_name.encode()).hexdigest()[:8]}"
