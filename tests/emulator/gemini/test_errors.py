from __future__ import annotations

from imagegen_nb.emulator import Fault


def test_google_says_when_in_the_details(emulator, post):
    emulator.script("gemini", Fault("rate_limit", retry_after="2"), Fault("quota"))
    rpc = "type.googleapis.com/google.rpc."
    for spans, delay, limit in ((["Minute"], "2s", "limit: 10"), (["Minute", "Day"], "34s", "limit: 0")):
        error = post("gemini").json()["error"]
        help_, quota, retry = error["details"]
        assert [each["@type"] for each in (help_, quota, retry)] == [
            f"{rpc}{name}" for name in ("Help", "QuotaFailure", "RetryInfo")
        ]
        assert retry["retryDelay"] == delay
        assert limit in error["message"]
        for violation, span in zip(quota["violations"], spans, strict=True):
            assert f"Per{span}PerProjectPerModel" in violation["quotaId"]
            assert violation["quotaDimensions"]["model"]


def test_a_status_google_has_no_name_for(emulator, post):
    emulator.script("gemini", Fault("quota", status=402))
    response = post("gemini")
    assert (response.status_code, response.json()["error"]["status"]) == (402, "UNKNOWN")
