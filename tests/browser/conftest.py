"""One Jupyter server for all browser tests, one Chromium for each module, a context for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from support import system_parts
from support.lab import ARGUMENTS, Lab, Opener, OpenNotebook

_FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _FOLDER in item.path.parents:
            item.add_marker(pytest.mark.browser)


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


# Not for the session: Playwright's event loop lives on this thread, and later tests want one of their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=system_parts.chromium(), headless=True, args=ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def opener(lab: Lab, chromium: Browser) -> Iterator[Opener]:
    """Opens notebooks, new ones and those that lie there."""
    opener = Opener(lab, chromium)
    yield opener
    opener.close()


@pytest.fixture
def open_notebook(opener: Opener) -> OpenNotebook:
    """`open_notebook(cells, host="lab", ...)` gives a page; `lab` has what to do with it."""
    return opener.open_notebook
