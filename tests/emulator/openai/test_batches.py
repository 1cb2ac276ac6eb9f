"""Files and batches as OpenAI's own SDK uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest

from imagegen_nb.emulator import Emulator, Fault


@pytest.fixture
def client(emulator: Emulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{emulator.url}/openai/v1", api_key="sk-test", max_retries=0) as client:
        yield client


def line(key: str, **body: object) -> bytes:
    asked = {"model": "gpt-image-2", "prompt": f"A {key}", "size": "1024x640", **body}
    document = {"custom_id": key, "method": "POST", "url": "/v1/images/generations", "body": asked}
    return json.dumps(document).encode() + b"\n"


def make(client: openai.OpenAI, content: bytes, **metadata: str) -> openai.types.Batch:
    file = client.files.create(file=("cells.jsonl", content, "application/jsonl"), purpose="batch")
    return client.batches.create(
        input_file_id=file.id,
        endpoint="/v1/images/generations",
        completion_window="24h",
        metadata=metadata,
    )


def lines_of(client: openai.OpenAI, file: str | None) -> list[dict[str, object]]:
    assert file is not None
    return [json.loads(text) for text in client.files.content(file).text.splitlines()]


def test_a_batch_is_made_ends_and_gives_its_answers(client: openai.OpenAI, emulator: Emulator) -> None:
    emulator.batches.held = True
    made = make(client, line("lamp") + line("vase") + line("rug", size="7x7"), name="night")
    assert (made.status, made.metadata) == ("in_progress", {"name": "night"})
    assert client.batches.retrieve(made.id).status == "in_progress"
    emulator.batches.held = False
    emulator.script("openai", Fault("moderation"))
    ended = client.batches.retrieve(made.id)
    assert ended.status == "completed"
    assert ended.request_counts is not None
    assert ended.request_counts.total == 3
    done, refused = lines_of(client, ended.output_file_id), lines_of(client, ended.error_file_id)
    assert [each["custom_id"] for each in done] == ["vase"]
    assert {str(each["custom_id"]) for each in refused} == {"lamp", "rug"}
    assert emulator.batches.images_paid == {"lamp": 0, "vase": 1, "rug": 0}
    alone = client.images.generate(model="gpt-image-2", prompt="A vase", size="1024x640")  # type: ignore[call-overload]
    response = done[0]["response"]
    assert isinstance(response, dict)
    assert response["status_code"] == 200
    assert response["body"]["data"][0]["b64_json"] == alone.data[0].b64_json


def test_batches_are_listed_page_by_page_the_newest_first(client: openai.OpenAI) -> None:
    made = [make(client, line("lamp")).id for _ in range(5)]
    assert [batch.id for batch in client.batches.list(limit=2)] == made[::-1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (line("lamp") + b"no json\n", "Line 2 is not valid JSON"),
        (line("lamp") + line("lamp"), "custom_id that another one has"),
        (line("lamp") + line("vase", model="gpt-image-2.5-flare"), "same model"),
        (b'{"custom_id": "a"}\n', "is not a request"),
    ],
)
def test_one_bad_line_fails_the_batch(
    client: openai.OpenAI, emulator: Emulator, content: bytes, said: str
) -> None:
    failed = client.batches.retrieve(make(client, content).id)
    assert failed.status == "failed"
    assert failed.errors is not None
    assert failed.errors.data is not None
    assert said in str(failed.errors.data[0].message)
    assert failed.output_file_id is None
    assert sum(emulator.batches.images_paid.values()) == 0


def test_a_cancelled_batch_keeps_what_it_has_done(client: openai.OpenAI, emulator: Emulator) -> None:
    emulator.batches.carried_out = 1
    made = make(client, line("lamp") + line("vase"))
    assert client.batches.cancel(made.id).status == "cancelling"
    ended = client.batches.retrieve(made.id)
    assert ended.status == "cancelled"
    assert [each["custom_id"] for each in lines_of(client, ended.output_file_id)] == ["lamp"]
    error = lines_of(client, ended.error_file_id)[0]["error"]
    assert isinstance(error, dict)
    assert error["code"] == "batch_cancelled"


def test_calls_fail_as_they_are_scripted_and_need_a_key(client: openai.OpenAI, emulator: Emulator) -> None:
    emulator.batches.script("create", Fault("server_error"), Fault("drop"))
    for expected in (openai.InternalServerError, openai.APIConnectionError):
        with pytest.raises(expected):
            make(client, line("lamp"))
    assert len(emulator.batches.batches) == 1  # made, and not told
    with pytest.raises(ValueError, match="unknown call"):
        emulator.batches.script("guess", Fault("drop"))  # type: ignore[arg-type]
    stranger = client.with_options(api_key="sk-invalid")
    with pytest.raises(openai.AuthenticationError):
        stranger.batches.list()
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_unknown")
    with pytest.raises(openai.NotFoundError):
        client.files.content("file-unknown")
