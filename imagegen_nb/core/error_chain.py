"""An exception and what it came from: the HTTP client wraps what the system says, more than once."""

from __future__ import annotations

from collections.abc import Iterator


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """`error`, and what it came from, one after the other; those of a group too."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from (cause for one in error.exceptions for cause in causes(one))
        error = error.__cause__ or error.__context__
