"""A command of ours in this process, and what it says."""

from __future__ import annotations

import io
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress

import pytest

from imagegen_nb import cli


def invoked(*arguments: str) -> tuple[str, str]:
    """What `imagegen-nb` with these arguments writes to standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["imagegen-nb", *arguments])
        patched.setattr(warnings, "showwarning", warnings.showwarning)  # the command replaces it
        with suppress(SystemExit):
            cli.main()
    return out.getvalue(), err.getvalue()
