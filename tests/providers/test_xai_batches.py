"""What xAI's counters say of a batch, in the shapes that its own SDK's tests have."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from imagegen_nb.core.types import BatchStatus
from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.credentials import Credential
from imagegen_nb.providers.xai_batches import _status

CONNECTION = Connection(
    base_url="https://api.x.ai/v1", credential=Credential(SecretStr("xai-not-a-key"), "your own key")
)
LONG_AGO, FAR_OFF = "2025-11-12", "2199-11-12"
CANCELLED = {"cancel_time": "2025-11-11T12:00:04Z"}
BY_XAI = {"cancel_by_xai_message": "JSONL file validation failed: line 2 is not valid JSON."}


def status(requests: int, pending: int, expires: str | None = FAR_OFF, **told: Any) -> BatchStatus:
    counters = {"num_requests": requests, "num_pending": pending, "num_success": requests - pending}
    answer = {"batch_id": "batch_1", "name": "night", "expire_time": expires, "state": counters, **told}
    return _status(answer, CONNECTION)


@pytest.mark.parametrize(
    ("told", "said", "ended", "may_be_charged"),
    [
        (status(0, 0), "loading its file", False, True),
        (status(2, 2), "in progress", False, True),
        (status(2, 1), "in progress", False, True),
        (status(2, 0), "completed", True, True),
        (status(0, 0, **CANCELLED), "cancelled", True, False),
        (status(2, 1, **CANCELLED), "cancelled", False, False),  # what is under way is waited for
        (status(0, 0, **BY_XAI), "cancelled", True, False),
        (status(0, 0, LONG_AGO), "expired", True, True),
        (status(2, 0, LONG_AGO), "completed", True, True),
        (status(0, 0, None), "loading its file", False, True),
        (status(0, 0, "tomorrow"), "loading its file", False, True),
    ],
)
def test_a_batch_has_counters_for_a_status(
    told: BatchStatus, said: str, ended: bool, may_be_charged: bool
) -> None:
    assert (told.status, told.ended, told.may_be_charged) == (said, ended, may_be_charged)
    assert told.outputs == (("batch_1",) if ended else ())


def test_a_bare_date_lasts_until_its_end() -> None:
    assert status(1, 1).expires_at == "2199-11-13T00:00:00+00:00"
    assert status(1, 1, "2199-11-12T06:00:00Z").expires_at == "2199-11-12T06:00:00+00:00"
    assert status(1, 1, None).expires_at == ""


def test_why_xai_cancelled_it_is_told() -> None:
    assert status(0, 0, **BY_XAI).reason == "JSONL file validation failed: line 2 is not valid JSON."
