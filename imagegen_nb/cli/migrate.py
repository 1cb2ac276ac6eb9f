"""`imagegen-nb migrate`: an older step file written in today's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imagegen_nb.cli.console import app, escape, out, print_json
from imagegen_nb.errors import InvalidOption


@app.command()
def migrate(
    old: Annotated[Path, typer.Argument(help="An older step file, or a bare step.", metavar="OLD.json")],
    new: Annotated[Path, typer.Argument(help="Where to write it in today's layout.", metavar="NEW.json")],
    force: Annotated[bool, typer.Option("--force", help="Replace NEW.json when it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was changed as JSON.")] = False,
) -> None:
    """Bring a step file up to date, saying what was changed."""
    from imagegen_nb.step_file.load import load_step

    definition = load_step(old)
    if new.exists() and not force:
        raise InvalidOption(f"{new} exists already; pass --force to replace it")
    saved = definition.save(new)
    if as_json:
        print_json({"file": str(saved.path), "changes": list(definition.changes)})
    else:
        out().print(escape(str(saved)), soft_wrap=True)
