"""A cassette in use: chosen by a program or the environment, recorded or replayed, saved, and closed."""

from __future__ import annotations

import atexit
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from imagegen_nb.core import active_cassette, user_warnings
from imagegen_nb.core.active_cassette import CASSETTE_VARIABLE
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.core.keywords import helpful_calls
from imagegen_nb.core.own_files import CASSETTE_FILE
from imagegen_nb.core.types import Backend
from imagegen_nb.core.words import counted
from imagegen_nb.errors import RecordingMissing, ReplayError
from imagegen_nb.providers import catalog
from imagegen_nb.replay import (
    cassette_file,
    environment,
    mismatch,
    output_values,
    paths,
    processes,
    vcr_adapter,
)
from imagegen_nb.replay.cassette_file import About
from imagegen_nb.replay.cassette_writer import CassetteWriter, rescue
from imagegen_nb.replay.environment import MODE_VARIABLE, NOTEBOOK_VARIABLE, Mode
from imagegen_nb.replay.player import Player
from imagegen_nb.replay.recorder import Recorder
from imagegen_nb.replay.recording import Recording
from imagegen_nb.replay.stored_recording import StoredRecording


@helpful_calls
def use(name: str, mode: str | None = None, *, against: str | None = None) -> Session:
    """The cassette `name`, in use inside a `with` block (or from `open()` to `close()`).

        with replay.use("hero"):
            run = step.run(workspace=workspace)

    `mode` is `none` (replay, the default: a call that is not recorded raises `RecordingMissing`, and
    nothing reaches the network), `once` (record where there is no cassette yet) or `all` (record anew);
    IMAGEGEN_NB_RECORD sets it for programs that name no mode. `against` is `live`, `emulator` or the
    address of a served emulator, and while recording overrules the workspace; by default each workspace's
    own backend is recorded. Raises `ReplayError`.
    """
    given: object = name
    if not isinstance(given, str):
        raise ReplayError(
            f'a cassette\'s name is text, not of type {type(given).__name__}: write use("hero")'
        )
    backend, emulator_url = environment.against(against)
    return Session(paths.folder_of(name), environment.mode(mode), against=backend, emulator_url=emulator_url)


@helpful_calls
def use_environment() -> Session | None:
    """Put the cassette in use whose folder IMAGEGEN_NB_CASSETTE names; None where it names none.

    Called at the first run of such a process. Raises `ReplayError`.
    """
    named = os.environ.get(CASSETTE_VARIABLE)
    if not named:
        return _use_that_of_parent()
    backend, emulator_url = environment.against(None)
    folder = Path(named).expanduser().absolute()
    session = Session(folder, environment.mode(None), against=backend, emulator_url=emulator_url)
    if not session.replaying:
        processes.refuse_children(folder)
    return session.open()


def _use_that_of_parent() -> Session | None:
    """Replay what the process that started this one replays. Raises `ReplayError` where that one records."""
    parent = processes.parent()
    if parent is None:
        return None
    if parent.recording:
        raise processes.refusal(parent.folder.name)
    return Session(parent.folder, "none").open()


def status() -> Status | None:
    """The cassette in use: what it was recorded against, when and with what; None where there is none."""
    active = active_cassette.current()
    return active.status if isinstance(active, Session) else None


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
        doing = "replaying" if self.replaying else "recording"
        lines = [f"{doing} cassette {self.name!r}: {counted(self.recordings, 'recording')}"]
        if self.about.against:
            lines.append(f"  {self.about}")
        lines += [f"  not played: {recording}" for recording in self.unplayed]
        return "\n".join(lines)


