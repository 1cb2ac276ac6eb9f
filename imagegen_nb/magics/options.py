"""The options of `%%imagegen`: the step's settings under short names, out of their declarations."""

from __future__ import annotations

import argparse
import difflib
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn, get_args

from imagegen_nb.core import magic_lines
from imagegen_nb.core.keywords import given_elsewhere
from imagegen_nb.core.redaction import is_keys_name
from imagegen_nb.errors import InvalidOption, InvalidStep
from imagegen_nb.providers import catalog
from imagegen_nb.step.step import ImageGenerationStep

_DEFAULT: str = ImageGenerationStep.model_fields["model"].default
_NOT_OPTIONS = frozenset(("prompt",))
"""The cell's body."""
_PROMPT = "--prompt"
_LONGEST_VALUES = 70
"""Characters of an option's values; of more, what limits them is left out."""
_FORMAT = functools.partial(argparse.HelpFormatter, width=100, max_help_position=26)
"""A line for each option, whatever width the kernel's process believes its terminal to have."""
_HELP = frozenset(("--help", "-h", "-?", "help"))
_WORKSPACE_OPTIONS = ("--workspace", "--store", "--backend")


@dataclass(frozen=True, slots=True)
class Request:
    """What a line asks for: settings by platform key, where to run, and the variable for the run."""

    settings: Mapping[str, Any]
    variable: str | None
    workspace: str | None
    store: str | None
    backend: str | None

    @property
    def places_workspace(self) -> bool:
        """Whether the line itself says where to run."""
        return self.store is not None or self.backend is not None


class _Parser(argparse.ArgumentParser):
    """One that raises instead of ending the process, which is the kernel."""

    def error(self, message: str) -> NoReturn:
        raise InvalidOption(f"{message}. %imagegen alone lists the options")

    def known(self) -> list[str]:
        """All options, as they are written."""
        return list(self._option_string_actions)


def names() -> dict[str, str]:
    """The options by name, each with the platform's key: `--size` is `image_size`."""
    return {f"--{_short(key)}": key for key in ImageGenerationStep.kinds() if key not in _NOT_OPTIONS}


def in_options(error: InvalidStep) -> InvalidStep:
    """The same problems with the options in the place of Python's settings."""
    options = {key: option for option, key in names().items()}
    keys = re.compile(rf"\b(?:{'|'.join(key for key in options if '_' in key)})\b")

    def renamed(text: str) -> str:
        return keys.sub(lambda match: options[match[0]], text)

    return InvalidStep(
        tuple(
            replace(
                one,
                field=options.get(one.field, one.field),
                message=renamed(one.message),
                remedy=renamed(one.remedy),
            )
            for one in error.problems
        )
    )


def _short(key: str) -> str:
    return key.removeprefix("image_").removeprefix("output_").replace("_", "-")


def parser(name: str = "%%imagegen") -> _Parser:
    """The options as argparse knows them."""
    fields = ImageGenerationStep.model_fields
    built = _Parser(prog=name, add_help=False, allow_abbrev=False, formatter_class=_FORMAT)
    for option, key in names().items():
        annotation = fields[key].annotation
        is_number = int in (annotation, *get_args(annotation))
        kind: Any = _number if is_number else str
        built.add_argument(
            option,
            dest=key,
            type=kind,
            help=f"{fields[key].title}: {_values_in_words(option)}",
            metavar="NUMBER" if is_number else "VALUE",
        )
        in_full = f"--{key.replace('_', '-')}"
        if in_full != option:  # taken as well, and left out of the list, which it would make twice as wide
            built.add_argument(in_full, dest=key, type=kind, help=argparse.SUPPRESS)
    built.add_argument("-o", "--output", metavar="NAME", help="The variable that gets the run.")
    built.add_argument("--workspace", metavar="NAME", help="The variable that holds the workspace.")
    built.add_argument("--store", metavar="PLACE", help="A folder or URL instead of a workspace (assets).")
    built.add_argument("--backend", metavar="NAME", help="Of such a store: live or emulator (emulator).")
    return built


