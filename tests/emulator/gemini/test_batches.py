"""Batches as Google's own SDK uses them."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from imagegen_nb.emulator import Emulator, Fault

MODEL = "gemini-nano-banana-2.1"
STATE = types.JobState


def request(words: str) -> dict[str, Any]:
    return {
        "contents": [{"parts": [{"text": words}], "role": "user"}],
        "generationConfig": {"responseModalities": ["IMAGE"]},
    }


def line(key: str, words: str = "") -> bytes:
    return json.dumps({"key": key, "request": request(words or f"A {key}")}).encode() + b"\n"


def make(google: genai.Client, content: bytes, name: str = "night") -> types.BatchJob:
    file = google.files.upload(file=io.BytesIO(content), config={"mime_type": "application/jsonl"})
    assert file.name is not None
    return google.batches.create(model=MODEL, src=file.name, config={"display_name": name})


def make_inline(google: genai.Client, *words: str) -> types.BatchJob:
    requests = [
        types.InlinedRequest(
            model=MODEL,
            contents=text,  # type: ignore[arg-type]
            metadata={"key": text},
            config=types.GenerateContentConfig(response_modalities=["IMAGE"]),
        )
        for text in words
    ]
    return google.batches.create(model=MODEL, src=requests, config={"display_name": "inline"})


def look(google: genai.Client, batch: types.BatchJob) -> types.BatchJob:
    assert batch.name is not None
    return google.batches.get(name=batch.name)


def lines_of(google: genai.Client, batch: types.BatchJob) -> dict[str, Any]:
    assert batch.dest is not None
    assert batch.dest.file_name is not None
    answers = [json.loads(text) for text in google.files.download(file=batch.dest.file_name).splitlines()]
    return {answer["key"]: answer for answer in answers}


def image_of(response: types.GenerateContentResponse | None) -> bytes:
    assert response is not None
    (part,) = response.parts or []
    assert part.inline_data is not None
    assert part.inline_data.data is not None
    return part.inline_data.data


def test_a_batch_goes_through_its_states(google: genai.Client, emulator: Emulator) -> None:
    emulator.batches.looks = 2
    made = make(google, line("lamp") + line("vase"))
    assert (made.display_name, made.state, made.model) == (
        "night",
        STATE.JOB_STATE_PENDING,
        f"models/{MODEL}",
    )
    running = look(google, made)
    assert (running.state, running.dest, running.end_time) == (STATE.JOB_STATE_RUNNING, None, None)
    ended = look(google, made)
    assert ended.state == STATE.JOB_STATE_SUCCEEDED
    assert ended.end_time is not None
    assert emulator.batches.images_paid == {"lamp": 1, "vase": 1}


def test_answers_come_in_a_file_by_their_keys(google: genai.Client, emulator: Emulator) -> None:
    emulator.script("gemini", Fault("ok"), Fault("bad_request"), Fault("moderation"))
    made = make(google, line("lamp") + line("vase") + line("gun"))
    answers = lines_of(google, look(google, made))
    assert list(answers) == ["vase", "lamp", "gun"]  # in another order than the requests
    alone = google.models.generate_content(
        model=MODEL,
        contents="A lamp",
        config=types.GenerateContentConfig(response_modalities=["IMAGE"]),
    )
    lamp = types.GenerateContentResponse.model_validate(answers["lamp"]["response"])
    assert image_of(lamp) == image_of(alone)
    assert lamp.usage_metadata == alone.usage_metadata
    assert answers["vase"] == {
        "key": "vase",
        "error": {"code": 3, "message": "Request contains an invalid argument."},
    }
    assert answers["gun"]["response"]["candidates"][0]["finishReason"] == "IMAGE_SAFETY"
    assert emulator.batches.images_paid == {"lamp": 1, "vase": 0, "gun": 0}


def test_answers_come_inline_in_the_order_of_their_requests(google: genai.Client, emulator: Emulator) -> None:
    emulator.script("gemini", Fault("ok"), Fault("server_error"))
    made = make_inline(google, "a lamp", "a vase", "a rug")
    ended = look(google, made)
    assert ended.dest is not None
    answers = ended.dest.inlined_responses
    assert answers is not None
    assert [answer.metadata for answer in answers] == [{"key": "a lamp"}, {"key": "a vase"}, {"key": "a rug"}]
    assert image_of(answers[0].response) != image_of(answers[2].response)
    assert answers[1].response is None
    assert answers[1].error is not None
    assert answers[1].error.code == 13  # gRPC's, not HTTP's
    assert emulator.batches.images_paid == {"a lamp": 1, "a vase": 0, "a rug": 1}


def test_a_request_may_time_out(google: genai.Client, emulator: Emulator) -> None:
    emulator.script("gemini", Fault("hang"))
    answers = lines_of(google, look(google, make(google, line("lamp"))))
    assert answers["lamp"]["error"]["code"] == 4


def test_equal_requests_make_different_images(google: genai.Client) -> None:
    answers = lines_of(google, look(google, make(google, line("0", "A lamp") + line("1", "A lamp"))))
    images = {
        image_of(types.GenerateContentResponse.model_validate(answers[key]["response"])) for key in "01"
    }
    assert len(images) == 2


def test_many_inline_images_are_paid_for_and_cannot_be_had(google: genai.Client, emulator: Emulator) -> None:
    emulator.batches.most_inlined = 3
    made = make_inline(google, "a lamp", "a vase", "a rug")
    for _ in range(2):
        with pytest.raises(errors.ServerError) as raised:
            look(google, made)
        assert raised.value.code == 503
    assert emulator.batches.images_paid.total() == 3
    assert [batch.state for batch in google.batches.list()] == [STATE.JOB_STATE_SUCCEEDED]
    fewer = make_inline(google, "a lamp", "a vase")
    assert look(google, fewer).state == STATE.JOB_STATE_SUCCEEDED


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_a_batch_that_ends_early_has_no_results(
    google: genai.Client, emulator: Emulator, ending: Any
) -> None:
    emulator.batches.carried_out = 1
    made = make(google, line("lamp") + line("vase"))
    assert made.name is not None
    if ending == "cancelled":
        google.batches.cancel(name=made.name)
    else:
        emulator.batches.ending = ending
    ended = look(google, made)
    assert ended.state == STATE[f"JOB_STATE_{ending.upper()}"]
    assert ended.dest is None
    with pytest.raises(errors.ClientError):
        google.files.download(file=f"files/batch-{made.name.removeprefix('batches/')}")
    assert emulator.batches.images_paid == {"lamp": 1}


def test_stats_leave_zeros_out(google: genai.Client, emulator: Emulator, http: httpx2.Client) -> None:
    emulator.script("gemini", Fault("server_error"))
    made = make(google, line("lamp") + line("vase"))
    path = f"/gemini/v1beta/{made.name}"
    ended = http.get(path).json()
    stats = {"requestCount": "2", "successfulRequestCount": "1", "failedRequestCount": "1"}
    assert ended["metadata"]["batchStats"] == stats
    assert ended["done"] is True
    assert ended["response"]["responsesFile"] == ended["metadata"]["output"]["responsesFile"]


def test_batches_are_listed_page_by_page_the_newest_first(google: genai.Client) -> None:
    made = [make(google, line("lamp"), str(number)).display_name for number in range(5)]
    assert [batch.display_name for batch in google.batches.list(config={"page_size": 2})] == made[::-1]


def test_a_deleted_batch_is_gone_with_its_answers(google: genai.Client) -> None:
    ended = look(google, make(google, line("lamp")))
    assert ended.name is not None
    google.batches.delete(name=ended.name)
    for ask in (lambda: look(google, ended), lambda: lines_of(google, ended)):
        with pytest.raises(errors.ClientError):
            ask()
    assert list(google.batches.list()) == []


@pytest.mark.parametrize("content", [line("lamp") + b"{}\n", b"no json\n", b"\n"])
def test_a_line_without_a_request_fails_the_batch(
    google: genai.Client, emulator: Emulator, content: bytes
) -> None:
    assert look(google, make(google, content)).state == STATE.JOB_STATE_FAILED
    assert emulator.batches.images_paid.total() == 0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("not_found"), errors.ClientError),
        (Fault("not_found", status=410), errors.ClientError),
        (Fault("server_error", status=503), errors.ServerError),
        (Fault("drop"), httpx2.RemoteProtocolError),
        (Fault("cut", sent=0.5), httpx2.RemoteProtocolError),
    ],
)
def test_a_file_may_not_be_fetched_and_is_there_still(
    google: genai.Client, emulator: Emulator, fault: Fault, expected: type[Exception]
) -> None:
    ended = look(google, make(google, line("lamp")))
    emulator.batches.script("download", fault)
    with pytest.raises(expected):
        lines_of(google, ended)
    assert list(lines_of(google, ended)) == ["lamp"]
    assert emulator.batches.images_paid == {"lamp": 1}


@pytest.mark.parametrize(
    "batch",
    [
        None,
        {"displayName": "x"},
        {"displayName": "x", "inputConfig": {}},
        {"displayName": "x", "inputConfig": {"requests": {"requests": [{}]}}},
        {"inputConfig": {"requests": {"requests": [{"request": request("a lamp")}]}}},
    ],
)
def test_a_bad_creation_is_refused(http: httpx2.Client, emulator: Emulator, batch: Any) -> None:
    answer = http.post(f"/gemini/v1beta/models/{MODEL}:batchGenerateContent", json={"batch": batch})
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert emulator.batches.batches == {}


def test_a_creation_may_name_its_fields_like_the_guide(http: httpx2.Client) -> None:
    batch = {
        "display_name": "x",
        "input_config": {
            "requests": {"requests": [{"request": request("a lamp"), "metadata": {"key": "a"}}]}
        },
    }
    answer = http.post(f"/gemini/v1beta/models/{MODEL}:batchGenerateContent", json={"batch": batch})
    assert answer.json()["metadata"]["displayName"] == "x"


def test_what_is_not_there_is_not_found(google: genai.Client) -> None:
    with pytest.raises(errors.ClientError):
        google.batches.get(name="batches/unknown")
    with pytest.raises(errors.ClientError):
        google.batches.create(model=MODEL, src="files/unknown", config={"display_name": "x"})
    with pytest.raises(errors.ClientError):
        google.batches.create(model="nothing", src="files/unknown", config={"display_name": "x"})


def test_a_creation_may_be_carried_out_and_not_told(google: genai.Client, emulator: Emulator) -> None:
    emulator.batches.script("create", Fault("drop"))
    with pytest.raises(httpx2.RemoteProtocolError):
        make(google, line("lamp"), "lost")
    assert [batch.display_name for batch in google.batches.list()] == ["lost"]
