"""The rating's Python half: what reaches a page, and what a page may ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

import imagegen_nb as ig
from imagegen_nb.widgets.pair_rating import PairRating

STEP = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640", image_output_format="jpeg")


@pytest.fixture
def sweep(workspace):
    over = {"product": ["lamp", "vase", "chair"]}
    return ig.Sweep(STEP, over=over).run(workspace=workspace, progress=False)


@pytest.fixture
def sent(monkeypatch) -> list[tuple[dict[str, Any], list[bytes]]]:
    messages: list[tuple[dict[str, Any], list[bytes]]] = []
    monkeypatch.setattr(
        PairRating, "send", lambda _, content, buffers=None: messages.append((content, buffers or []))
    )
    return messages


def ask(widget, sent, **message):
    widget._handle_custom_msg({**message, "request": "r-1"}, [])
    answer, buffers = sent[-1]
    assert answer["request"] == "r-1"
    return answer, buffers


def test_a_pair_is_looked_at_judged_and_taken_back(sweep, sent):
    widget = sweep.rate(rater="Ann")
    assert isinstance(widget, PairRating)
    first = widget.view
    answer, buffers = ask(widget, sent, type="pictures", pair=first["pair"])
    assert answer["media"] == ["image/jpeg", "image/jpeg"]
    pair = widget.rating.pair
    assert buffers == [side.image.bytes() for side in (pair.left, pair.right)]
    assert ask(widget, sent, type="judge", pair=first["pair"], verdict="left")[0]["type"] == "done"
    assert widget.view["done"] == 1
    assert widget.view["pair"] != first["pair"]
    ask(widget, sent, type="undo")
    assert widget.view["done"] == 0
    assert "0 comparisons of 3" in repr(widget)
    assert widget.view["emulated"]
    for _ in range(4):
        widget.rating.judge(widget.rating.pair.id, "tie")
    assert "4 comparisons (" in repr(widget)  # more than are needed, and so of no number


def test_nothing_that_reaches_the_page_says_what_it_shows(sweep, sent):
    widget = sweep.rate(rater="Ann")
    ask(widget, sent, type="pictures", pair=widget.view["pair"])
    told = json.dumps([widget.view, widget.get_state(), *(content for content, _ in sent)], default=str)
    hidden = [asset.id for cell in sweep for asset in cell.assets]
    hidden += [asset.file_name for cell in sweep for asset in cell.assets]
    for words in (*hidden, "lamp", "vase", "gpt-image", sweep.name, "cell"):
        assert words not in told


def test_an_image_that_cannot_be_read_leaves_the_other(sweep, sent):
    widget = sweep.rate(rater="Ann")
    pair = widget.rating.pair
    next(path for path in sweep[pair.left.cell].paths).unlink()
    answer, buffers = ask(widget, sent, type="pictures", pair=pair.id)
    assert (answer["media"][0], buffers[0]) == ("", b"")
    assert buffers[1] == pair.right.image.bytes()


def test_of_a_large_file_a_small_picture_is_shown(sweep, sent, monkeypatch):
    monkeypatch.setattr("imagegen_nb.widgets.pair_rating._LARGEST", 10)
    widget = sweep.rate(rater="Ann")
    answer, buffers = ask(widget, sent, type="pictures", pair=widget.view["pair"])
    assert answer["media"] == ["image/webp"] * 2
    assert all(0 < len(data) <= 20_000 for data in buffers)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "judge"},
        {"type": "judge", "pair": 3, "verdict": "left"},
        {"type": "judge", "pair": "x", "verdict": "best"},
        {"type": "pictures", "pair": "x"},
        {"type": "pictures"},
        {"type": "nonsense"},
    ],
    ids=str,
)
def test_odd_requests_are_refused_and_change_nothing(sweep, sent, message):
    widget = sweep.rate(rater="Ann")
    assert ask(widget, sent, **message)[0]["type"] == "refused"
    assert widget.view["done"] == 0


def test_what_is_no_request_is_not_answered(sweep, sent):
    widget = sweep.rate(rater="Ann")
    before = len(sent)
    for message in ({"type": "undo"}, "text", {"request": 3}, {"request": "x" * 65, "type": "undo"}):
        widget._handle_custom_msg(message, [])
    assert len(sent) == before


def test_why_a_verdict_was_not_kept_is_told(sweep, sent, workspace):
    widget = sweep.rate(rater="Ann")
    workspace.store.paths.judgements.write_text("no folder")
    answer, _ = ask(widget, sent, type="judge", pair=widget.view["pair"], verdict="tie")
    assert answer["type"] == "refused"
    assert "cannot write the index" in answer["reason"]
