"""Files and batches as Google's own SDK uses them."""

from __future__ import annotations

import io
import json

import pytest
from google import genai
from google.genai import errors, types

from imagegen_nb.emulator import Emulator, Fault

MODEL = "gemini-nano-banana-2.1"


@pytest.fixture
def client(emulator: Emulator) -> genai.Client:
    options = types.HttpOptions(base_url=f"{emulator.url}/gemini", api_version="v1beta")
    return genai.Client(enterprise=False, api_key="AIza-test", http_options=options)


def line(key: str) -> bytes:
    request = {
        "contents": [{"parts": [{"text": f"A {key}"}], "role": "user"}],
        "generationConfig": {"responseModalities": ["IMAGE"]},
    }
    return json.dumps({"key": f"{key}/0", "request": request}).encode() + b"\n"


def make(client: genai.Client, content: bytes, name: str = "night") -> types.BatchJob:
    file = client.files.upload(file=io.BytesIO(content), config={"mime_type": "application/jsonl"})
    assert file.name is not None
    return client.batches.create(model=MODEL, src=file.name, config={"display_name": name})


def look(client: genai.Client, batch: types.BatchJob) -> types.BatchJob:
    assert batch.name is not None
    return client.batches.get(name=batch.name)


def test_a_batch_is_made_ends_and_gives_its_answers(client: genai.Client, emulator: Emulator) -> None:
    emulator.batches.held = True
    made = make(client, line("lamp") + line("vase") + line("rug"))
    assert (made.display_name, made.state) == ("night", types.JobState.JOB_STATE_RUNNING)
    emulator.batches.held = False
    emulator.script("gemini", Fault("ok"), Fault("bad_request"))
    ended = look(client, made)
    assert ended.state == types.JobState.JOB_STATE_SUCCEEDED
    assert ended.dest is not None
    assert ended.dest.file_name is not None
    answers = [json.loads(text) for text in client.files.download(file=ended.dest.file_name).splitlines()]
    assert [answer["key"] for answer in answers] == ["lamp/0", "vase/0", "rug/0"]
    assert answers[0]["response"]["candidates"][0]["content"]["parts"][0]["inlineData"]["data"]
    assert answers[1]["error"]["status"] == "INVALID_ARGUMENT"
    assert emulator.batches.images_paid == {"lamp/0": 1, "vase/0": 0, "rug/0": 1}


def test_batches_are_listed_page_by_page_the_newest_first(client: genai.Client) -> None:
    made = [make(client, line("lamp"), str(number)).display_name for number in range(5)]
    listed = client.batches.list(config={"page_size": 2})
    assert [batch.display_name for batch in listed] == made[::-1]


def test_a_batch_that_ends_early_has_no_line_for_what_was_not_carried_out(
    client: genai.Client, emulator: Emulator
) -> None:
    made = make(client, line("lamp") + line("vase"))
    assert made.name is not None
    client.batches.cancel(name=made.name)
    ended = look(client, made)
    assert ended.state == types.JobState.JOB_STATE_CANCELLED
    assert ended.dest is None


def test_a_line_without_a_request_fails_the_batch(client: genai.Client, emulator: Emulator) -> None:
    assert look(client, make(client, line("lamp") + b"{}\n")).state == types.JobState.JOB_STATE_FAILED
    assert sum(emulator.batches.images_paid.values()) == 0


def test_what_is_not_there_is_not_found(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError):
        client.batches.get(name="batches/unknown")
    with pytest.raises(errors.ClientError):
        client.batches.create(model=MODEL, src="files/unknown", config={"display_name": "x"})
