"""Batches as xAI's guide uses them."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from imagegen_nb.emulator import Emulator, Fault

MODEL = "grok-imagine-image"


def asked(key: str, **body: object) -> dict[str, Any]:
    generation = {"model": MODEL, "prompt": f"A {key}", **body}
    return {"batch_request_id": key, "batch_request": {"image_generation": generation}}


def line(key: str, **body: object) -> bytes:
    request = {"model": MODEL, "prompt": f"A {key}", **body}
    document = {"custom_id": key, "method": "POST", "url": "/v1/images/generations", "body": request}
    return json.dumps(document).encode() + b"\n"


def create(http: httpx2.Client, **body: object) -> str:
    return str(http.post("/xai/v1/batches", json={"name": "night", **body}).json()["batch_id"])


def add(http: httpx2.Client, batch: str, *requests: dict[str, Any]) -> httpx2.Response:
    return http.post(f"/xai/v1/batches/{batch}/requests", json={"batch_requests": requests})


def upload(http: httpx2.Client, content: bytes) -> str:
    answer = http.post("/xai/v1/files", files={"file": ("cells.jsonl", content, "application/jsonl")})
    return str(answer.json()["id"])


def look(http: httpx2.Client, batch: str) -> dict[str, Any]:
    shown: dict[str, Any] = http.get(f"/xai/v1/batches/{batch}").json()
    return shown


def counters(shown: dict[str, Any]) -> tuple[int, ...]:
    names = ("num_requests", "num_pending", "num_success", "num_error", "num_cancelled")
    return tuple(shown["state"][name] for name in names)


def results(http: httpx2.Client, batch: str) -> dict[str, Any]:
    page = http.get(f"/xai/v1/batches/{batch}/results").json()
    assert page["pagination_token"] is None
    return {result["batch_request_id"]: result for result in page["results"]}


def test_requests_are_added_carried_out_and_answered(http: httpx2.Client, emulator: Emulator) -> None:
    emulator.batches.looks = 2
    batch = create(http)
    shown = look(http, batch)
    assert (shown["name"], shown["cancel_time"], counters(shown)) == ("night", None, (0, 0, 0, 0, 0))
    assert add(http, batch, asked("lamp"), asked("vase", n=2, response_format="b64_json")).json() == {}
    assert counters(look(http, batch)) == (2, 2, 0, 0, 0)
    assert results(http, batch) == {}
    assert counters(look(http, batch)) == (2, 0, 2, 0, 0)
    there = results(http, batch)
    assert list(there) == ["vase", "lamp"]  # in another order than the requests
    vase = there["vase"]["batch_result"]["response"]["image_generation"]
    assert len(vase["data"]) == 2
    assert vase["data"][0]["b64_json"]
    assert vase["usage"]["cost_in_usd_ticks"] == 2 * 200_000_000
    assert emulator.batches.images_paid == {"lamp": 1, "vase": 2}


def test_addresses_of_images_end(http: httpx2.Client, emulator: Emulator) -> None:
    batch = create(http)
    add(http, batch, asked("lamp"))
    look(http, batch)
    answered = results(http, batch)["lamp"]["batch_result"]["response"]["image_generation"]
    address = answered["data"][0]["url"]
    assert http.get(address).content.startswith(b"\xff\xd8")
    emulator.expire_images()
    assert http.get(address).status_code == 404
    assert results(http, batch)["lamp"]  # the result is there still, with addresses that are new
    assert emulator.batches.images_paid == {"lamp": 1}


def test_more_can_be_added_and_is_paid_for_alone(http: httpx2.Client, emulator: Emulator) -> None:
    batch = create(http)
    add(http, batch, asked("lamp"))
    look(http, batch)
    add(http, batch, asked("vase"))
    assert set(results(http, batch)) == {"lamp"}  # as soon as it is there
    assert counters(look(http, batch)) == (2, 0, 2, 0, 0)
    assert emulator.batches.images_paid == {"lamp": 1, "vase": 1}


def test_a_file_makes_a_sealed_batch(http: httpx2.Client, emulator: Emulator) -> None:
    batch = create(http, input_file_id=upload(http, line("lamp") + line("vase")))
    assert emulator.batches.newest_first("xai")[0].input_file
    shown = look(http, batch)
    assert counters(shown) == (2, 0, 2, 0, 0)
    assert set(results(http, batch)) == {"lamp", "vase"}
    assert add(http, batch, asked("rug")).status_code == 400


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"nothing\n", "not valid JSON"),
        (b"", "1 to 50000 requests"),
        (line("lamp") + line("lamp"), "duplicate custom_id"),
        (line("lamp", model="grok-9"), "Model grok-9 is not supported for batch processing"),
        (b'{"custom_id": "a"}\n', "lacks a field"),
        (line("lamp").replace(b"generations", b"edits"), "unsupported url"),
    ],
)
def test_a_bad_line_has_xai_cancel_the_batch(
    http: httpx2.Client, emulator: Emulator, content: bytes, said: str
) -> None:
    batch = create(http, input_file_id=upload(http, content))
    shown = look(http, batch)
    assert shown["cancel_time"] is not None
    assert shown["cancel_by_xai_message"].startswith("JSONL file validation failed: ")
    assert said in shown["cancel_by_xai_message"]
    assert counters(shown) == (0, 0, 0, 0, 0)
    assert emulator.batches.images_paid == {}


def test_errors_are_results(http: httpx2.Client, emulator: Emulator) -> None:
    emulator.script(
        "xai", Fault("moderation"), Fault("ok"), Fault("server_error"), Fault("ok"), Fault("hang")
    )
    batch = create(http)
    add(http, batch, asked("gun"), asked("lamp"), asked("vase"), asked("rug", n=11), asked("cup"))
    assert counters(look(http, batch)) == (5, 0, 1, 4, 0)
    there = results(http, batch)
    assert {key: each["batch_result"].get("error", {}).get("code") for key, each in there.items()} == {
        "gun": 3,
        "lamp": None,
        "vase": 13,
        "rug": 3,
        "cup": 4,
    }
    assert "content moderation" in there["gun"]["error_message"]
    listed = http.get(f"/xai/v1/batches/{batch}/requests").json()["batch_request_metadata"]
    assert [each["state"] for each in listed] == ["failed", "succeeded", "failed", "failed", "failed"]


def test_a_cancelled_batch_keeps_what_it_has_done(http: httpx2.Client, emulator: Emulator) -> None:
    emulator.batches.carried_out = 1
    batch = create(http)
    add(http, batch, asked("lamp"), asked("vase"))
    cancelled = http.post(f"/xai/v1/batches/{batch}:cancel").json()
    assert cancelled["cancel_time"] is not None
    assert cancelled["cancel_by_xai_message"] is None
    assert counters(cancelled) == (2, 0, 1, 0, 1)
    assert list(results(http, batch)) == ["lamp"]
    assert add(http, batch, asked("rug")).status_code == 400


def test_an_expired_batch_is_gone(http: httpx2.Client, emulator: Emulator) -> None:
    emulator.batches.ending = "expired"
    batch = create(http)
    add(http, batch, asked("lamp"))
    assert look(http, batch)["code"] == "not-found"
    assert http.get(f"/xai/v1/batches/{batch}/results").status_code == 404
    assert http.get("/xai/v1/batches").json()["batches"] == []


def test_lists_come_page_by_page(http: httpx2.Client) -> None:
    made = [create(http, name=str(number)) for number in range(3)]
    first = http.get("/xai/v1/batches?limit=2").json()
    rest = http.get(f"/xai/v1/batches?limit=2&pagination_token={first['pagination_token']}").json()
    assert [batch["batch_id"] for batch in (*first["batches"], *rest["batches"])] == made[::-1]
    assert rest["pagination_token"] is None
    add(http, made[0], *(asked(str(number)) for number in range(3)))
    look(http, made[0])
    page = http.get(f"/xai/v1/batches/{made[0]}/results?limit=2").json()
    assert (len(page["results"]), page["pagination_token"]) == (2, "2")


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault("not_found"), 404), (Fault("not_found", status=410), 410), (Fault("rate_limit"), 429)],
)
def test_results_may_not_be_fetched_and_are_there_still(
    http: httpx2.Client, emulator: Emulator, fault: Fault, status: int
) -> None:
    batch = create(http)
    add(http, batch, asked("lamp"))
    look(http, batch)
    emulator.batches.script("download", fault)
    assert http.get(f"/xai/v1/batches/{batch}/results").status_code == status
    assert list(results(http, batch)) == ["lamp"]
    assert emulator.batches.images_paid == {"lamp": 1}


def test_what_does_not_fit_is_refused(http: httpx2.Client) -> None:
    assert http.post("/xai/v1/batches", json={}).status_code == 422
    assert http.post("/xai/v1/batches", json={"name": "x", "input_file_id": "file_x"}).status_code == 404
    batch = create(http)
    assert add(http, batch, asked("lamp"), asked("lamp")).status_code == 400
    assert add(http, batch, {"batch_request": {"responses": {}}}).status_code == 422
    assert http.get("/xai/v1/batches/batch_unknown").status_code == 404
    assert http.get("/xai/v1/batches?limit=0").status_code == 400
    headers = {"authorization": "Bearer invalid"}
    assert http.get(f"/xai/v1/batches/{batch}", headers=headers).status_code == 400


def test_files_are_kept_listed_read_and_deleted(http: httpx2.Client) -> None:
    file = upload(http, line("lamp"))
    told = http.get(f"/xai/v1/files/{file}").json()
    assert (told["id"], told["bytes"], told["filename"]) == (file, len(line("lamp")), "cells.jsonl")
    assert http.get(f"/xai/v1/files/{file}/content").content == line("lamp")
    assert [each["id"] for each in http.get("/xai/v1/files").json()["data"]] == [file]
    assert http.delete(f"/xai/v1/files/{file}").json()["deleted"] is True
    assert http.get(f"/xai/v1/files/{file}").status_code == 404
    assert http.post("/xai/v1/files", data={"purpose": "batch"}).status_code == 400
