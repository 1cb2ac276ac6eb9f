"""`imagegen-nb validate`, `paths` and `migrate`: step files without running them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from imagegen_nb.cli.console import app, escape, fail, out, print_json
from imagegen_nb.core.redaction import visible
from imagegen_nb.errors import DefinitionError, InvalidOption
from imagegen_nb.step.references import paths
from imagegen_nb.step_file.load import load_step

_LONGEST_VALUE = 60


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Step files.", metavar="STEP.json...")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check step files; leave with 2 when one is not as it should be."""
    findings = []
    for file in files:
        try:
            definition = load_step(file)
        except DefinitionError as error:
            findings.append({"file": str(file), "valid": False, "place": error.place, "error": str(error)})
            if not as_json:
                fail(f"{file}: {error}")
        else:
            findings.append({"file": str(file), "valid": True, "changes": list(definition.changes)})
            if not as_json:
                variables = ", ".join(definition.step.variables) or "none"
                told = f"{file}: {definition.step.model}, variables: {variables}"
                out.print(f"[green]valid[/] {escape(told)}", soft_wrap=True)
    if as_json:
        print_json(findings)
    if not all(finding["valid"] for finding in findings):
        raise typer.Exit(2)


@app.command("paths")
def list_paths(
    file: Annotated[Path, typer.Argument(help="A step file.", metavar="STEP.json")],
    identifier: Annotated[
        str | None, typer.Option(help="The name later steps use; by default the file's own.", metavar="ID")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the paths as JSON.")] = False,
) -> None:
    """List what later steps can refer to: predicted, or confirmed by the output in the file."""
    definition = load_step(file)
    name = identifier or definition.identifier
    found = paths(definition.step, definition if definition.output else None, identifier=name)
    if as_json:
        print_json([asdict(path) for path in found])
        return
    width = max(len(path.template) for path in found)
    for path in found:
        value = str(path.value) if isinstance(path.value, str | int | float) else ""
        shown = value if len(value) <= _LONGEST_VALUE else f"{value[: _LONGEST_VALUE - 1]}…"
        # One plain line each: references are there to be copied, and must never be cut.
        typer.echo(
            f"{visible(path.template):<{width}}  {path.type:<10}  {path.state:<9}  {visible(shown)}".rstrip()
        )


@app.command()
def migrate(
    old: Annotated[Path, typer.Argument(help="An older step file, or a bare step.", metavar="OLD.json")],
    new: Annotated[Path, typer.Argument(help="Where to write it in today's layout.", metavar="NEW.json")],
    force: Annotated[bool, typer.Option("--force", help="Replace NEW.json when it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was changed as JSON.")] = False,
) -> None:
    """Bring a step file up to date, saying what was changed."""
    definition = load_step(old)
    if new.exists() and not force:
        raise InvalidOption(f"{new} exists already; pass --force to replace it")
    saved = definition.save(new)
    if as_json:
        print_json({"file": str(saved.path), "changes": list(definition.changes)})
    else:
        out.print(escape(str(saved)), soft_wrap=True)
