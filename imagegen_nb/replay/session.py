"""A cassette in use: opened, recorded into or played from, saved, and closed with nothing left behind."""

from __future__ import annotations

import atexit
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from imagegen_nb.core import active_cassette, user_warnings
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.core.types import Backend
from imagegen_nb.errors import RecordingMissing, ReplayError
from imagegen_nb.providers import catalog
from imagegen_nb.replay import cassette_file, mismatch, selfcheck, writer
from imagegen_nb.replay.cassette_file import About
from imagegen_nb.replay.environment import MODE_VARIABLE, NOTEBOOK_VARIABLE, Mode
from imagegen_nb.replay.recorder import Recorder
from imagegen_nb.replay.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A cassette in use. `recordings` counts what it holds; `unplayed` describes those a replay has not
    asked for yet; `about` says what it was recorded against, when, and with which versions."""

    name: str
    replaying: bool
    about: About
    recordings: int
    unplayed: tuple[str, ...]

    def __repr__(self) -> str:
        doing, plural = "replaying" if self.replaying else "recording", "" if self.recordings == 1 else "s"
        lines = [f"{doing} cassette {self.name!r}: {self.recordings} recording{plural}"]
        if self.about.against:
            lines.append(f"  {self.about}")
        lines += [f"  not played: {what}" for what in self.unplayed]
        return "\n".join(lines)


class Session:
    """One cassette; at most one is in use in a process. As a context manager it is open inside the block.

    `against` says what makes the recordings: `live`, `emulator` (whatever a workspace says), or, left
    out, what each workspace says. `emulator_url` is a served emulator to use instead of the process's own.
    `remedy` is the command that records it, where whoever opens it knows that better.
    """

    def __init__(
        self,
        folder: Path,
        mode: Mode,
        *,
        against: Backend | None = None,
        emulator_url: str = "",
        remedy: str = "",
    ) -> None:
        self.folder = folder
        self.name = folder.name
        self.emulator_url = emulator_url
        self.replaying = mode == "none" or (mode == "once" and cassette_file.exists(folder))
        self.about = About()
        self._against = against
        self._made_by = against
        self._recorder = Recorder((), replaying=self.replaying, settle=self._settle, missing=self._missing)
        self._told = remedy
        self._outer: Session | None = None
        self._checked: set[str] = set()
        self._saved = 0
        self._announced: tuple[str, ...] = ()

    def open(self) -> Self:
        """Put the cassette in use. Raises `ReplayError`, and then nothing has changed.

        In a process that was told its cassette by the environment, that one stays in use instead.
        """
        active_cassette.current()
        used = active_cassette.activate(self)
        if used is not self:
            if os.environ.get(active_cassette.CASSETTE_VARIABLE) and isinstance(used, Session):
                self._outer = used
                return self
            raise ReplayError(
                f"cassette {used.name!r} is in use; close it before you open another (leave its `with` "
                "block, or %cassette off)"
            )
        try:
            if self.replaying:
                self.about, self._recorder.recordings = self._read()
            self._recorder.start()
        except BaseException:
            active_cassette.deactivate(self)
            raise
        self._listen("register")
        return self

    def close(self) -> None:
        """Undo every patch, then save. Raises `ReplayError` for what could not be saved, after all else."""
        if self._outer is not None or active_cassette.current() is not self:
            return
        try:
            self._recorder.stop()
        finally:
            active_cassette.deactivate(self)
            self._listen("unregister")
        try:
            self.save()
        except (OSError, ReplayError) as error:
            problem = explain(error) if isinstance(error, OSError) else str(error)
        else:
            if self.about.refused and not self.replaying:
                raise ReplayError(self._refusals())
            return
        rescued = writer.rescue(self.name, self._recorder.taken(), self._made_by or "emulator")
        raise ReplayError(f"cassette {self.name!r} could not be saved: {problem}. {rescued}")

    def save(self) -> None:
        """Write what has been recorded so far, except what holds a key. Raises OSError."""
        heard, unrecorded = self._recorder.changes, self._recorder.unrecorded
        if self.replaying or heard == self._saved:  # without a call, an older cassette stays as it is
            return
        taken = self._recorder.taken()
        self.about = writer.keep(self.folder, taken, self._made_by or "emulator", unrecorded)
        self._saved = heard

    @property
    def status(self) -> Status:
        """What is in use, and what has become of it so far."""
        if self._outer is not None:
            return self._outer.status
        held = self._recorder.recordings if self.replaying else self._recorder.taken()
        unplayed = self._recorder.unplayed() if self.replaying else []
        return Status(
            name=self.name,
            replaying=self.replaying,
            about=self.about,
            recordings=len(held),
            unplayed=tuple(map(str, unplayed)),
        )

    def backend(self, declared: Backend) -> Backend:
        """What made the recordings, or makes them, for a workspace that declares `declared`."""
        if self.replaying:
            return "live" if self.about.against == "live" else "emulator"
        if self._against == "live" and declared == "emulator":
            raise ReplayError(
                f"cassette {self.name!r} is recorded live, but this workspace is on the emulator: use "
                'Workspace(..., backend="live"), or record against the emulator'
            )
        return self._against or declared

    async def check(self, provider: Any) -> None:
        """Prove once that the requests of `provider` pass the cassette."""
        if provider.name not in self._checked:
            await selfcheck.passes(provider, self)
            self._checked.add(provider.name)

    def _read(self) -> tuple[About, list[Recording]]:
        try:
            if cassette_file.exists(self.folder):
                return cassette_file.read(self.folder)
            beside = sorted(path.parent.name for path in self.folder.parent.glob(f"*/{cassette_file.FILE}"))
            reason = (
                f"there is no cassette {self.name!r} to replay; "
                f"{self.folder.parent.name}/ holds {', '.join(beside) or 'none yet'}"
            )
        except ReplayError as error:
            reason = str(error)
        raise ReplayError(f"{reason}\n  record: {self.remedy}")

    def _settle(self, asked: Backend) -> None:
        """All recordings of a cassette have one origin, so that it can be told of the whole."""
        if self._made_by is None:
            self._made_by = asked
        if self._made_by != asked:
            raise ReplayError(
                f"cassette {self.name!r} is recorded against {self._made_by}, and this call would go to "
                f"{asked}: a cassette holds one kind. Use the same backend for all, or two cassettes"
            )

    def _missing(self, asked: Recording) -> RecordingMissing:
        known = mismatch.explain(asked, self._recorder.recordings, catalog.keys_in_use())
        refused = "".join(f"\n  left out when it was recorded: {place}" for place in self.about.refused)
        return RecordingMissing(
            f"cassette {self.name!r} holds no recording of this call, and nothing was sent\n{known}{refused}"
            f"\n  record: {self.remedy}"
        )

    @property
    def remedy(self) -> str:
        """How to record it, as a command or a line of a program."""
        if self._told:
            return self._told
        notebook = self.about.notebook or os.environ.get(NOTEBOOK_VARIABLE, "")
        if notebook:
            return f"imagegen-nb record {shlex.quote(notebook)} --{self.about.against or 'emulator'}"
        return f'replay.use({self.name!r}, mode="all"), or {MODE_VARIABLE}=all in the environment'

    def _refusals(self) -> str:
        places = "".join(f"\n  {place}" for place in self.about.refused)
        return (
            f"cassette {self.name!r}: not all calls could be recorded; the others are saved{places}\n"
            "Take a key out of the prompt or the inputs, and record again"
        )

    def _listen(self, how: Literal["register", "unregister"]) -> None:
        """Save after each cell, since kernels are killed, and at the end of the process."""
        (atexit.register if how == "register" else atexit.unregister)(self.close)
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if shell is not None and not self.replaying:
            getattr(shell.events, how)("post_run_cell", self._after_cell)

    def _after_cell(self, _result: object = None) -> None:
        try:
            self.save()
        except OSError as error:
            why = f"cassette {self.name!r} is not saved yet: {explain(error)}"
            user_warnings.warn(why, RuntimeWarning)
        if self.about.refused != self._announced:
            self._announced = self.about.refused
            user_warnings.warn(self._refusals(), RuntimeWarning)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self.status)
