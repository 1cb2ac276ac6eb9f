"""Files as OpenAI's own SDK uses them."""

from __future__ import annotations

import json

import openai
import pytest

from imagegen_nb.emulator import Emulator

CONTENT = '{"custom_id": "é"}\n'.encode() * 3


def upload(oai: openai.OpenAI, content: bytes = CONTENT, purpose: str = "batch") -> openai.types.FileObject:
    return oai.files.create(file=("cells.jsonl", content), purpose=purpose)  # type: ignore[arg-type]


def test_a_file_is_uploaded_told_of_read_and_deleted(oai: openai.OpenAI, emulator: Emulator) -> None:
    file = upload(oai)
    assert (file.object, file.bytes, file.filename, file.purpose) == (
        "file",
        len(CONTENT),
        "cells.jsonl",
        "batch",
    )
    assert oai.files.retrieve(file.id) == file
    assert oai.files.content(file.id).content == CONTENT
    assert oai.files.delete(file.id).deleted
    for ask in (oai.files.retrieve, oai.files.content, oai.files.delete):
        with pytest.raises(openai.NotFoundError, match=f"No such File object: {file.id}"):
            ask(file.id)
    assert emulator.batches.files == {}


def test_files_are_listed_page_by_page_the_newest_first(oai: openai.OpenAI) -> None:
    made = [upload(oai).id for _ in range(3)]
    assert [file.id for file in oai.files.list(limit=2)] == made[::-1]
    assert len(oai.files.list().data) == 3


@pytest.mark.parametrize("content", [b"", b"{malformed json"])
def test_what_does_not_begin_with_json_is_refused(oai: openai.OpenAI, content: bytes) -> None:
    with pytest.raises(openai.BadRequestError, match="Invalid file format"):
        upload(oai, content)


def test_only_batches_are_a_purpose(oai: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        upload(oai, purpose="fine-tune")
    assert raised.value.param == "purpose"


def test_a_large_file_comes_back_as_it_was(oai: openai.OpenAI) -> None:
    content = json.dumps({"custom_id": "x" * 100_000}).encode() + b"\n"
    file = upload(oai, content * 200)
    with oai.files.with_streaming_response.content(file.id) as response:
        assert sum(len(chunk) for chunk in response.iter_bytes()) == file.bytes == len(content) * 200


def test_a_file_that_a_batch_has_made_is_told_of_and_deleted(oai: openai.OpenAI) -> None:
    request = {"model": "gpt-image-2", "prompt": "A lamp", "size": "1024x640", "quality": "low"}
    line = {"custom_id": "lamp", "method": "POST", "url": "/v1/images/generations", "body": request}
    made = oai.batches.create(
        input_file_id=upload(oai, json.dumps(line).encode()).id,
        endpoint="/v1/images/generations",
        completion_window="24h",
    )
    output = oai.batches.retrieve(made.id).output_file_id
    assert output is not None
    told = oai.files.retrieve(output)
    assert (told.purpose, told.bytes) == ("batch_output", len(oai.files.content(output).content))
    assert oai.files.delete(output).deleted
    with pytest.raises(openai.NotFoundError):
        oai.files.content(output)
