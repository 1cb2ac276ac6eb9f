"""`./dev sbom`: what the package depends on with all its extras, as requirements/extras.lock pins it.

Written to dist/ in the format CycloneDX, validated, and the same bytes whenever it is written.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements" / "extras.lock"


def version() -> str:
    """The package's, out of the file that the build reads it from."""
    text = (ROOT / "imagegen_nb" / "_version.py").read_text(encoding="utf-8")
    (found,) = re.findall('^__version__ = "(.+)"', text, re.MULTILINE)
    return str(found)


def write(folder: Path) -> Path:
    """Write the list into `folder`, which is made; the file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"imagegen_nb-{version()}.cdx.json"
    with tempfile.TemporaryDirectory() as temporary:
        # cyclonedx-py reads no version that the build finds out.
        project = Path(temporary, "pyproject.toml")
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        project.write_text(
            text.replace('dynamic = ["version"]', f'version = "{version()}"'), encoding="utf-8"
        )
        command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(LOCK)]
        command += ["--pyproject", str(project), "--mc-type", "library", "--output-reproducible"]
        command += ["--validate", "--output-format", "JSON", "--output-file", str(target)]
        subprocess.run(command, check=True)
    return target


if __name__ == "__main__":
    print(write(ROOT / "dist"))
