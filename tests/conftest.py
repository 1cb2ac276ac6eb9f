"""Shared by all tests: lanes, one emulator, a workspace on it, a clean environment, a raw loopback server.

A lane is a marker, and each test has one: *loopback*, *notebooks*, *browser*, *rigs*, *replay*, or else
*fast*. Plain `pytest` runs the fast lane; whoever names files, tests or markers gets exactly those.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socketserver
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from support.environment import FOREIGN
from support.object_server import ObjectServer
from support.pytest_run import FEW_PLUGINS

from imagegen_nb.emulator import Emulator
from imagegen_nb.providers import catalog
from imagegen_nb.providers.http import client, rate_limiter
from imagegen_nb.runs import recent_runs
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step import step
from imagegen_nb.widgets import notebook_steps

if TYPE_CHECKING:
    from support.kernels import Kernel

_HERE = Path(__file__).parent
_LEAN = str(_HERE / "support" / "lean")
sys.path.insert(0, _LEAN)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_LEAN, os.environ.get("PYTHONPATH")]))
# Stores make every write durable. In memory that takes no time; where there is little room it stays on disk.
_MEMORY = Path("/dev/shm")
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 2 * 1024**3:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

_SLOW_LANES = ("notebooks", "browser", "rigs", "replay")
_LANES = ("fast", "loopback", *_SLOW_LANES)
_LANE_OF_FOLDER = {"browser": "browser", "rigs": "rigs"}
_LANE_OF_FIXTURE = {
    "kernel": "notebooks",
    "run_pytest": "notebooks",
    "emulator": "loopback",
    "raw_server": "loopback",
    "object_server": "loopback",
}
"""The first two start processes that take seconds; other such tests bear the marker themselves."""
_SLOW_TIMEOUT = 600
"""Seconds a test of a slow lane may take. Processes start slowly on a busy machine; a hang still ends."""
_USUAL_SECONDS = {"fast": 0.02, "loopback": 0.1, "rigs": 0.3, "replay": 2, "notebooks": 5, "browser": 5}
"""What a test of each lane takes, roughly. A file that takes minutes says so by a timeout of its own."""


# How long an example takes, or to think of one, says how busy the machine is, and fails nothing. In CI, which
# .ci/run sets, the examples are the same each time: a change is red for what it changed. Elsewhere they are
# new. Set before any test is imported, as a property takes what holds where it is defined.
hypothesis.settings.register_profile(
    "untimed",
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    max_examples=50 if os.environ.get("CI") else 25,
    derandomize=bool(os.environ.get("CI")),
)
hypothesis.settings.load_profile("untimed")

# Half a million objects live as long as the session: modules and tests. Nobody looks for garbage among them.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on, look for garbage among what tests make."""
    gc.freeze()
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Run the fast lane where nothing is said about which tests to run."""
    options = config.option
    chosen = (
        options.markexpr
        or options.keyword
        or getattr(options, "lf", False)
        or getattr(options, "failedfirst", False)
    )
    if not chosen and config.args_source is not pytest.Config.ArgsSource.ARGS:
        options.markexpr = "fast"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import nothing out of folders that `-m` leaves out whole."""
    wanted = set(config.option.markexpr.split(" or "))
    if not wanted.issubset(_LANES):
        return None
    lineage = (collection_path, *collection_path.parents)
    of_folder = {name for folder, name in _LANE_OF_FOLDER.items() if _HERE / folder in lineage}
    if wanted == {"browser"} and _HERE in collection_path.parents:  # all of them lie in their folder
        return of_folder != wanted or None
    return (bool(of_folder) and of_folder.isdisjoint(wanted)) or None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let every other process of pytest-xdist begin with the last file.

    In a new checkout, where no bytecode lies, each then compiles half of the tests and reads the other half.
    """
    report = yield
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    if isinstance(collector, pytest.Session | pytest.Directory) and int(worker) % 2:
        report.result.reverse()
    return report


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put each test into its lane; first comes what may take longest, as it is files that processes share."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.path)  # the same order in all processes, wherever each began
    longest: Counter[Path] = Counter()
    seconds: Counter[Path] = Counter()
    for item in items:
        lanes = {mark.name for mark in item.iter_markers()}.intersection(_LANES)
        if not lanes:
            lanes = {_lane(item)}
            item.add_marker(getattr(pytest.mark, *lanes))
        timeout = item.get_closest_marker("timeout")
        if timeout is None and not lanes.isdisjoint(_SLOW_LANES):
            timeout = pytest.mark.timeout(_SLOW_TIMEOUT)
            item.add_marker(timeout)
        longest[item.path] = max(longest[item.path], timeout.args[0] if timeout else 0)
        seconds[item.path] += max(_USUAL_SECONDS[lane] for lane in lanes)
    items.sort(key=lambda item: (longest[item.path], seconds[item.path]), reverse=True)


def _lane(item: pytest.Item) -> str:
    """The lane of a test that names none: by its folder, or by what it uses."""
    if lane := _LANE_OF_FOLDER.get(item.path.relative_to(_HERE).parts[0]):
        return lane
    fixtures = getattr(item, "fixturenames", ())
    return next((lane for name, lane in _LANE_OF_FIXTURE.items() if name in fixtures), "fast")


@pytest.fixture(scope="session", autouse=True)
def default_interrupts() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt. A shell ignores it for what runs in the background, children too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A file with one of the certificates this machine trusts, None where it trusts none."""
    trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not trusted:
        return None
    file = tmp_path_factory.mktemp("certificates") / "one.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(trusted[0]))
    return file


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, one_certificate: Path | None) -> None:
    """No provider keys, SDK settings, proxies or keyring of whoever runs the tests.

    Each HTTP client loads the trusted certificates. All take longer than most tests, and none is used.
    """
    if one_certificate:
        monkeypatch.setenv("SSL_CERT_FILE", str(one_certificate))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for name in filter(FOREIGN.search, list(os.environ)):
        monkeypatch.delenv(name)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits for the rate limiter, in seconds. They take no time: its clock is moved instead."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(rate_limiter, "sleep", sleep)
    monkeypatch.setattr(client, "sleep", sleep)
    monkeypatch.setattr(rate_limiter, "clock", lambda: 1_000 + sum(waited))
    return waited


