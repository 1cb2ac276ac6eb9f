"""The pytest option that writes image baselines anew."""

from __future__ import annotations

import os

import pytest

from imagegen_nb.errors import InvalidOption
from imagegen_nb.testing import baselines


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-baselines`."""
    parser.getgroup("imagegen-nb").addoption(
        "--update-baselines",
        action="store_true",
        help="write the baselines of assert_similar anew instead of comparing with them (refused in CI)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Hand the option on through the environment: kernels that run notebooks as tests inherit it."""
    if not config.getoption("--update-baselines"):
        return
    before = os.environ.get(baselines.UPDATE)
    os.environ[baselines.UPDATE] = "1"

    def restore() -> None:
        if before is None:
            del os.environ[baselines.UPDATE]
        else:
            os.environ[baselines.UPDATE] = before

    config.add_cleanup(restore)
    try:
        baselines.updating()
    except InvalidOption as error:
        problem = str(error)
    else:
        return
    raise pytest.UsageError(problem)
