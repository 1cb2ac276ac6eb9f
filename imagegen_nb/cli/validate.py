"""`imagegen-nb validate`: step files checked without running them."""

from __future__ import annotations

from pathlib import Path

import click

from imagegen_nb.cli.console import escape, fail, out, print_json
from imagegen_nb.cli.parameters import PATH, json_option
from imagegen_nb.errors import DefinitionError


@click.command()
@click.argument("files", type=PATH, nargs=-1, required=True, metavar="STEP.json...", help="Step files.")
@json_option("Print the findings as JSON.")
def validate(files: tuple[Path, ...], as_json: bool) -> None:
    """Check step files; leave with 2 when one is not as it should be."""
    from imagegen_nb.step_file.load import load_step

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
                like = definition.step.entry.model.like
                model = definition.step.model + (f" (declared, like {like})" if like else "")
                summary = f"{file}: {model}, variables: {variables}"
                out().print(f"[green]valid[/] {escape(summary)}", soft_wrap=True)
    if as_json:
        print_json(findings)
    if not all(finding["valid"] for finding in findings):
        raise SystemExit(2)
