"""Commands as a user whom the permissions of files bind: the superuser is bound by none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

_UNBOUND = "-dac_override,-dac_read_search"
"""What lets the superuser pass over permissions."""


def bound_by_permissions(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line, as somebody bound by permissions; skips where nobody can be."""
    command = [sys.executable, "-m", "imagegen_nb", *map(str, arguments)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is needed to give up the superuser's right")
        command = ["setpriv", "--bounding-set", _UNBOUND, *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
