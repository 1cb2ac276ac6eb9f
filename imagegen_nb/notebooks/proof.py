"""Proves a recording by its test, before anything old is replaced.

pytest runs the notebook with nbval and the user's own options, in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from imagegen_nb.core import redaction
from imagegen_nb.core.atomic_files import explain
from imagegen_nb.notebooks.execute import text_of
from imagegen_nb.notebooks.markers import SKIP, markers_of
from imagegen_nb.providers import catalog
from imagegen_nb.replay.environment import CASSETTE_VARIABLES

OPTION = "--imagegen-proof"
"""Names the file that says what is proven; for the pytest that is started here only."""
_OWN = ("PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID")
"""Variables of a pytest that runs this; another one is started."""
_LONGEST = 2_000


def differences(document: Any, notebook: Path, cassette: Path, timeout: float) -> tuple[str, ...]:
    """How the test of `notebook` fails with the new `document` and its `cassette`; empty where it passes.

    `timeout` bounds each cell, in seconds. A test that cannot be run, or runs not every cell, has
    failed.
    """
    with tempfile.TemporaryDirectory(prefix="imagegen-nb-proof-") as temporary:
        told, report = Path(temporary, "proof.json"), Path(temporary, "report.json")
        told.write_text(
            json.dumps({"cassette": str(cassette), "notebook": str(notebook), "report": str(report)})
        )
        # Beside the notebook, whose cells may open files there.
        copy = notebook.with_name(f".{notebook.stem[:40]}-{Path(temporary).name}.ipynb")
        try:
            copy.write_text(text_of(document), encoding="utf-8")
            done = _pytest(copy, told, Path(temporary), timeout)
        except OSError as error:
            return (f"the test cannot be run: {explain(error)}",)
        finally:
            copy.unlink(missing_ok=True)
        if done.returncode in (0, 1) and report.is_file():
            results = json.loads(report.read_text(encoding="utf-8"))
            failures = [_safe(failure.replace(copy.name, notebook.name)) for failure in results["failures"]]
            cells = sum(
                cell.cell_type == "code" and not markers_of(cell).get(SKIP) for cell in document.cells
            )
            if failures or results["passed"] == cells:
                return tuple(failures)
            # An option such as --collect-only, or a conftest.py, keeps cells from running.
            passed = f"{results['passed']} of {cells} cells were run with your pytest options"
            return (f"the test cannot be run: {passed}",)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    told_by_pytest = "\n".join(lines[-5:]).replace(copy.name, notebook.name)
    return (f"the test cannot be run: {_safe(told_by_pytest)}",)


def _pytest(copy: Path, told: Path, temporary: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(copy),
        f"{OPTION}={told}",
        f"--nbval-cell-timeout={timeout:g}",
    ]
    # The notebook is one file, whatever the user's options select and whatever failed last.
    command += ["-k", "", "-m", "", "-o", f"cache_dir={temporary / 'cache'}", "--color=no", "-q"]
    variables = {
        name: value for name, value in os.environ.items() if name not in (*_OWN, *CASSETTE_VARIABLES)
    }
    return subprocess.run(  # noqa: S603 - pytest, with what is made above
        command, env=variables, capture_output=True, text=True, check=False
    )


def _safe(text: str) -> str:
    return redaction.redact(text, catalog.keys_in_use(), limit=_LONGEST)
