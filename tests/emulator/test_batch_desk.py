from __future__ import annotations

from typing import Any

import pytest

from imagegen_nb.emulator.batch_desk import Batch, BatchDesk, Line
from imagegen_nb.emulator.faults import OK, Fault


def batch() -> Batch:
    return Batch("openai", "night", "m", "file", [Line("a", {}), Line("b", {})], {})


def test_calls_take_the_faults_that_are_scripted_for_them() -> None:
    desk = BatchDesk()
    desk.script("look", Fault("server_error"))
    assert desk.take("openai", "create") == OK
    assert desk.take("openai", "look").kind == "server_error"
    assert desk.take("openai", "look") == OK
    assert (desk.count("look"), desk.count("create"), desk.count("cancel")) == (2, 1, 0)


@pytest.mark.parametrize(
    ("call", "kind"), [("guess", "drop"), ("look", "moderation"), ("look", "bad_base64")]
)
def test_what_calls_do_not_have_cannot_be_scripted(call: Any, kind: Any) -> None:
    desk = BatchDesk()
    with pytest.raises(ValueError, match=r"unknown call|happens to requests"):
        desk.script(call, Fault("drop"), Fault(kind))
    assert desk.take("openai", "look") == OK


@pytest.mark.parametrize(
    "settings",
    [[], {"pace": 1}, {"held": 1}, {"ending": "lost"}, {"looks": True}, {"looks": 2, "held": None}],
)
def test_a_bad_setting_changes_nothing(settings: Any) -> None:
    desk = BatchDesk()
    with pytest.raises(ValueError, match=r"expected|cannot be|must be"):
        desk.change(settings)
    assert desk.looks == 1


def test_clear_forgets_all() -> None:
    desk = BatchDesk()
    desk.change({"held": True, "looks": 3, "carried_out": 1})
    desk.add(batch())
    desk.pay([("a", 2)])
    desk.script("look", Fault("drop"))
    desk.clear()
    assert desk.to_json() == BatchDesk().to_json()
    assert desk.take("openai", "look") == OK


def test_what_was_paid_for_is_told() -> None:
    desk = BatchDesk()
    made = desk.add(batch())
    made.lines[0].carried_out, made.lines[0].images = True, 2
    desk.pay([("a", 2)])
    desk.pay([("a", 2)])
    told = desk.to_json()
    assert told["images_paid"] == {"a": 4}  # twice: whoever pays twice is found out
    (shown,) = told["batches"]
    assert (shown["requests"], shown["carried_out"], shown["succeeded"], shown["images_paid"]) == (2, 1, 1, 2)