def _number(text: str) -> int:
    """A whole number. argparse names this function where it is none."""
    return int(text)


_number.__name__ = "whole number"


def parse(line: str, name: str = "%%imagegen") -> Request:
    """What `line` asks for; a comment behind it says nothing. Raises `InvalidOption`."""
    try:
        words = magic_lines.words(line)
    except ValueError as error:
        raise InvalidOption(f"{name} {line}: {error}") from None
    built = parser(name)
    parsed, rest = built.parse_known_args(words)
    if rest:
        if is_keys_name(rest[0].partition("=")[0].lstrip("-")):
            raise InvalidOption(f"{rest[0].partition('=')[0]} is not an option: {given_elsewhere('api_key')}")
        is_option = rest[0].startswith("-")
        known = [*built.known(), _PROMPT]
        close = difflib.get_close_matches(rest[0].partition("=")[0], known, n=1) if is_option else [_PROMPT]
        remedy = f": did you mean {close[0]}?" if close else "."
        remedy = ": the prompt belongs in the lines below." if close == [_PROMPT] else remedy
        raise InvalidOption(f"{rest[0]} is not an option{remedy} %imagegen alone lists them")
    given = vars(parsed)
    variable = given.pop("output")
    if variable is not None and not variable.isidentifier():
        raise InvalidOption(f"-o {variable}: is not the name of a variable")
    places = {option: given.pop(option) for option in ("workspace", "store", "backend")}
    settings = {key: value for key, value in given.items() if value is not None}
    return Request(settings, variable, **places)


def asks_for_help(line: str) -> bool:
    """Whether a line asks for nothing else."""
    words = line.split()
    return bool(words) and words[0] in _HELP


def usage() -> str:
    """What `%imagegen` alone says, and `%%imagegen --help`."""
    lines = [
        "%%imagegen [options]      runs a step: the cell is its prompt, and {{name}} a variable of yours",
        "%imagegen form [options]  shows the form with these settings",
        "",
        parser().format_help().partition("options:")[2].strip("\n"),
        "",
        f"Values are those of {_DEFAULT}, the default; Tab completes those of the model that --model names.",
    ]
    return "\n".join(lines)


def completions(line: str, word: str, variables: Iterable[str]) -> list[str]:
    """What `word`, the last one of `line`, may become; `variables` are names of workspaces."""
    words = line[: len(line) - len(word)].split()
    before = words[-1] if words else ""
    if before == "--workspace":
        candidates: Iterable[str] = variables
    elif before == "--backend":
        candidates = ("live", "emulator")
    elif before in (*names(), *_WORKSPACE_OPTIONS, "-o", "--output"):
        candidates = _values(before, words)
    else:
        candidates = [*(option for option in (*names(), *_WORKSPACE_OPTIONS, "-o") if option not in words)]
    return [candidate for candidate in candidates if candidate.startswith(word)]


def _values_in_words(option: str) -> str:
    """The values an option takes with the default model, or where they are to be had."""
    key = names()[option]
    if key == "model":
        return f"{_DEFAULT}, or another: Tab completes them"
    entry = catalog.find(_DEFAULT)
    kind = ImageGenerationStep.kinds()[key] or (entry.model.settings.get(key) if entry else None)
    whole = kind.describe() if kind else ""
    return whole if len(whole) <= _LONGEST_VALUES else whole.partition(":")[0]  # limits stand behind it


def _values(option: str, words: list[str]) -> list[str]:
    """The values an option takes, with the model that the line names, or the default one."""
    key = names().get(option)
    if key is None:
        return []
    if key == "model":
        return [entry.model.name for entry in catalog.models()]
    named = words[words.index("--model") + 1] if "--model" in words[:-2] else None
    entry = catalog.find(named or _DEFAULT)
    kind = ImageGenerationStep.kinds()[key] or (entry.model.settings.get(key) if entry else None)
    schema = kind.schema() if kind else {}
    return [str(value) for value in schema.get("enum") or schema.get("examples") or ()]
