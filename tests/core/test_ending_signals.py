"""A command that is told to end leaves no process behind: no server, no kernel, no test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
import pytest
from support.environment import own_environment
from support.lab import free_port

pytestmark = pytest.mark.notebooks
WAIT = 60
"""Seconds for anything, with two busy cores."""
SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]


@dataclass
class Program:
    """`imagegen-nb` as a process of its own, and what it has started, by their numbers."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def family(self) -> dict[int, str]:
        """The command of each process below it, and of itself."""
        family = {self.process.pid: "imagegen-nb"}
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    family[process.pid] = " ".join(process.cmdline())
        return family

    def has_kernel(self) -> bool:
        return self.ended or any("ipykernel_launcher" in command for command in self.family().values())

    def until(self, happens: Callable[[], object]) -> None:
        end = time.monotonic() + WAIT
        while not happens():
            assert time.monotonic() < end, self.told
            time.sleep(0.1)

    @property
    def told(self) -> str:
        return (self.folder / "log").read_text()

    def end_by(self, number: signal.Signals) -> int:
        """End it; its exit code, once all that it started has ended."""
        family = self.family()
        self.process.send_signal(number)
        try:
            code = self.process.wait(WAIT)
            self.until(lambda: not any(map(is_there, family)))
        finally:
            for pid in filter(is_there, family):
                os.kill(pid, signal.SIGKILL)
        return code


def is_there(pid: int) -> bool:
    """Whether it still runs; one that only waits for its parent to look at its exit code does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _hanging_up() -> Iterator[None]:
    """Begin programs that end with their terminal, also where the tests do not: `nohup ./dev test`."""
    ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, ignored)


@contextmanager
def begun(folder: Path, *arguments: str) -> Iterator[Program]:
    """`imagegen-nb` with these arguments, which ends with the block, and what it started too."""
    env = own_environment(without="^jupyter")
    env |= {"JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "JUPYTER_CONFIG_DIR": str(folder / "config")}
    env |= {"IPYTHONDIR": str(folder / "ipython"), "HOME": str(folder)}
    command = [sys.executable, "-m", "imagegen_nb", *arguments]
    with (folder / "log").open("wb") as log, _hanging_up():
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT)
    program = Program(process, folder)
    try:
        yield program
    finally:
        if not program.ended:
            for pid in program.family():
                os.kill(pid, signal.SIGKILL)
            process.wait()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_no_server_and_no_kernel_outlives_lab(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    options += ["--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"]

    def ask(path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api{path}", method=method)
        with urllib.request.urlopen(request, timeout=WAIT) as response:
            return response.read()

    def answers() -> bool:
        assert not program.ended
        try:
            return bool(ask(""))
        except OSError:
            return False

    with begun(tmp_path, "lab", "work", *options) as program:
        program.until(answers)
        json.loads(ask("/kernels", method="POST"))
        program.until(program.has_kernel)
        program.end_by(number)


def notebook(folder: Path, source: str) -> str:
    cells = [nbformat.v4.new_code_cell(source)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "slow.ipynb")
    return "slow.ipynb"


SLOW = "import time, pathlib; pathlib.Path('cell-runs').touch(); time.sleep(600)"
SLOW_TEST = """
import time, pathlib
import imagegen_nb as ig
step = ig.ImageGenerationStep(prompt="a fox", image_size="1024x1024")
step.run(workspace=ig.Workspace("a", backend="emulator"))
if pathlib.Path("first").exists():
    pathlib.Path("cell-runs").touch()
    time.sleep(600)
pathlib.Path("first").touch()
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", [SLOW, SLOW_TEST], ids=["recorded", "tested"])
@pytest.mark.parametrize("number", SIGNALS)
def test_no_kernel_and_no_test_outlives_record(tmp_path: Path, number: signal.Signals, source: str) -> None:
    file = notebook(tmp_path, source)
    before = (tmp_path / file).read_bytes()
    with begun(tmp_path, "record", file, "--emulator") as program:
        program.until(lambda: program.ended or (tmp_path / "cell-runs").exists())
        code = program.end_by(number)
    assert code == (130 if number == signal.SIGINT else 128 + number), program.told
    assert "Traceback" not in program.told
    assert (tmp_path / file).read_bytes() == before
    assert list((tmp_path / "cassettes").iterdir()) == [], "what is half recorded is gone"
    assert "interrupted" in program.told


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", SIGNALS)
def test_no_kernel_outlives_the_demo(tmp_path: Path, number: signal.Signals) -> None:
    with begun(tmp_path, "demo", "--folder", "made") as program:
        program.until(program.has_kernel)
        code = program.end_by(number)
    assert code == (130 if number == signal.SIGINT else 128 + number), program.told
    assert "Traceback" not in program.told
