"""`imagegen-nb init`: what a repository needs so that its notebooks are tests."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from imagegen_nb.cli.console import app, out, print_json
from imagegen_nb.core.atomic_files import explain, user_path
from imagegen_nb.errors import InvalidOption

_STARTER = {
    "notebooks/hero.ipynb": "hero.ipynb",
    "notebooks/requirements.txt": "requirements.txt",
    "notebooks/.gitignore": "gitignore",
    "cassettes/README.md": "cassettes.md",
    ".github/workflows/notebooks.yml": "notebooks.yml",
}
"""The files of a repository, and those of `starter/` they come from."""


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The repository.", metavar="[FOLDER]")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write a notebook to start from, a folder for cassettes and a CI workflow; overwrite nothing."""
    folder = user_path(folder, InvalidOption)
    written = [name for name, source in _STARTER.items() if _write(folder / name, source)]
    kept = [name for name in _STARTER if name not in written]
    if as_json:
        print_json({"written": written, "kept": kept})
        return
    for name in written:
        out.print(f"wrote {escape(name)}")
    for name in kept:
        out.print(f"kept {escape(name)}, which is there already")
    out.print("next: imagegen-nb record notebooks/hero.ipynb --emulator", soft_wrap=True)
    out.print("then: pytest --nbval notebooks")


def _write(path: Path, source: str) -> bool:
    """Whether `path` was written, because it was not there."""
    content = (resources.files("imagegen_nb.cli") / "starter" / source).read_bytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        if path.exists():
            return False
        reason = "a file is where a folder should be"
    except OSError as error:
        reason = explain(error)
    else:
        return True
    raise InvalidOption(f"{path} cannot be written: {reason}")
