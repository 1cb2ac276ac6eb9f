"""Files as Google's own SDK uses them."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types
from support.emulated import KEY

from imagegen_nb.emulator import Emulator

CONTENT = b'{"key": "lamp"}\n'


def upload(google: genai.Client, content: bytes = CONTENT, **config: Any) -> types.File:
    return google.files.upload(
        file=io.BytesIO(content),
        config=types.UploadFileConfig(mime_type="application/jsonl", **config),
    )


def test_a_file_is_uploaded_told_of_and_deleted(google: genai.Client) -> None:
    file = upload(google, display_name="cells")
    assert (file.display_name, file.size_bytes, file.mime_type, file.state, file.source) == (
        "cells",
        len(CONTENT),
        "application/jsonl",
        types.FileState.ACTIVE,
        types.FileSource.UPLOADED,
    )
    assert file.name is not None
    assert google.files.get(name=file.name) == file
    google.files.delete(name=file.name)
    with pytest.raises(errors.ClientError):
        google.files.get(name=file.name)


def test_a_large_file_comes_in_chunks(google: genai.Client) -> None:
    content = CONTENT * 600_000  # more than the SDK's 8 MiB
    assert upload(google, content).size_bytes == len(content)


def test_the_asynchronous_client_uploads_too(emulator: Emulator) -> None:
    async def send() -> types.File:
        options = types.HttpOptions(base_url=f"{emulator.url}/gemini", api_version="v1beta")
        client = genai.Client(api_key=KEY, http_options=options)
        try:
            return await client.aio.files.upload(
                file=io.BytesIO(CONTENT), config={"mime_type": "application/jsonl"}
            )
        finally:
            await client.aio.aclose()
            client.close()

    assert asyncio.run(send()).size_bytes == len(CONTENT)


def test_files_are_listed_page_by_page_the_newest_first(google: genai.Client) -> None:
    made = [upload(google).name for _ in range(3)]
    assert [file.name for file in google.files.list(config={"page_size": 2})] == made[::-1]


def test_what_was_uploaded_cannot_be_downloaded(google: genai.Client) -> None:
    file = upload(google)
    assert file.name is not None
    with pytest.raises(errors.ClientError, match="Only generated files"):
        google.files.download(file=file.name)


def begin(http: httpx2.Client, **headers: str) -> httpx2.Response:
    usual = {
        "x-goog-upload-protocol": "resumable",
        "x-goog-upload-command": "start",
        "x-goog-upload-header-content-length": "4",
    }
    return http.post("/gemini/upload/v1beta/files", headers=usual | headers)


@pytest.mark.parametrize(
    ("command", "offset", "content"),
    [
        ("upload, finalize", "1", b"abcd"),
        ("upload, finalize", "0", b"abc"),
        ("begin", "0", b"abcd"),
    ],
)
def test_a_chunk_that_does_not_fit_is_refused(
    http: httpx2.Client, command: str, offset: str, content: bytes
) -> None:
    address = begin(http).headers["x-goog-upload-url"]
    headers = {"x-goog-upload-command": command, "x-goog-upload-offset": offset}
    assert http.post(address, content=content, headers=headers).status_code == 400


def test_an_upload_needs_its_protocol_and_its_address(http: httpx2.Client) -> None:
    assert begin(http, **{"x-goog-upload-protocol": "multipart"}).status_code == 400
    headers = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    address = "/gemini/upload/v1beta/files?upload_id=unknown"
    assert http.post(address, content=b"abcd", headers=headers).status_code == 404
    assert begin(http, **{"x-goog-api-key": "invalid"}).status_code == 400


def test_a_name_of_ones_own_is_not_emulated(google: genai.Client) -> None:
    with pytest.raises((errors.ClientError, KeyError)):
        upload(google, name="files/mine")
