"""The command line: `imagegen-nb`, one file for each command, listed in `app`; what they print with is in
`console`, what several take in `parameters`.

Exit codes: 0 done (also with fewer images than asked), 1 the step failed, 2 something given was
wrong (a file, an input, a missing key), 130 interrupted, 128 and its number where another signal ended it.
"""

from __future__ import annotations

import io
import sys
import warnings

import click

from imagegen_nb.cli.app import app
from imagegen_nb.cli.console import fail, print_json, told, warn
from imagegen_nb.errors import ImagegenError, InvalidStep, MissingCredential, StepFailed, VariableError

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code."""
    _print_whatever_the_terminal_can()
    warnings.showwarning = warn  # one readable line instead of a source location
    try:
        code = app(standalone_mode=False)  # else click leaves by itself, and with 1 where it was interrupted
    except click.ClickException as error:
        _tell_usage(error)
        code = error.exit_code
    except click.Abort as abort:
        fail("interrupted", *getattr(abort.__cause__, "__notes__", ()))
        code = getattr(abort.__cause__, "exit_code", 130)  # told by a signal other than Ctrl+C's
    except StepFailed as error:
        code = _tell(error, 1)
    except ImagegenError as error:
        code = _tell(error, 2)
    sys.exit(code)


def _print_whatever_the_terminal_can() -> None:
    """Let characters that the terminal's encoding has not be written out (`\\u201c`): what a command did is
    told, and it goes on, where `LC_ALL=POSIX` would have ended it in the middle."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _tell_usage(error: click.ClickException) -> None:
    """Print an error of click's own, such as an unknown option: its text repeats what was given."""
    text = io.StringIO()
    error.show(text)
    click.echo(told(text.getvalue()), nl=False, err=True)


def _tell(error: ImagegenError, code: int) -> int:
    """Print an error that a command raised; the exit code it is given."""
    message = told(error)
    if isinstance(error, InvalidStep):
        from imagegen_nb.step.validation import outside_python

        message = told(outside_python(error))
    if isinstance(error, VariableError) and error.not_given:
        from imagegen_nb.cli.run import how_to_give

        message = error.told(how_to_give(error.not_given, takes_steps=sys.argv[1:2] == ["run"]))
    if isinstance(error, MissingCredential) and error.can_be_emulated:
        is_unset = error.fault == f"{error.variable} is not set"
        problem = f"set {error.variable}" if is_unset else f"{error.fault}. Set it again"
        message = f"no key: {problem}, or run without a key and without cost: --backend emulator"
    elif isinstance(error, MissingCredential) and error.what:
        message = (
            f"{error.what} is missing, or no good: {error.fault}. Set it: export {error.variable}=…, or "
            f"keyring set imagegen-nb {error.variable}"
        )
    fail(message, *getattr(error, "__notes__", ()))
    # A failed step has already been printed with its error.
    if "--json" in sys.argv and not isinstance(error, StepFailed):
        print_json({"error": {"kind": error.kind, "message": message, "place": getattr(error, "place", "")}})
    return code
