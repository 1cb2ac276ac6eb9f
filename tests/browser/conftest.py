"""One Jupyter server, one Chromium and one page of JupyterLab for all browser tests of a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright
from support import system_parts
from support.lab import ARGUMENTS, Lab, Opener, OpenNotebook


@pytest.fixture(scope="session", autouse=True)
def nothing_is_missing() -> None:
    """Without them nothing here can be checked: a failure. `./dev test` looks before it starts the lane."""
    if parts := system_parts.missing():
        command = f"apt-get install --no-install-recommends {' '.join(sorted(parts.values()))}"
        pytest.fail(
            f"the browser tests need {', '.join(parts)}. On Debian, as root: {command}", pytrace=False
        )


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running server, for JupyterLab and Notebook 7."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


@pytest.fixture(scope="session")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for Chromium: in it the applications' scripts stay compiled."""
    return tmp_path_factory.mktemp("profile")


# Not for the session: Playwright's event loop lives on this thread, and later tests want one of their own.
# There can be only one on it.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def chromium(playwright: Playwright, profile: Path) -> Iterator[BrowserContext]:
    """The system's Chromium."""
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=system_parts.chromium(),
        headless=True,
        args=ARGUMENTS,
        accept_downloads=True,
        permissions=["clipboard-read", "clipboard-write"],
    )
    yield context
    context.close()


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One more, for contexts that differ from that of the others."""
    browser = playwright.chromium.launch(executable_path=system_parts.chromium(), args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def shared_opener(lab: Lab, chromium: BrowserContext) -> Opener:
    return Opener(lab, chromium)


@pytest.fixture
def opener(shared_opener: Opener) -> Iterator[Opener]:
    """Opens notebooks, new ones and those that lie there."""
    yield shared_opener
    shared_opener.finish()


@pytest.fixture
def open_notebook(opener: Opener) -> OpenNotebook:
    """`open_notebook(cells, host="lab", ...)` gives a page; `lab` has what to do with it."""
    return opener.open_notebook
