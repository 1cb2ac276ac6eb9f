"""A file of answers, line by line: bounded, masked, and as far as it came."""

from __future__ import annotations

import base64
import json

import pytest
from pydantic import SecretStr

from imagegen_nb.core.received_file import ReceivedFile
from imagegen_nb.errors import InvalidResponse, ProviderError, ProviderFault
from imagegen_nb.providers.base import Connection
from imagegen_nb.providers.credentials import Credential
from imagegen_nb.providers.http.client import open_client
from imagegen_nb.providers.http.result_lines import result_documents, result_lines

KEY = "a-key-0123456789"
IMAGE = bytes(range(256)) * 64


def line(number: int, **more: object) -> bytes:
    answer = {"custom_id": str(number), "b64_json": base64.b64encode(IMAGE).decode(), **more}
    return json.dumps(answer).encode()


def http(body: bytes, *, length: int | None = None, headers: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-length: {length or len(body)}\r\n{headers}\r\n".encode() + body


async def read(server, *, largest: int = 1_000_000, seconds: float = 30, **options):
    """The lines that came, and the error that ended them."""
    place = Connection(
        base_url=server.url, credential=Credential(SecretStr(KEY), "nobody"), timeout=seconds, **options
    )
    lines = []
    async with open_client("openai", place) as client:
        arriving = result_lines(client, f"{server.url}/file", {}, largest_line=largest)
        try:
            while (one := await anext(arriving, None)) is not None:
                lines.append(one)
        except ProviderError as error:
            return lines, error
    return lines, None


async def test_each_line_is_an_answer_whose_images_lie_in_files(raw_server, tmp_path):
    server = raw_server(http(line(0) + b"\n\n" + line(1) + b"\r\n" + line(2)))
    names = iter(range(9))
    lines, error = await read(server, new_path=lambda: tmp_path / f"{next(names)}")
    assert error is None
    assert [one.json()["custom_id"] for one in lines] == ["0", "1", "2"]
    images = [one.image_data(one.json()["b64_json"]) for one in lines]
    assert all(isinstance(image, ReceivedFile) and image.read() == IMAGE for image in images)


async def test_a_line_that_is_too_long_costs_only_itself(raw_server):
    server = raw_server(http(line(0) + b"\n" + line(1, more="x" * 50_000) + b"\n" + line(2)))
    lines, error = await read(server, largest=30_000)
    assert error is None
    assert len(lines) == 3
    assert lines[2].json()["custom_id"] == "2"
    assert lines[1].cut_short is None
    lines[1].documents()
    assert lines[1].cut_short is not None


async def test_the_own_key_is_masked_wherever_it_stands(raw_server):
    lines, _ = await read(raw_server(http(line(0, echo=f"Bearer {KEY}"))))
    assert KEY.encode() not in lines[0].body


@pytest.mark.parametrize("lost", [1, 20_000])
async def test_what_came_before_the_end_was_lost_is_kept(raw_server, lost):
    whole = b"\n".join(line(number) for number in range(3)) + b"\n"
    server = raw_server(http(whole[:-lost], length=len(whole)))
    lines, error = await read(server)
    assert [one.json()["custom_id"] for one in lines] == ["0", "1"]
    assert isinstance(error, ProviderFault)
    assert error.__cause__ is error.__context__ is None


async def test_a_file_that_stops_coming_is_given_up(raw_server):
    def stalls(write, over) -> None:
        write(http(line(0) + b"\n", length=10**9))
        over.wait(30)

    lines, error = await read(raw_server(stalls), seconds=0.5)
    assert [one.json()["custom_id"] for one in lines] == ["0"]
    assert isinstance(error, ProviderFault)


async def test_an_encoding_that_nobody_asked_for_is_refused(raw_server):
    lines, error = await read(raw_server(http(b"x", headers="content-encoding: gzip\r\n")))
    assert lines == []
    assert isinstance(error, InvalidResponse)


@pytest.mark.parametrize(
    ("body", "read"),
    [(line(0) + b"\n<html>", 1), (b"<!doctype html>\n<html><h1>Log in</h1>", None), (b"", 0)],
)
async def test_a_page_in_the_place_of_the_file_is_no_file_without_answers(raw_server, body, read):
    server = raw_server(http(body))
    place = Connection(base_url=server.url, credential=Credential(SecretStr(KEY), "nobody"))
    async with open_client("openai", place) as client:
        arriving = result_documents(client, f"{server.url}/file", {}, largest_line=1_000_000)
        if read is None:
            with pytest.raises(InvalidResponse, match="HTML page"):
                await anext(arriving)
        else:
            assert len([one async for one in arriving]) == read
