from __future__ import annotations

from imagegen_nb.emulator import Fault


def test_google_says_when_in_the_details(emulator, post):
    emulator.script("gemini", Fault("rate_limit", retry_after="2"), Fault("quota"))
    details = post("gemini").json()["error"]["details"]
    assert details[1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}
    (quota,) = post("gemini").json()["error"]["details"]
    assert quota["@type"].endswith("QuotaFailure")
    assert "illing" in quota["violations"][0]["description"]


def test_a_status_google_has_no_name_for(emulator, post):
    emulator.script("gemini", Fault("quota", status=402))
    response = post("gemini")
    assert (response.status_code, response.json()["error"]["status"]) == (402, "UNKNOWN")
