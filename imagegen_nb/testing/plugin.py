"""The pytest plugin: notebooks replayed from their cassettes, a cassette for a test, and updated baselines.

pytest imports this file in every session where the package is installed, so it imports next to nothing.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imagegen_nb.errors import InvalidOption, ReplayError
from imagegen_nb.testing import baselines

if TYPE_CHECKING:
    from imagegen_nb.replay.session import Session

_IN_USE = pytest.StashKey[Any]()
_BASELINES = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-baselines`, `--imagegen-record`, and `imagegen_allow_loopback` in the ini file."""
    group = parser.getgroup("imagegen-nb")
    group.addoption(
        "--update-baselines",
        action="store_true",
        help="write the baselines of assert_similar again instead of comparing with them (refused in CI)",
    )
    group.addoption(
        "--imagegen-record",
        choices=("emulator", "live"),
        help="record the calls of tests that use the imagegen_cassette fixture instead of replaying them: "
        "emulator is free, live needs keys and costs money",
    )
    # For the pytest that `imagegen-nb record` starts.
    group.addoption("--imagegen-proof", help=argparse.SUPPRESS)
    parser.addini(
        "imagegen_allow_loopback",
        "let notebooks and tests that replay a cassette connect to this machine itself",
        type="bool",
        default=False,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the hooks around nbval where it is used, and pass options on."""
    recording = None
    if config.getoption("--imagegen-proof"):
        recording = importlib.import_module("imagegen_nb.testing.proof").of(config)
        config.pluginmanager.register(recording, "imagegen-nb-proof")
        config.option.nbval = not config.option.nbval_lax
    if _tests_notebooks(config):
        notebooks = importlib.import_module("imagegen_nb.testing.notebooks")
        config.pluginmanager.register(notebooks.Notebooks(recording), "imagegen-nb-notebooks")
        if config.getoption("dist", "no") == "load":
            # `-n` alone means "load", which would tear apart the cells of a notebook: they need each other.
            config.option.dist = "loadfile"
    if not hasattr(config, "workerinput"):  # workers of xdist inherit it
        folder = tempfile.TemporaryDirectory(prefix="imagegen-nb-baselines-")
        config.add_cleanup(folder.cleanup)
        config.stash[_BASELINES] = Path(folder.name, "written.txt")
        _set_for_this_session(config, baselines.REPORT, str(config.stash[_BASELINES]))
    if config.getoption("--update-baselines"):
        _set_for_this_session(config, baselines.UPDATE, "1")
        try:
            baselines.updating()
        except InvalidOption as error:
            problem = str(error)
        else:
            return
        raise pytest.UsageError(problem)


def _tests_notebooks(config: pytest.Config) -> bool:
    return bool(config.getoption("nbval", False) or config.getoption("nbval_lax", False))


def _set_for_this_session(config: pytest.Config, variable: str, value: str) -> None:
    """Tell in the environment: workers, and kernels that run notebooks as tests, inherit it."""
    before = os.environ.get(variable)
    os.environ[variable] = value

    def restore() -> None:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before

    config.add_cleanup(restore)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """List the baselines that were written, because nobody has looked at them yet; and where no test was
    found, say which option tests notebooks."""
    found_none = exitstatus in (pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR)
    if found_none and not _tests_notebooks(config):
        untested = importlib.import_module("imagegen_nb.testing.untested_notebooks")
        if advice := untested.advice(config):
            terminalreporter.line(advice)
    report = config.stash.get(_BASELINES, None)
    if report is not None and (paths := baselines.written(report)):
        terminalreporter.section("image baselines")
        for path in paths:
            terminalreporter.line(f"wrote {path}")
        terminalreporter.line("Look at each, and commit it: from now on images are compared with it.")


@pytest.fixture
def imagegen_cassette(request: pytest.FixtureRequest) -> Iterator[Session]:
    """The test's own cassette, replayed: offline, without keys, and every recorded call has to be made.

    `pytest --imagegen-record=emulator` (free) or `=live` (needs keys) records it.
    """
    cassettes = importlib.import_module("imagegen_nb.testing.cassette_fixture")
    with cassettes.in_use(request.node) as session:
        request.node.stash[_IN_USE] = session
        yield session


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that no longer makes a recorded call, and shorten the trace of a replay's error."""
    session = item.stash.get(_IN_USE, None)
    if session is None:
        return (yield)
    cassettes = importlib.import_module("imagegen_nb.testing.cassette_fixture")
    try:
        result = yield
    except ReplayError as error:
        raise error.with_traceback(cassettes.shortened(error.__traceback__)) from None
    cassettes.check_played(session)
    return result
