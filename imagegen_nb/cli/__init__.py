"""The command line: `imagegen-nb`, one file for each command; what they share is in `console`.

Exit codes: 0 done (also with fewer images than asked), 1 the step failed, 2 something given was
wrong (a file, an input, a missing key), 130 interrupted.
"""

from __future__ import annotations

import sys
import warnings

from imagegen_nb.cli import (  # noqa: F401  # importing a module registers its command
    cassettes,
    demo,
    emulator,
    estimate,
    init,
    migrate,
    models,
    paths,
    record,
    run,
    scan,
    schema,
    store,
    sweep,
    validate,
)
from imagegen_nb.cli.console import app, fail, print_json, warn
from imagegen_nb.errors import ImagegenError, MissingCredential, StepFailed

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code."""
    warnings.showwarning = warn  # one readable line instead of a source location
    try:
        app()
    except StepFailed as error:
        _leave(error, 1)
    except ImagegenError as error:
        _leave(error, 2)
    except KeyboardInterrupt as interrupt:
        fail("interrupted", *getattr(interrupt, "__notes__", ()))
        sys.exit(130)


def _leave(error: ImagegenError, code: int) -> None:
    message = str(error)
    if isinstance(error, MissingCredential):
        message = f"no key: set {error.variable}, or run without a key and without cost: --backend emulator"
    fail(message)
    # A failed step has already been printed with its error.
    if "--json" in sys.argv and not isinstance(error, StepFailed):
        print_json({"error": {"kind": error.kind, "message": message, "place": getattr(error, "place", "")}})
    sys.exit(code)
