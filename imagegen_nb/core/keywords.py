"""Calls that are written wrong are answered as settings are: what is not known, and what was meant.

Python's own `TypeError` names the keyword that it does not know, and no other. `helpful_calls` is put on what
users call; a test finds public calls that lack it.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, TypeVar

from imagegen_nb.core.redaction import is_keys_name
from imagegen_nb.errors import InvalidOption

CallT = TypeVar("CallT", bound=Callable[..., Any])
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_EXAMPLES = {
    "workspace": ', such as workspace=ig.Workspace("assets", backend="emulator")',
    "steps": ', such as steps={"step_1": step}',
    "cell": ", such as sweep[0] or its number",
    "deployment": ', its name on the platform, such as deployment="hero-shot"',
    "b": ", the second of the two to compare",
    "store": ', the folder for images, such as Workspace("assets", backend="emulator")',
    "folder": ', such as "images"',
    "step": ', such as ig.ImageGenerationStep(prompt="A lamp")',
}
"""What to give for a value that is needed, where its name does not say it."""
_KEY = "a key stands in no code: it is read from a variable, such as OPENAI_API_KEY"
_OF_WORKSPACE = (
    *("backend", "budget", "session_budget", "run_budget", "hosted", "requests_per_minute"),
    *("storage_limit", "timeout"),
)
"""Keywords of a workspace, which people give to what runs in it."""
_LONGEST_NAME = 100
"""Characters of an unknown name that are compared with the known ones."""


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The nearest of the known names as a question, or all of them where none is near."""
    known = list(known)
    close = difflib.get_close_matches(name[:_LONGEST_NAME], known, n=1, cutoff=cutoff)
    if close:
        return f"did you mean {close[0]}?"
    return f"choose from {', '.join(known)}" if known else "there are none"


def given_elsewhere(name: str) -> str:
    """Where to give what `name` says, which is known, but to something else; empty where it is not known."""
    if is_keys_name(name):
        return _KEY
    if name == "workspace":
        return "a workspace is given where it runs: run(workspace=…)"
    if name in _OF_WORKSPACE:
        return f'give it to the workspace: ig.Workspace("assets", {name}=…)'
    return ""


def helpful_calls(target: CallT) -> CallT:
    """Let `target`, a function or a class with its public methods, explain calls that are written wrong.

    It raises `InvalidOption` then: for a keyword that it does not know, for a value that it needs and was not
    given, or was given twice, for too many values without a name, and for a workspace among those.
    """
    if not isinstance(target, type):
        return _helpful(target, target.__name__)
    for name, value in list(vars(target).items()):
        if name.startswith(("_", "model_")) and name != "__init__":
            continue  # pydantic calls its own
        shown = target.__name__ if name == "__init__" else name
        if isinstance(value, FunctionType):
            setattr(target, name, _helpful(value, shown, bound=1))
        elif isinstance(value, classmethod) and isinstance(value.__func__, FunctionType):
            setattr(target, name, classmethod(_helpful(value.__func__, shown, bound=1)))
    return target


def takes(function: Callable[..., object], count: int) -> bool:
    """Whether a user's function can be called with so many values, as far as that can be told."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # one of C may say nothing of what it takes
        return True
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def is_workspace(value: object) -> bool:
    """Whether `value` is a workspace, known by what it can do: its class lies in a higher layer."""
    return not isinstance(value, type) and all(
        callable(getattr(value, method, None)) for method in ("submit", "route")
    )


def no_workspace(given: object) -> InvalidOption:
    """The error for something else in a workspace's place."""
    return InvalidOption(
        f"workspace = {given!r}: give a workspace, which says where images go and who pays, "
        'e.g. workspace=ig.Workspace("assets", backend="emulator")'
    )


def is_helpful(function: object) -> bool:
    """Whether wrong calls of `function` are answered, or cannot be made."""
    return hasattr(function, "_helpful") or not _can_be_misspelt(function)


def _can_be_misspelt(function: object) -> bool:
    parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    return not takes_any and any(
        parameter.kind in _BY_NAME and parameter.name not in ("self", "cls") for parameter in parameters
    )


def _instead(name: str, names: list[str]) -> str:
    hint = given_elsewhere(name) or did_you_mean(name, names)
    if hint.startswith("choose") and "inputs" in names:
        return f"a variable's value goes into inputs={{{name[:_LONGEST_NAME]!r}: …}}; else {hint}"
    return hint


def _helpful(function: CallT, shown: str, bound: int = 0) -> CallT:
    """`function`, its calls looked at before they are made; `bound` counts `self`."""
    parameters = list(inspect.signature(function).parameters.values())[bound:]
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    names = [parameter.name for parameter in parameters if parameter.kind in _BY_NAME]
    known = frozenset(names)
    needed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    takes_many = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    required = [p.name for p in parameters if p.kind in _BY_POSITION and p.default is p.empty]
    by_position = [parameter.name for parameter in parameters if parameter.kind in _BY_POSITION]
    most = bound + len(by_position)
    place = by_position.index("workspace") if "workspace" in by_position else -1

    def check(args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        for name in keywords:
            if name not in known and not takes_any:  # its value is not repeated: it may be a key
                raise InvalidOption(f"{shown}({name}=…): there is no {name}; {_instead(name, names)}")
        misplaced = "workspace" in known and any(
            number != place and is_workspace(value) for number, value in enumerate(args[bound:])
        )
        if misplaced:
            first = f"; the first argument is {by_position[0]}" if by_position else ""
            raise InvalidOption(f"{shown}(…): a workspace is given by name, {shown}(workspace=…){first}")
        if len(args) > most and not takes_many:
            by_name = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
            by_name += ["…"] if takes_any else []
            remedy = f"give the others by name: {', '.join(by_name)}" if by_name else "give no more"
            number = most - bound or "none"
            raise InvalidOption(f"{shown}(…) takes {number} without a name; {remedy}")
        given = by_position[: len(args) - bound]
        for name in given:
            if name in keywords and name in known:
                raise InvalidOption(f"{shown}(…) has {name} twice, once without its name: leave one out")
        for name in (*required, *needed):
            if name not in keywords and name not in given:
                raise InvalidOption(f"{shown}(…) needs {name}{_EXAMPLES.get(name, '')}")

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def call(*args: Any, **keywords: Any) -> Any:
            check(args, keywords)
            return await function(*args, **keywords)
    else:

        @functools.wraps(function)
        def call(*args: Any, **keywords: Any) -> Any:
            check(args, keywords)
            return function(*args, **keywords)

    call._helpful = True  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]
