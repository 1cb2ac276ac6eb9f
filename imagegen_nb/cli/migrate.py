"""`imagegen-nb migrate`: an older step file written in today's layout."""

from __future__ import annotations

from pathlib import Path

import click

from imagegen_nb.cli.console import escape, out, print_json
from imagegen_nb.cli.parameters import PATH, json_option
from imagegen_nb.errors import InvalidOption


@click.command()
@click.argument("old", type=PATH, metavar="OLD.json", help="An older step file, or a bare step.")
@click.argument("new", type=PATH, metavar="NEW.json", help="Where to write it in today's layout.")
@click.option("--force", is_flag=True, help="Replace NEW.json when it is there.")
@json_option("Print what was changed as JSON.")
def migrate(old: Path, new: Path, force: bool, as_json: bool) -> None:
    """Bring a step file up to date, saying what was changed."""
    from imagegen_nb.step_file.load import load_step

    definition = load_step(old)
    if new.exists() and not force:
        raise InvalidOption(f"{new} already exists; pass --force to replace it")
    saved = definition.save(new)
    if as_json:
        print_json({"file": str(saved.path), "changes": list(definition.changes)})
    else:
        out().print(escape(str(saved)), soft_wrap=True)
