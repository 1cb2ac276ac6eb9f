"""`imagegen-nb validate`: steps, workflows, and the steps of images, checked without running them."""

from __future__ import annotations

from pathlib import Path

import click

from imagegen_nb.cli.console import escape, fail, out, print_json
from imagegen_nb.cli.parameters import PATH, json_option
from imagegen_nb.errors import DefinitionError


@click.command()
@click.argument(
    "files",
    type=PATH,
    nargs=-1,
    required=True,
    metavar="FILE.json...",
    help="Step files, workflow files, or images.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Verify images' content credentials too (extra c2pa), without calling a server.",
)
@json_option("Print the findings as JSON.")
def validate(files: tuple[Path, ...], verify: bool, as_json: bool) -> None:
    """Check step files, workflow files, and images that say which step made them; exit with 2 when one is
    not as it should be."""

    findings = []
    for file in files:
        credentials = _credentials(file, verify=verify)
        told = {"content_credentials": credentials} if credentials else {}
        also = f", content credentials: {credentials}" if credentials else ""
        try:
            summary, changes = _checked(file)
        except DefinitionError as error:
            findings.append(
                {"file": str(file), "valid": False, "place": error.place, "error": str(error)} | told
            )
            if not as_json:
                for line in f"{error}{also}".splitlines():
                    is_named = not error.place and str(file) in line
                    fail(line if is_named else f"{file}: {line}")
        else:
            findings.append({"file": str(file), "valid": True, "changes": list(changes)} | told)
            if not as_json:
                out().print(f"[green]valid[/] {escape(f'{file}: {summary}{also}')}")
    if as_json:
        print_json(findings)
    if not all(finding["valid"] for finding in findings):
        raise SystemExit(2)


def _checked(file: Path) -> tuple[str, tuple[str, ...]]:
    """What a file holds, in a line, and what was changed to read it. Raises `DefinitionError`."""
    from imagegen_nb.step_file.file_kind import is_workflow_file
    from imagegen_nb.step_file.load import load_step

    if is_workflow_file(file):
        from imagegen_nb.cli.workflow_files import checked_workflow

        return checked_workflow(file)
    definition = load_step(file)
    variables = ", ".join(definition.step.variables) or "none"
    like = definition.step.entry.model.like
    model = definition.step.model + (f" (declared, like {like})" if like else "")
    return f"{model}, variables: {variables}", definition.changes


def _credentials(file: Path, *, verify: bool) -> str:
    """What there is to say of an image's content credentials; nothing where it has none."""
    from imagegen_nb.core.content_credentials import STATE, are_in

    try:
        if not file.is_file():
            return ""
        with file.open("rb") as opened:
            if not are_in(opened):
                return ""
        data = file.read_bytes() if verify else b""
    except OSError:  # told when the step is read
        return ""
    if not verify:
        return STATE
    from imagegen_nb.core.credentials_check import verify as verify_credentials
    from imagegen_nb.core.images import sniff

    return verify_credentials(data, sniff(data) or "image/png").summary
