"""What a batch of OpenAI's says of itself, also where it says it oddly."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.credentials import Credential
from imagegen_nb.providers.openai_batches import _status

CONNECTION = Connection(
    base_url="https://api.openai.com/v1", credential=Credential(SecretStr("not-a-key"), "your own key")
)


@pytest.mark.parametrize(
    ("told", "expires"),
    [
        (1_714_594_800, "2024-05-01T20:20:00+00:00"),
        (10**14, ""),
        (10**30, ""),
        (-1, ""),
        ("soon", ""),
        (True, ""),
        (None, ""),
    ],
)
def test_an_end_beyond_all_dates_ends_no_collecting(told, expires):
    status = _status({"id": "batch_1", "status": "completed", "expires_at": told}, CONNECTION)
    assert (status.expires_at, status.ended) == (expires, True)


@pytest.mark.parametrize("errors", [None, 5, {"data": 5}, {"data": {"a": 1}}, {"data": [5, None, {}]}])
def test_errors_of_another_form_have_no_reason(errors):
    assert _status({"status": "failed", "errors": errors}, CONNECTION).reason == ""


def test_why_its_file_was_refused_is_told():
    errors = {"object": "list", "data": [{"code": "x", "message": "Line 1 is bad.", "line": 1}]}
    assert _status({"status": "failed", "errors": errors}, CONNECTION).reason == "Line 1 is bad."
