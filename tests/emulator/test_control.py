from __future__ import annotations

import pytest
from support.emulated import KEY


def test_health_and_the_mark(http):
    response = http.get("/_emulator/health")
    assert response.json()["status"] == "ok"
    assert response.headers["x-imagegen-emulator"] == "1"


def test_script_over_http(http, post):
    faults = [
        {"provider": "openai", "kind": "rate_limit", "retry_after": "2"},
        {"provider": "xai", "kind": "ok"},
        {"provider": "openai", "kind": "ok"},
    ]
    assert http.post("/_emulator/faults", json=faults).json() == {
        "queued": {"openai": 2, "xai": 1, "gemini": 0}
    }
    assert [post("openai").status_code for _ in range(3)] == [429, 200, 200]
    assert http.get("/_emulator/faults").json()["queued"]["xai"] == 1
    assert http.delete("/_emulator/faults").status_code == 204
    assert http.get("/_emulator/faults").json()["queued"]["xai"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [1],
        [{"kind": "ok"}],
        [{"provider": "nobody", "kind": "ok"}],
        [{"provider": "openai"}],
        [{"provider": [], "kind": "ok"}],
        [{"provider": "openai", "kind": "ok"}, {"provider": "xai", "kind": "stream_cut"}],
        [{"provider": "openai", "kind": "rate_limit", "retry_after": 2}],
    ],
)
def test_a_bad_script_queues_nothing(http, wrong):
    assert http.post("/_emulator/faults", json=wrong).status_code == 400
    assert set(http.get("/_emulator/faults").json()["queued"].values()) == {0}


def test_log_over_http(http, post, emulator):
    post("openai", prompt="unique words")
    (logged,) = http.get("/_emulator/requests").json()
    assert logged["provider"] == "openai"
    assert logged["body"]["prompt"] == "unique words"
    assert logged["headers"]["authorization"].startswith("sha256:")
    assert KEY not in repr(emulator.requests)
    assert http.delete("/_emulator/requests").status_code == 204
    assert emulator.requests == ()


def test_settings(http, emulator):
    assert http.get("/_emulator/settings").json() == {"latency": 0.0, "retired": False}
    assert http.put("/_emulator/settings", json={"latency": 0.01}).json()["latency"] == 0.01
    assert http.put("/_emulator/settings", json={"retired": True}).json() == {
        "latency": 0.01,
        "retired": True,
    }
    assert (emulator.latency, emulator.retired) == (0.01, True)
    for wrong in ([], {"speed": 1}, {"latency": -1}, {"latency": "1"}, {"retired": 1}, {"latency": True}):
        assert http.put("/_emulator/settings", json=wrong).status_code == 400


def test_batches_over_http(http, emulator):
    told = http.put("/_emulator/batches", json={"looks": 2, "ending": "expired", "carried_out": 1}).json()
    assert (told["looks"], told["ending"], told["carried_out"], told["batches"]) == (2, "expired", 1, [])
    assert http.post("/_emulator/batches", json=[{"call": "list", "kind": "server_error"}]).status_code == 200
    assert http.get("/openai/v1/batches").status_code == 500
    assert http.get("/openai/v1/batches").status_code == 200
    assert http.delete("/_emulator/batches").status_code == 204
    assert http.get("/_emulator/batches").json()["looks"] == 1


@pytest.mark.parametrize(
    "wrong", [1, {"kind": "drop"}, {"call": "look", "kind": "moderation"}, {"call": "list"}]
)
def test_a_bad_script_for_calls_scripts_nothing(http, wrong):
    script = [{"call": "list", "kind": "server_error"}, wrong]
    assert http.post("/_emulator/batches", json=script).status_code == 400
    assert http.get("/openai/v1/batches").status_code == 200


def test_a_bad_setting_of_batches_is_refused(http):
    assert http.put("/_emulator/batches", json={"held": "yes"}).status_code == 400
