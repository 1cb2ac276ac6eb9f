"""What the browser tests need of the system: a Chromium, and the libraries that Playwright's own node loads.

As a program it prints the Debian packages that are missing, for `./dev`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first has no windows, and needs half the time of the others for what is not the page itself."""
_PACKAGES = {"libatomic.so.1": "libatomic1", "libstdc++.so.6": "libstdc++6"}
"""The Debian packages of libraries that a small installation lacks."""


def chromium() -> str | None:
    """The browser to test with: Debian's own, since others cannot be downloaded everywhere."""
    return os.environ.get("IMAGEGEN_NB_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


def missing() -> dict[str, str]:
    """What is missing, and the Debian package that has it."""
    parts = {} if chromium() else {"Chromium": "chromium-headless-shell"}
    if (library := _library_that_node_lacks()) is not None:
        parts[library] = _PACKAGES.get(library, library)
    return parts


def _library_that_node_lacks() -> str | None:
    """Asked of the loader: Playwright would end in an exception that does not say it."""
    spec = find_spec("playwright")
    if spec is None or spec.origin is None:
        return None
    node = Path(spec.origin).parent / "driver" / "node"
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    lacking = re.search(r"error while loading shared libraries: ([^:]+):", done.stderr)
    return lacking[1] if lacking else None


if __name__ == "__main__":
    print(" ".join(sorted(missing().values())))
