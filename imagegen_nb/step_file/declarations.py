"""What a step file says of a model that the catalog does not know: which known one it is like.

A file may be read by a version that knows the model by now, or by a process that has declared it otherwise.
The catalog goes first, then the process, then the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from imagegen_nb.errors import DefinitionError, InvalidOption
from imagegen_nb.providers import catalog
from imagegen_nb.providers.capabilities import Model
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.step_file.document import Declaration, redacted

_KEY = "declaration"
_LIKE = f"{_KEY}.like"


def declaration_of(step: ImageGenerationStep) -> Declaration | None:
    """What a file has to say of the step's model; None for one of the catalog."""
    like = catalog.origin(step.entry.model)
    return Declaration(like=like) if like else None


def own_settings_note(step: ImageGenerationStep) -> str:
    """That the declaration has more than a file can carry; empty where it has not."""
    model = step.entry.model
    known = catalog.find(catalog.origin(model)) if model.like else None
    if known is None or model.settings == known.model.settings:
        return ""
    return f"{model.name} is declared with settings of its own, which no file carries: declare it in Python"


@contextmanager
def declared(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """`document` with its model usable inside the block and after it, and what was changed for that.

    An exception takes a declaration that was made here back. Raises `DefinitionError`.
    """
    said = document.get(_KEY)
    if said is None:
        yield document, []
        return
    like = _like(said)
    step = document.get("step", document)
    name = step.get("model") if isinstance(step, dict) else None
    if not isinstance(name, str):
        raise DefinitionError("is for a model, and step.model names none", place=_KEY)
    known = catalog.find(name)
    if known is not None and not known.model.like:
        yield (
            {key: value for key, value in document.items() if key != _KEY},
            [f"{_KEY} was dropped: {name} is in the catalog by now, with its own settings"],
        )
        return
    if known is not None:
        here = catalog.origin(known.model)
        differs = f"{_LIKE} was {redacted(like, 100)}: this process declares {name} like {here}, which holds"
        yield {**document, _KEY: {"like": here}}, [differs] if here != like else []
        return
    try:
        catalog.declare(Model(name, like=like))
    except InvalidOption as error:
        reason = redacted(str(error))
    else:
        try:
            yield document, []
        except BaseException:
            catalog.unregister(name)
            raise
        return
    raise DefinitionError(reason, place=_LIKE if catalog.can_be_declared(name) else "step.model")


def _like(said: object) -> str:
    if not isinstance(said, dict):
        raise DefinitionError("is not an object", place=_KEY)
    for key in said:
        if key != "like":
            raise DefinitionError("unknown key", place=redacted(f"{_KEY}.{key}", 80))
    like = said.get("like")
    if not isinstance(like, str):
        raise DefinitionError("is not text" if "like" in said else "is missing", place=_LIKE)
    return like