class Session:
    """One cassette; at most one is in use in a process. As a context manager it is open inside the block.

    `against` says what makes the recordings: `live`, `emulator` (whatever a workspace says), or, left
    out, what each workspace says. `emulator_url` is a served emulator to use instead of the process's own.
    `remedy` is the command that records the cassette, where the caller knows a better one.
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
        self._recorded_backend = against
        self._recorder = Recorder(self._require_one_backend)
        self._writer = CassetteWriter(folder)
        self._player = Player((), self._missing, self._unusable)
        self._remedy = remedy
        line = f'replay.use({self.name!r}, mode="all")'
        self.recording_line = f"{line}, or {MODE_VARIABLE}=all in the environment"
        """What records it from where it was put in use; a notebook's command goes before."""
        self._from_environment: Session | None = None
        self._checked_providers: set[str] = set()
        self._saved_changes = 0
        self._process = os.getpid()
        self._told_before: str | None = None
        self._warned_of: tuple[str, ...] = ()

    def open(self) -> Self:
        """Put the cassette in use. Raises `ReplayError`, and then nothing has changed.

        In a process whose environment names a cassette, that one stays in use instead.
        """
        if os.environ.get(CASSETTE_VARIABLE):
            active_cassette.current()  # opens the one the environment names
        active = active_cassette.activate(self)
        if active is not self:
            if os.environ.get(CASSETTE_VARIABLE) and isinstance(active, Session):
                self._from_environment = active
                return self
            raise ReplayError(
                f"cassette {active.name!r} is in use; close it before you open another (leave its `with` "
                "block, or %cassette off)"
            )
        try:
            if self.replaying:
                self.about, stored = self._load()
                self._player = Player(stored, self._missing, self._unusable)
                self._player.start()
            else:
                self._refuse_notebooks()
                processes.lock(self.folder)
                self._recorder.start()
        except BaseException:
            processes.unlock(self.folder)
            active_cassette.deactivate(self)
            raise
        self._process = os.getpid()
        self._told_before = processes.tell_children(self.folder, recording=not self.replaying)
        self._hook_saving("register")
        return self

    def close(self) -> None:
        """Undo every patch, then save. Raises `ReplayError` for what could not be saved, after all else."""
        if self._from_environment is not None or active_cassette.current() is not self:
            return
        try:
            (self._player if self.replaying else self._recorder).stop()
        finally:
            active_cassette.deactivate(self)
            self._hook_saving("unregister")
            processes.tell_children_no_more(self._told_before)
        try:
            self._save_at_end()
        except (OSError, ReplayError) as error:
            problem = explain(error) if isinstance(error, OSError) else str(error)
        else:
            if self.about.refused and not self.replaying:
                raise ReplayError(self._refusals())
            return
        kept = rescue(self.name, self._recorder.recordings, self._recorded_backend or "emulator")
        raise ReplayError(f"cassette {self.name!r} could not be saved: {problem}. {kept}")

    def _save_at_end(self) -> None:
        try:
            self.save()
        finally:
            processes.unlock(self.folder)

    def save(self) -> None:
        """Write what has been recorded so far, except what holds a key.

        Raises OSError, and `ReplayError` where a notebook has recorded it meanwhile.

        Without a new recording nothing is written, so that an older cassette stays as it is.
        """
        changes, unrecorded = self._recorder.changes, self._recorder.unrecorded
        if self.replaying or changes == self._saved_changes or os.getpid() != self._process:
            return  # a forked child has a copy of what its parent recorded, and must not overwrite it
        self._refuse_notebooks()
        recordings = self._recorder.recordings
        self.about = self._writer.write(recordings, self._recorded_backend or "emulator", unrecorded)
        self._saved_changes = changes

    @property
    def status(self) -> Status:
        """What is in use, and what has become of it so far."""
        if self._from_environment is not None:
            return self._from_environment.status
        recordings = self._player.recordings if self.replaying else self._recorder.recordings
        return Status(
            name=self.name,
            replaying=self.replaying,
            about=self.about,
            recordings=len(recordings),
            unplayed=tuple(map(str, self._player.unplayed())),
        )

    @property
    def remedy(self) -> str:
        """How to record the cassette, as a command or a line of a program."""
        if self._remedy:
            return self._remedy
        # The one under test: a copy of a notebook replays what its original recorded.
        notebook = os.environ.get(NOTEBOOK_VARIABLE, "") or self.about.notebook
        if notebook:
            return f"imagegen-nb record {shlex.quote(notebook)} --{self.about.against or 'emulator'}"
        return self.recording_line

    def backend(self, declared: Backend) -> Backend:
        """What made the recordings, or makes them, for a workspace that declares `declared`."""
        if self.replaying:
            return "live" if self.about.against == "live" else "emulator"
        if os.getpid() != self._process:
            raise processes.refusal(self.name)
        if self._against == "live" and declared == "emulator":
            raise ReplayError(
                f"cassette {self.name!r} is recorded live, but this workspace is on the emulator: use "
                'Workspace(..., backend="live"), or record against the emulator'
            )
        return self._against or declared

    async def check(self, provider: Any) -> None:
        """Prove once that the requests of `provider` pass the cassette."""
        if provider.name not in self._checked_providers:
            await vcr_adapter.check_provider(provider, self)
            self._checked_providers.add(provider.name)

    def begin_run(
        self, template: str, inputs: Mapping[str, Any], prompt: str, folder: str, run_id: str
    ) -> str:
        """Hear what the running task sends; the prompt as the cassette shows it."""
        return output_values.begin(template, inputs, prompt, folder, run_id)

    def note_image(self, asset_id: str, file_url: str, received: bytes) -> None:
        """Hear of a stored image, which a later prompt may name."""
        output_values.note(asset_id, file_url, received)

    def _load(self) -> tuple[About, list[StoredRecording]]:
        try:
            if cassette_file.exists(self.folder):
                return cassette_file.load(self.folder)
            siblings = sorted(path.parent.name for path in self.folder.parent.glob(f"*/{CASSETTE_FILE}"))
            problem = (
                f"there is no cassette {self.name!r} to replay; "
                f"{self.folder.parent.name}/ holds {', '.join(siblings) or 'none yet'}"
            )
        except ReplayError as error:
            problem = str(error)
        raise self._unusable(problem)

    def _unusable(self, problem: str) -> ReplayError:
        return ReplayError(f"{problem}\n  record: {self.remedy}")

    def _require_one_backend(self, backend: Backend) -> None:
        """All recordings of a cassette come from one backend, so that the whole can be marked with it."""
        if self._recorded_backend is None:
            self._recorded_backend = backend
        if self._recorded_backend != backend:
            raise ReplayError(
                f"cassette {self.name!r} is recorded against {self._recorded_backend}, and this call would "
                f"go to {backend}: a cassette holds one kind. Use the same backend for all, or two cassettes"
            )

    def _missing(self, asked: Recording) -> RecordingMissing:
        nearest = mismatch.explain(asked, self._player.recordings, catalog.keys_in_use())
        refused = "".join(f"\n  left out when it was recorded: {place}" for place in self.about.refused)
        return RecordingMissing(
            f"cassette {self.name!r} holds no recording of this call, and nothing was sent\n"
            f"{nearest}{refused}{self._other_notebook()}\n  record: {self.remedy}"
        )

    def _other_notebook(self) -> str:
        """A line that names the notebook whose calls these are, where another one replays them."""
        recorded, running = self.about.notebook, os.environ.get(NOTEBOOK_VARIABLE, "")
        # Each is relative to another folder.
        same = f"/{recorded}".endswith(f"/{running}") or f"/{running}".endswith(f"/{recorded}")
        return f"\n  the cassette belongs to {recorded}" if recorded and running and not same else ""

    def _refuse_notebooks(self) -> None:
        """Raise `ReplayError` where the cassette is a notebook's: its test would find other calls in it."""
        owner = paths.notebook_replaced_in(self.folder, os.environ.get(NOTEBOOK_VARIABLE, ""))
        if not owner:
            return
        command = f"imagegen-nb record {shlex.quote(owner)} --emulator (or --live)"
        raise ReplayError(
            f"cassette {self.name!r} belongs to {owner}, so {_who()} does not overwrite it: choose another "
            "name" + ("" if paths.is_far(owner) else f", or record that notebook again: {command}")
        )

    def _refusals(self) -> str:
        places = "".join(f"\n  {place}" for place in self.about.refused)
        return (
            f"cassette {self.name!r}: not all calls could be recorded; the others are saved{places}\n"
            "Take a key out of the prompt or the inputs, and record again"
        )

    def _hook_saving(self, how: Literal["register", "unregister"]) -> None:
        """Save at the end of the process, and after each cell, because kernels are killed."""
        (atexit.register if how == "register" else atexit.unregister)(self.close)
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if shell is not None and not self.replaying:
            getattr(shell.events, how)("post_run_cell", self._after_cell)

    def _after_cell(self, _result: object = None) -> None:
        try:
            self.save()
        except (OSError, ReplayError) as error:
            reason = explain(error) if isinstance(error, OSError) else error
            problem = f"cassette {self.name!r} is not saved yet: {reason}"
            user_warnings.warn(problem, RuntimeWarning)
        if self.about.refused != self._warned_of:
            self._warned_of = self.about.refused
            user_warnings.warn(self._refusals(), RuntimeWarning)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self.status)


def _who() -> str:
    """Who records, as far as it is known."""
    # A Jupyter server tells its kernels where the notebook lies.
    named = os.environ.get(NOTEBOOK_VARIABLE) or Path(os.environ.get("JPY_SESSION_NAME", "")).name
    return named if named.endswith(".ipynb") else "this program"
