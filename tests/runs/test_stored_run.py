"""Runs out of the ledger: also where it holds what no version has written."""

from __future__ import annotations

import pytest
from support.ledger import entry

from imagegen_nb.errors import InvalidOption, InvalidStep
from imagegen_nb.runs.stored_run import stored_error, stored_run, stored_step
from imagegen_nb.store.local import LocalStore

SETTINGS = '{"model":"gpt-image-2","prompt":"a fox"}'


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"status": 3}', '{"error": "text"}'])
def test_a_damaged_result_is_no_result(tmp_path, text):
    run = stored_run(entry(state="failed", settings_json=SETTINGS, result_json=text), LocalStore(tmp_path))
    assert (run.status, run.error, run.output.settings.model) == ("failed", None, "gpt-image-2")


def test_an_error_is_of_the_kind_it_was():
    told = '{"error":{"kind":"quota","message":"no credit","status":429,"charge":"none"}}'
    error = stored_error(entry(result_json=told))
    assert (error.kind, error.status, str(error)) == ("quota", 429, "openai: no credit [HTTP 429]")
    assert (
        stored_error(entry(result_json='{"error":{"kind":"storage_limit","message":"full"}}')).kind
        == "storage_limit"
    )
    assert str(stored_error(entry(result_json='{"error":{"kind":"never heard of"}}'))).startswith("openai:")


def test_a_step_that_cannot_be_made_again_says_why():
    with pytest.raises(InvalidOption, match="kept no settings"):
        stored_step(entry())
    with pytest.raises(InvalidStep, match="not a known model"):
        stored_step(entry(settings_json='{"model":"my-own","prompt":"x"}'))
