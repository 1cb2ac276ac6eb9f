from __future__ import annotations

import dataclasses

import pytest

from imagegen_nb.emulator import Fault
from imagegen_nb.emulator.faults import BEFORE_VALIDATION, KINDS, STATUSES, VARIANTS


def test_every_kind_can_be_built_and_is_frozen():
    for kind in KINDS:
        fault = Fault(kind)
        with pytest.raises(dataclasses.FrozenInstanceError):
            fault.kind = "ok"
    assert set(KINDS) >= BEFORE_VALIDATION | set(STATUSES) | set(VARIANTS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "nonsense"},
        {"kind": "ok", "status": 500},
        {"kind": "server_error", "status": 418},
        {"kind": "redirect", "status": 200},
        {"kind": "ok", "variant": "html"},
        {"kind": "empty", "variant": "html"},
        {"kind": "delay", "seconds": -1},
        {"kind": "fewer", "images": -1},
        {"kind": "rate_limit", "retry_after": 2},
        {"kind": "drop", "reset": 1},
        {"kind": "delay", "seconds": "1"},
        {"kind": "ok", "surprise": 1},
        {},
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValueError):
        Fault.from_json(wrong)


def test_from_json_takes_every_field():
    fault = Fault("rate_limit", retry_after="2", seconds=1.0)
    assert Fault.from_json({"kind": "rate_limit", "retry_after": "2", "seconds": 1}) == fault
    assert Fault.from_json(dataclasses.asdict(fault)) == fault