# What a process remembers, and how that begins. One fixture for all: setting one up takes as long as a test.
_REMEMBERED = (
    (rate_limiter, "_limiters", dict),  # no test waits because a provider refused another test's request
    (step, "_warned", set),  # warnings that are given once per process; each test has to see its own
    (catalog, "_declared", dict),  # models that another test declared
    (catalog, "_last", lambda: None),
    (recent_runs, "_runs", dict),  # runs of another test, which a form would offer
    (notebook_steps, "_forms", list),  # so are its forms, which live until garbage is collected
)


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is as a process that has just begun."""
    for module, name, empty in _REMEMBERED:
        monkeypatch.setattr(module, name, empty())


@pytest.fixture(scope="session")
def _running_object_server() -> Iterator[ObjectServer]:
    server = ObjectServer()
    yield server
    server.close()


@pytest.fixture
def object_server(_running_object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    """An S3 that all tests share, with an empty log; the environment leads to it."""
    for name, value in _running_object_server.environment().items():
        monkeypatch.setenv(name, value)
    _running_object_server.forget()
    return _running_object_server


@pytest.fixture(scope="session")
def _running_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(_running_emulator: Emulator) -> Iterator[Emulator]:
    """The emulator all tests share, with an empty log and no faults."""
    _running_emulator.clear()
    yield _running_emulator
    _running_emulator.clear()
    _running_emulator.latency, _running_emulator.retired = 0.0, False


@pytest.fixture
def workspace(emulator: Emulator, tmp_path: Path) -> Iterator[Workspace]:
    """A store in a folder of its own, served by `emulator`."""
    with Workspace(tmp_path / "assets", backend=emulator.url, timeout=30) as workspace:
        yield workspace


@pytest.fixture(scope="session")
def kernel() -> Iterator[Kernel]:
    """A kernel that many tests share: starting one takes seconds."""
    from support.kernels import Kernel

    with Kernel.running() as kernel:
        yield kernel


@pytest.fixture(scope="session")
def _quick_kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    from support.kernels import quick_kernels

    with quick_kernels(tmp_path_factory.mktemp("kernels")) as folder:
        yield folder


@pytest.fixture(scope="module")
def quick_starts(_quick_kernels: Path) -> Iterator[None]:
    """In this module kernels named `python3`, and pytests, start in a moment, programs' own ones too.

    A kernel is a fork of a process that has imported what it needs; a pytest has only the plugins that
    notebooks need. `support.pytest_run.AS_USERS_DO` in a program's environment brings back the ordinary ones.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JUPYTER_PATH", str(_quick_kernels))
        for name, value in FEW_PLUGINS.items():
            patched.setenv(name, value)
        yield


@dataclass
class ReceivedRequest:
    """One request as it arrived at a `RawServer`; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


Respond = Callable[[Callable[[bytes], object], threading.Event], object]


@dataclass
class RawServer:
    """A loopback server that answers every request with the same bytes and closes.

    `answer` is those bytes, or a function of `write` and an event that is set when the test is over.
    """

    answer: bytes | Respond
    requests: list[ReceivedRequest] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def handle(self, connection: socketserver.StreamRequestHandler) -> None:
        line = connection.rfile.readline().decode("latin-1").strip()
        if not line:
            return
        headers = {}
        while header := connection.rfile.readline().decode("latin-1").strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = connection.rfile.read(int(headers.get("content-length", 0)))
        self.requests.append(ReceivedRequest(line, headers, body))
        try:
            if callable(self.answer):
                self.answer(connection.wfile.write, self.over)
            else:
                connection.wfile.write(self.answer)
        except OSError:  # the client has had enough
            return


class _Threads(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False  # closing waits for them


@pytest.fixture
def raw_server() -> Iterator[Callable[[bytes | Respond], RawServer]]:
    """Starts `RawServer`s: `raw_server(b"HTTP/1.1 200 OK...")`."""
    running: list[tuple[_Threads, RawServer, threading.Thread]] = []

    def start(answer: bytes | Respond) -> RawServer:
        raw = RawServer(answer)

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                raw.handle(self)

        server = _Threads(("127.0.0.1", 0), Handler)
        raw.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        running.append((server, raw, thread))
        return raw

    yield start
    for server, raw, thread in running:
        raw.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
