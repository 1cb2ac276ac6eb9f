"""What an exception came from, through causes, contexts and groups."""

from __future__ import annotations

from imagegen_nb.core.error_chain import causes


def test_every_link_is_followed():
    cause, context, member = OSError("cause"), ValueError("context"), KeyError("member")
    group = ExceptionGroup("attempts", [member])
    error = RuntimeError("top")
    error.__cause__, group.__cause__, cause.__context__ = group, cause, context
    assert list(causes(error)) == [error, group, member, cause, context]
    assert list(causes(None)) == []
