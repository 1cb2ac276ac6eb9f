"""What calls used, as each provider says it."""

from __future__ import annotations

from imagegen_nb.core.types import Usage
from imagegen_nb.replay.recording import Recording, usage_of


def answer(body: bytes, kind: str = "application/json") -> Recording:
    return Recording(
        method="POST", url="https://a.b/c", call="0", request_body=b"{}", status=200, response_body=body,
        headers={"content-type": kind},
    )  # fmt: skip


def test_the_figures_of_all_providers_are_summed():
    found = usage_of(
        [
            answer(b'{"usage": {"total_tokens": 10}}'),
            answer(b'{"usageMetadata": {"totalTokenCount": 5}}'),
            answer(b'{"usage": {"cost_in_usd_ticks": 7}}'),
            answer(b'data: {"x": 1}\n\ndata: {"usage": {"total_tokens": 3}}\n\n', "text/event-stream"),
            answer(b"<html>"),
            answer(b'{"usage": [1]}'),
        ]
    )
    assert found == Usage(total=18, cost_in_usd_ticks=7)


def test_what_nobody_reports_is_unknown():
    assert usage_of([answer(b"{}")]) == Usage()
