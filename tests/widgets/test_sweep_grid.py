"""The live grid's Python half: what reaches a page, what a page may ask, and cells that are run again."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption
from imagegen_nb.runs import marks
from imagegen_nb.sweeps.rerun import Rerun
from imagegen_nb.widgets import sweep_grid
from imagegen_nb.widgets.sweep_grid import SweepGrid

STEP = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640", image_quality="low")
OVER = {"product": ["a red lamp", "a blue lamp"], "image_output_format": ["png", "jpeg"]}


@pytest.fixture
def sweep(emulator, workspace):
    emulator.script("openai", *[Fault("ok")] * 2, Fault("moderation"), Fault("bad_request"))
    return ig.Sweep(STEP, over=OVER).run(workspace=workspace, progress=False, concurrency=1)


@pytest.fixture
def widget(sweep) -> SweepGrid:
    return SweepGrid(sweep.grid(), sweep)


@pytest.fixture
def sent(monkeypatch) -> list[tuple[dict[str, Any], list[bytes]]]:
    messages: list[tuple[dict[str, Any], list[bytes]]] = []
    monkeypatch.setattr(
        SweepGrid, "send", lambda _, content, buffers=None: messages.append((content, buffers or []))
    )
    return messages


def ask(widget, sent, **message):
    widget._handle_custom_msg({**message, "request": "r-1"}, [])
    answer, buffers = next(one for one in reversed(sent) if one[0].get("request") == "r-1")
    return answer, buffers


def ended(widget) -> None:
    """Wait until no cell is run again, and the view says so."""
    was_told = threading.Event()
    widget.observe(lambda change: None if change["new"]["running"] else was_told.set(), "view")
    assert not widget.view["running"] or was_told.wait(60)


def test_the_table_and_its_cells_are_told(widget, sweep):
    view = widget.view
    assert view["columns"] == [
        [["image_output_format", [[False, "png"]]]],
        [["image_output_format", [[False, "jpeg"]]]],
    ]
    marked = [
        text for row in view["rows"] for _, pieces in row["edge"] for is_marked, text in pieces if is_marked
    ]
    assert marked == ["red", "blue"]
    assert [row["cells"] for row in view["rows"]] == [[[0], [1]], [[2], [3]]]
    first, failed = view["cells"]["0"], view["cells"]["2"]
    assert first["values"] == [["product", "a red lamp"], ["image_output_format", "png"]]
    assert (first["has_images"], first["cost"], first["again"]) == (True, sweep[0].cost.short, "")
    assert failed["again"].startswith("Estimate: about $0.0032")
    assert (view["again"], view["estimate"][:7]) == ("Run 2 failed cells again", "$0.0064")
    reasons = [item["reason"] for item in view["items"]]
    assert reasons[:2] == ["", ""]
    assert all(reason.startswith("failed: openai: ") for reason in reasons[2:])
    assert len(json.dumps(view)) < 12_000
    assert "view" not in widget.get_state()


def test_pictures_details_and_files_are_sent_as_they_are_asked_for(widget, sweep, sent):
    image, _, failed, _ = (item["id"] for item in widget.view["items"])
    answer, buffers = ask(widget, sent, type="full", id=image)
    assert (answer["media"], buffers) == ("image/png", [sweep[0].assets[0].bytes()])
    answer, _ = ask(widget, sent, type="thumbnails", ids=[image, failed, "9:x.0", 7])
    assert [*answer["ids"], *answer["later"]] == [image]
    assert ask(widget, sent, type="details", id=image)[0]["prompt"] == "A a red lamp"
    assert ask(widget, sent, type="details", id=failed)[0]["prompt"] == "A a blue lamp"
    waiting = ig.Sweep(STEP, over=OVER, name="new")
    other = SweepGrid(waiting.grid(), waiting)
    assert ask(other, sent, type="details", id="0:-waiting.0")[0]["prompt"] == "A {{product}}"


def test_stars_notes_and_picks_are_kept_in_the_store(widget, sweep, sent, workspace):
    image = widget.view["items"][1]["id"]
    ask(widget, sent, type="star", id=image, on=True)
    ask(widget, sent, type="note", id=image, text="more light")
    assert ask(widget, sent, type="pick", cell=1, on=True)[0]["text"].startswith("Picked cell 1")
    item = widget.view["items"][1]
    assert (item["starred"], item["note"], widget.view["cells"]["1"]["picked"]) == (True, "more light", True)
    other = ig.Sweep(STEP, over=OVER).load(workspace=ig.Workspace(workspace.store.folder, backend="emulator"))
    assert (other.picked, other.starred, other[1].note) == ([other[1]], [other[1]], "more light")
    other.unpick(1)
    widget.page_opened()
    assert not widget.view["cells"]["1"]["picked"]
    sweep.pick(1)
    ask(widget, sent, type="pick", cell=1, on=False)
    assert sweep.picked == []


def test_what_is_picked_and_starred_in_code_shows_in_a_grid_that_is_open(widget, sweep, sent):
    def shown(cell: int) -> tuple[bool, bool]:
        items = {item["cell"]: item["starred"] for item in widget.view["items"]}
        return widget.view["cells"][str(cell)]["picked"], items[cell]

    def seen(change) -> None:
        change()
        assert was_seen.wait(60)
        was_seen.clear()

    was_seen = threading.Event()
    widget.observe(lambda _: was_seen.set(), "view")
    widget._handle_custom_msg({"type": "script"}, [])
    seen(lambda: sweep.pick(1))
    assert shown(1) == (True, False)
    seen(lambda: sweep.unpick(1))
    assert shown(1) == (False, False)
    seen(lambda: marks.change_mark(sweep[0].assets[0], starred=True))
    assert shown(0) == (False, True)


def test_a_grid_that_no_page_shows_looks_for_nothing(widget, sweep):
    sweep.pick(1)
    assert widget._looking is None


def test_failed_cells_are_run_again_and_no_others(widget, sweep, sent, emulator):
    emulator.script("openai", Fault("ok"), Fault("bad_request"))
    before = emulator.count()
    assert ask(widget, sent, type="again")[0]["type"] == "done"
    ended(widget)
    assert (emulator.count() - before, sweep.counts()) == (2, {"done": 3, "failed": 1})
    assert widget.view["told"].startswith("Ran 2 cells again: 1 ")
    (failed,) = sweep.failed
    assert widget.view["again"] == "Run 1 failed cell again"
    ask(widget, sent, type="again", cell=failed.number)
    ended(widget)
    assert (sweep.counts(), widget.view["again"]) == ({"done": 4}, "")
    answer, _ = ask(widget, sent, type="again", cell=0)
    assert "no cell failed without a charge" in answer["reason"]
    assert emulator.count() - before == 3


def test_it_is_stopped_and_meanwhile_started_no_second_time(widget, sweep, sent, emulator):
    emulator.script("openai", *[Fault("delay", seconds=60)] * 2)
    asked = emulator.count()
    ask(widget, sent, type="again")
    assert widget.view["running"] == {"done": 0, "total": 2, "note": ""}
    before = widget.view["items"][2]["id"]
    while emulator.count() < asked + 2:  # one that is stopped before it is sent stays as it was
        time.sleep(0.01)
    assert "being run again already" in ask(widget, sent, type="again")[0]["reason"]
    ask(widget, sent, type="stop")
    ended(widget)
    assert "Stopped." in widget.view["told"]
    assert widget.view["running"] is None
    assert widget.view["items"][2]["id"] != before  # it stands for another state of the cell


def test_without_a_workspace_it_is_refused_politely(sent):
    sweep = ig.Sweep(STEP, over=OVER)
    answer, _ = ask(SweepGrid(sweep.grid(), sweep), sent, type="again")
    assert answer["reason"] == "this sweep has no workspace yet: run it first, sweep.run(workspace=…)"
    with pytest.raises(InvalidOption, match="no workspace yet"):
        Rerun(sweep, [sweep[0]], lambda: None)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "nonsense"},
        {"type": "full", "id": "0:gone.0"},
        {"type": "full", "id": "99:x.0"},
        {"type": "full", "id": "2:.0"},
        {"type": "star", "id": 3, "on": True},
        {"type": "pick", "cell": 2, "on": True},
        {"type": "pick", "cell": 99, "on": True},
        {"type": "again", "cell": "x"},
    ],
    ids=str,
)
def test_whatever_a_page_asks_it_is_answered(widget, sent, message):
    assert ask(widget, sent, **message)[0]["type"] == "refused"


def test_outside_of_a_kernel_nothing_is_live(sweep):
    with pytest.raises(NotImplementedError):  # IPython then shows what it can of it
        sweep_grid.show(sweep.grid())
