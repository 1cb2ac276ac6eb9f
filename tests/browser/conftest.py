"""One Jupyter server for all browser tests, one Chromium for each module, a context for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from support.lab import ARGUMENTS, CHROMIUM, Lab, Opener, OpenNotebook


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
    """Debian's Chromium; its absence is a failure, since the promises it checks would go unchecked."""
    if not CHROMIUM.exists():
        pytest.fail(f"the browser tests need {CHROMIUM}: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
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
