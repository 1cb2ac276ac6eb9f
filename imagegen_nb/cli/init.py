"""`imagegen-nb init`: the files that turn a repository's notebooks into tests."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import click

from imagegen_nb.cli.console import escape, out, print_json
from imagegen_nb.cli.parameters import PATH, json_option
from imagegen_nb.core import install_hint
from imagegen_nb.errors import InvalidOption

_STARTER = {
    "notebooks/hero.ipynb": "hero.ipynb",
    "notebooks/requirements.txt": "requirements.txt",
    "notebooks/.gitignore": "gitignore",
    "cassettes/README.md": "cassettes.md",
    ".github/workflows/notebooks.yml": "notebooks.yml",
}
"""Each file to write, and the file of `starter/` it comes from."""
_PURPOSE = {
    "notebooks/hero.ipynb": "a notebook to start from",
    "notebooks/requirements.txt": "what CI installs to test it",
    "notebooks/.gitignore": "keeps images out of git: those that the notebook shows lie in cassettes",
    "cassettes/README.md": "for others: what lies here, and how it is made",
    ".github/workflows/notebooks.yml": "tests the notebooks at each push, offline and without keys",
}
"""What each is for."""
_NOTEBOOK = "notebooks/hero.ipynb"
_NEEDED = {"test": "nbval", "lab": "jupyterlab"}
"""The extras that what comes next needs, each with a module that only it brings."""
_REQUIREMENTS = "notebooks/requirements.txt"
_SETTING_IN_WORKFLOW = f"""\
        env:
          {install_hint.SETTING}: ${{{{ vars.{install_hint.SETTING} }}}}  # a variable in its settings
"""
_SETTING_IN_REQUIREMENTS = f"""\
# {install_hint.NAME} is on no registry. Where to install it from is set once, in the environment variable
# {install_hint.SETTING}: git+https://…, or the URL of a wheel. Or write that here.
{install_hint.NAME}[test] @ ${{{install_hint.SETTING}}}
"""
_NO_SOURCE = (
    f"note: {_REQUIREMENTS} does not say yet where to install imagegen-nb from: this installation came from "
    f"nowhere that other machines reach. Set the variable {install_hint.SETTING} in the repository's "
    "settings for CI (git+https://…, or the URL of a wheel), or delete the file and run: "
    "imagegen-nb init --source URL"
)


@click.command()
@click.argument("folder", type=PATH, default=".", metavar="[FOLDER]", help="The repository.")
@click.option(
    "--source",
    default="",
    show_default=False,
    metavar="URL|WHEEL",
    help="Where others install imagegen-nb from: a git URL, the URL of a wheel, or a wheel in the "
    "repository. By default where this installation came from, unless that is on this machine.",
)
@json_option("Print what was written as JSON.")
def init(folder: Path, source: str, as_json: bool) -> None:
    """Write a notebook to start from, a folder for cassettes and a CI workflow; overwrite nothing."""
    from imagegen_nb.core.atomic_files import user_path

    folder = user_path(folder, InvalidOption)
    if folder.is_file():
        raise InvalidOption(f"{folder} is a file: give the folder of the repository")
    requirement = _requirement(source, folder)
    written = [name for name, starter in _STARTER.items() if _write(folder / name, starter, requirement)]
    kept = [name for name in _STARTER if name not in written]
    if as_json:
        print_json({"written": written, "kept": kept})
        return
    for name in written:
        out().print(f"wrote {escape(name)}: {_PURPOSE[name]}")
    for name in kept:
        out().print(f"kept {escape(name)}, which is there already")
    if not requirement and _REQUIREMENTS in written:
        out().print(escape(_NO_SOURCE))
    out().print("next:" if folder.samefile(Path.cwd()) else f"next, in {escape(str(folder))}:")
    missing = [extra for extra, module in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        pip = escape(install_hint.install_command(",".join(missing)))
        out().print(f"  {pip}  installs what the next ones need")
    steps = _next_steps(folder)
    widest = max(map(len, steps))
    for command, does in steps.items():
        out().print(f"  {command:{widest}}  {does}")


def _next_steps(repository: Path) -> dict[str, str]:
    """What to do next, and what that does. What was recorded is recorded again once it was changed."""
    from imagegen_nb.replay import cassette_file, paths

    record = f"imagegen-nb record {_NOTEBOOK} --emulator"
    test = {"pytest --nbval notebooks": "its test: offline, without keys, free"}
    lab, commit = "imagegen-nb lab notebooks", "git add notebooks cassettes .github && git commit"
    if cassette_file.exists(paths.of_notebook(repository / _NOTEBOOK)):
        change = {lab: "change it in JupyterLab", record: "then record it again: free"}
        return test | change | {commit: "notebook and cassette together"}
    return (
        {record: "runs it once, free, and writes cassettes/hero"}
        | test
        | {lab: "change it in JupyterLab; then record it again"}
        | {commit: "notebook and cassette together"}
    )


def _requirement(option: str, repository: Path) -> str:
    """This package's line of requirements.txt; empty when no source is known that other machines reach."""
    source = install_hint.parse_source(_checked(option)) if option else install_hint.find_source()
    if source is None or (source.is_local and not option):
        return ""
    if source.is_local:
        source = install_hint.Source(path=_path_in(repository, source.path or source.url))
    return source.requirement("test")


def _checked(option: str) -> str:
    if re.search(r"[\s\x00-\x1f]", option):
        raise InvalidOption(
            "--source holds spaces or line breaks, which no line of requirements.txt can hold"
        )
    user_info = urlsplit(option).netloc.rpartition("@")[0]
    if user_info not in ("", "git"):
        raise InvalidOption(
            "--source holds a user's name or a password, and would be committed: leave it out"
        )
    return option


def _path_in(repository: Path, path: str) -> str:
    """A wheel's path as pip reads it from the repository's root. Refuses files that others do not have."""
    root = repository.resolve()
    file = (root / path).resolve()
    if not file.is_file() or not file.is_relative_to(root):
        raise InvalidOption(
            f"--source {path} is not a file in the repository, so others could not install from it. Give a "
            "git URL, the URL of a wheel, or the path of a wheel that is committed"
        )
    return f"./{file.relative_to(root).as_posix()}"


def _write(path: Path, starter: str, requirement: str) -> bool:
    """Write `path`, whole or not at all, unless it exists; whether it was written."""
    from importlib import resources

    from imagegen_nb.core.atomic_files import explain_writing, write_durably

    content = (resources.files("imagegen_nb.cli") / "starter" / starter).read_text(encoding="utf-8")
    if starter == "requirements.txt":
        content = content.replace(
            "@REQUIREMENT@\n", f"{requirement}\n" if requirement else _SETTING_IN_REQUIREMENTS
        )
    elif starter == "notebooks.yml":
        content = content.replace("@SETTING@\n", "" if requirement else _SETTING_IN_WORKFLOW)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # An empty file is no notebook: a full disk left it, or touch.
        if os.path.lexists(path) and not (path.suffix == ".ipynb" and path.stat().st_size == 0):
            return False
        write_durably(path, content.encode())
    except FileExistsError:
        reason = "a file is where a folder should be"
    except OSError as error:
        reason = explain_writing(error, path.parent)
    else:
        return True
    raise InvalidOption(f"{path} cannot be written: {reason}")
