"""Batches as OpenAI's own SDK uses them."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from imagegen_nb.emulator import Emulator, Fault

ENDPOINT = "/v1/images/generations"


def line(key: str, **body: object) -> bytes:
    asked = {"model": "gpt-image-2", "prompt": f"A {key}", "size": "1024x640", "quality": "low", **body}
    return json.dumps({"custom_id": key, "method": "POST", "url": ENDPOINT, "body": asked}).encode() + b"\n"


def make(oai: openai.OpenAI, content: bytes, **metadata: str) -> openai.types.Batch:
    file = oai.files.create(file=("cells.jsonl", content, "application/jsonl"), purpose="batch")
    return oai.batches.create(
        input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h", metadata=metadata
    )


def lines_of(oai: openai.OpenAI, file: str | None) -> dict[str, Any]:
    assert file is not None
    answers = [json.loads(text) for text in oai.files.content(file).text.splitlines()]
    return {answer["custom_id"]: answer for answer in answers}


def counts(batch: openai.types.Batch) -> tuple[int, int, int]:
    assert batch.request_counts is not None
    return batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed


def test_a_batch_goes_through_its_states(oai: openai.OpenAI, emulator: Emulator) -> None:
    emulator.batches.looks = 3
    made = make(oai, line("lamp") + line("vase"), name="night")
    assert (made.status, made.metadata, counts(made)) == ("validating", {"name": "night"}, (0, 0, 0))
    running = oai.batches.retrieve(made.id)
    assert (running.status, counts(running), running.output_file_id) == ("in_progress", (2, 0, 0), None)
    assert emulator.batches.images_paid == {}
    finalizing = oai.batches.retrieve(made.id)
    assert finalizing.status == "finalizing"
    assert finalizing.finalizing_at is not None
    ended = oai.batches.retrieve(made.id)
    assert (ended.status, counts(ended), ended.error_file_id) == ("completed", (2, 2, 0), None)
    assert ended.completed_at is not None
    assert ended.model == "gpt-image-2"
    assert oai.batches.retrieve(made.id) == ended
    assert emulator.batches.images_paid == {"lamp": 1, "vase": 1}


def test_a_batch_may_never_end(oai: openai.OpenAI, emulator: Emulator) -> None:
    emulator.batches.held = True
    made = make(oai, line("lamp"))
    assert {oai.batches.retrieve(made.id).status for _ in range(5)} == {"in_progress"}
    emulator.batches.held = False
    assert oai.batches.retrieve(made.id).status == "completed"


def test_an_answer_is_that_of_a_single_call(oai: openai.OpenAI, emulator: Emulator) -> None:
    made = make(oai, line("lamp") + line("vase", n=2) + line("rug"))
    ended = oai.batches.retrieve(made.id)
    answers = lines_of(oai, ended.output_file_id)
    assert list(answers) == ["vase", "lamp", "rug"]  # in another order than the requests
    alone = oai.images.generate(model="gpt-image-2", prompt="A vase", size="1024x640", quality="low", n=2)  # type: ignore[call-overload]
    assert alone.usage is not None
    vase = answers["vase"]
    assert set(vase) == {"id", "custom_id", "response", "error"}
    assert vase["id"].startswith("batch_req_")
    assert vase["error"] is None
    assert vase["response"]["status_code"] == 200
    assert vase["response"]["request_id"]
    body = vase["response"]["body"]
    assert [image["b64_json"] for image in body["data"]] == [image.b64_json for image in alone.data]
    assert body["usage"]["output_tokens"] == alone.usage.output_tokens
    assert emulator.batches.images_paid == {"lamp": 1, "vase": 2, "rug": 1}
    assert ended.usage is not None
    spent = [answer["response"]["body"]["usage"]["total_tokens"] for answer in answers.values()]
    assert ended.usage.total_tokens == sum(spent)


def test_what_was_refused_stands_in_the_file_of_errors(oai: openai.OpenAI, emulator: Emulator) -> None:
    emulator.script("openai", Fault("moderation"), Fault("ok"), Fault("ok"), Fault("server_error"))
    ended = oai.batches.retrieve(
        make(oai, line("gun") + line("vase") + line("rug", size="7x7") + line("cup")).id
    )
    assert (ended.status, counts(ended)) == ("completed", (4, 1, 3))
    assert list(lines_of(oai, ended.output_file_id)) == ["vase"]
    refused = {key: each["response"] for key, each in lines_of(oai, ended.error_file_id).items()}
    assert {key: each["status_code"] for key, each in refused.items()} == {"gun": 400, "rug": 400, "cup": 500}
    assert refused["gun"]["body"]["error"]["code"] == "moderation_blocked"
    assert emulator.batches.images_paid == {"gun": 0, "vase": 1, "rug": 0, "cup": 0}


def test_a_batch_of_nothing_but_errors_has_no_output(oai: openai.OpenAI, emulator: Emulator) -> None:
    emulator.script("openai", Fault("moderation"))
    ended = oai.batches.retrieve(make(oai, line("gun")).id)
    assert (ended.status, ended.output_file_id) == ("completed", None)
    assert list(lines_of(oai, ended.error_file_id)) == ["gun"]


@pytest.mark.parametrize(
    ("fault", "paid"),
    [
        (Fault("bad_base64"), 2),
        (Fault("truncated_image"), 2),
        (Fault("empty"), 2),
        (Fault("fewer", images=1), 1),
    ],
)
def test_what_is_spoiled_is_paid_for(oai: openai.OpenAI, emulator: Emulator, fault: Fault, paid: int) -> None:
    emulator.script("openai", fault)
    ended = oai.batches.retrieve(make(oai, line("lamp", n=2)).id)
    assert list(lines_of(oai, ended.output_file_id)) == ["lamp"]
    assert emulator.batches.images_paid == {"lamp": paid}


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_what_was_not_carried_out_has_an_error(oai: openai.OpenAI, emulator: Emulator, ending: Any) -> None:
    emulator.batches.carried_out = 1
    made = make(oai, line("lamp") + line("vase"))
    if ending == "cancelled":
        assert oai.batches.cancel(made.id).status == "cancelling"
    else:
        emulator.batches.ending = ending
    ended = oai.batches.retrieve(made.id)
    assert (ended.status, counts(ended)) == (ending, (2, 1, 0))
    assert getattr(ended, f"{ending}_at") is not None
    assert list(lines_of(oai, ended.output_file_id)) == ["lamp"]
    answer = lines_of(oai, ended.error_file_id)["vase"]
    assert answer["response"] is None
    assert answer["error"]["code"] == f"batch_{ending}"
    assert emulator.batches.images_paid == {"lamp": 1}


@pytest.mark.parametrize("kind", ["hang", "drop"])
def test_a_request_may_time_out(oai: openai.OpenAI, emulator: Emulator, kind: Any) -> None:
    emulator.script("openai", Fault(kind))
    ended = oai.batches.retrieve(make(oai, line("lamp") + line("vase")).id)
    assert counts(ended) == (2, 1, 1)
    answer = lines_of(oai, ended.error_file_id)["lamp"]
    assert (answer["response"], answer["error"]["code"]) == (None, "request_timeout")


def test_a_batch_that_was_not_begun_is_cancelled_for_nothing(oai: openai.OpenAI, emulator: Emulator) -> None:
    emulator.batches.held = True
    made = make(oai, line("lamp"))
    oai.batches.cancel(made.id)
    assert oai.batches.retrieve(made.id).status == "cancelled"
    assert oai.batches.cancel(made.id).status == "cancelled"  # twice is allowed
    assert emulator.batches.images_paid == {}


def test_an_ended_batch_cannot_be_cancelled(oai: openai.OpenAI) -> None:
    made = make(oai, line("lamp"))
    oai.batches.retrieve(made.id)
    with pytest.raises(openai.ConflictError, match="Cannot cancel a batch with status 'completed'"):
        oai.batches.cancel(made.id)


def test_batches_are_listed_page_by_page_the_newest_first(oai: openai.OpenAI) -> None:
    made = [make(oai, line("lamp")).id for _ in range(5)]
    assert [batch.id for batch in oai.batches.list(limit=2)] == made[::-1]
    first = oai.batches.list(limit=2)
    assert (first.has_more, [batch.id for batch in first.data]) == (True, made[:-3:-1])


def test_a_file_with_errors_fails_its_batch(oai: openai.OpenAI, emulator: Emulator) -> None:
    emulator.batches.held = True  # a bad file shows at once all the same
    made = make(oai, line("lamp") + b"{invalid\n" + line("lamp"))
    assert made.status == "validating"
    failed = oai.batches.retrieve(made.id)
    assert (failed.status, failed.output_file_id, failed.error_file_id) == ("failed", None, None)
    assert failed.failed_at is not None
    assert failed.errors is not None
    assert [(each.line, each.code, each.param) for each in failed.errors.data or []] == [
        (2, "invalid_json_line", None),
        (3, "duplicate_custom_id", "custom_id"),
    ]
    assert emulator.batches.images_paid == {}


def test_a_file_that_is_not_there_fails_its_batch(oai: openai.OpenAI) -> None:
    made = oai.batches.create(input_file_id="file-gone", endpoint=ENDPOINT, completion_window="24h")
    failed = oai.batches.retrieve(made.id)
    assert failed.errors is not None
    (problem,) = failed.errors.data or []
    assert (problem.code, problem.param) == ("invalid_request", "file_id")
    assert "Cannot find file file-gone" in str(problem.message)


@pytest.mark.parametrize(
    ("changed", "code", "param"),
    [
        ({"endpoint": "/v1/nothing"}, "invalid_value", "endpoint"),
        ({"completion_window": "1h"}, "invalid_value", "completion_window"),
        ({"metadata": {"tags": ["a"]}}, "invalid_type", "metadata.tags"),
        ({"metadata": {"a": "x" * 513}}, "string_above_max_length", "metadata.a"),
        ({"metadata": {str(number): "" for number in range(17)}}, "invalid_value", "metadata"),
        ({"input_file_id": None}, "missing_required_parameter", "input_file_id"),
    ],
)
def test_a_bad_creation_is_refused(
    oai: openai.OpenAI, emulator: Emulator, changed: Any, code: str, param: str
):
    asked: Any = {"input_file_id": "file-a", "endpoint": ENDPOINT, "completion_window": "24h", **changed}
    with pytest.raises(openai.BadRequestError) as raised:
        oai.batches.create(**asked)
    assert (raised.value.code, raised.value.param) == (code, param)
    assert emulator.batches.batches == {}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("not_found"), openai.NotFoundError),
        (Fault("not_found", status=410), openai.APIStatusError),
        (Fault("server_error", status=503), openai.InternalServerError),
        (Fault("drop"), openai.APIConnectionError),
        (Fault("cut", sent=0.5), openai.APIConnectionError),
    ],
)
def test_a_file_may_not_be_fetched_and_is_there_still(
    oai: openai.OpenAI, emulator: Emulator, fault: Fault, expected: type[Exception]
) -> None:
    ended = oai.batches.retrieve(make(oai, line("lamp")).id)
    emulator.batches.script("download", fault)
    with pytest.raises(expected):
        lines_of(oai, ended.output_file_id)
    assert list(lines_of(oai, ended.output_file_id)) == ["lamp"]
    assert emulator.batches.images_paid == {"lamp": 1}  # once, however often it is fetched


def test_a_line_may_be_no_json(oai: openai.OpenAI, emulator: Emulator) -> None:
    emulator.batches.line_that_is_no_json = True
    ended = oai.batches.retrieve(make(oai, line("lamp") + line("vase")).id)
    assert ended.output_file_id is not None
    texts = oai.files.content(ended.output_file_id).text.splitlines()
    assert len(texts) == 3
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(texts[1])


def test_calls_fail_as_they_are_scripted(oai: openai.OpenAI, emulator: Emulator) -> None:
    emulator.batches.script("create", Fault("server_error"), Fault("drop"), Fault("rate_limit"))
    for expected in (openai.InternalServerError, openai.APIConnectionError, openai.RateLimitError):
        with pytest.raises(expected):
            make(oai, line("lamp"))
    assert len(emulator.batches.batches) == 1  # the dropped one was made, and not told
    emulator.batches.script("look", Fault("html"))
    made = make(oai, line("lamp"))
    assert "<html>" in str(oai.batches.retrieve(made.id))
    assert oai.batches.retrieve(made.id).status == "completed"


def test_a_key_is_needed_and_what_is_not_there_is_not_found(oai: openai.OpenAI) -> None:
    stranger = oai.with_options(api_key="sk-invalid")
    for ask in (stranger.batches.list, stranger.files.list, lambda: make(stranger, line("lamp"))):
        with pytest.raises(openai.AuthenticationError):
            ask()
    for ask in (oai.batches.retrieve, oai.batches.cancel):
        with pytest.raises(openai.NotFoundError, match="No batch found with id 'batch_unknown'"):
            ask("batch_unknown")


def test_a_batch_of_500_is_made_bit_by_bit(oai: openai.OpenAI, emulator: Emulator) -> None:
    content = b"".join(line(str(number)) for number in range(500))
    ended = oai.batches.retrieve(make(oai, content).id)
    assert counts(ended) == (500, 500, 0)
    assert emulator.batches.images_paid.total() == 500
    assert ended.output_file_id is not None
    with oai.files.with_streaming_response.content(ended.output_file_id) as response:
        first = next(response.iter_lines())  # without the other 499 having been drawn
    assert json.loads(first)["custom_id"] == "1"
