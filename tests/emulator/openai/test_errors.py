from __future__ import annotations

from imagegen_nb.emulator import Fault


def test_money_codes(emulator, post):
    emulator.script("openai", Fault("quota", code="billing_hard_limit_reached"), Fault("quota", status=402))
    response = post("openai")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "billing_hard_limit_reached")
    assert post("openai").status_code == 402
