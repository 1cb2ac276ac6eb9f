"""The history: which images are listed for which filter, in which order."""

from __future__ import annotations

import dataclasses

import pytest
from support.images import picture
from support.runs import run_of, stored_assets

from imagegen_nb.core.opinions import Mark
from imagegen_nb.errors import ProviderTimeout
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.gallery_page import Pages, PendingRun
from imagegen_nb.widgets.history import AT_ONCE, History, HistoryFilter

FOX = ImageGenerationStep(name="Hero", prompt="a red Fox at dusk", image_count=2)
DOG = ImageGenerationStep(prompt="a dog", model="grok-imagine-image")


@pytest.fixture
def runs(workspace):
    failed = run_of(FOX.replace(name="Lost"), workspace.store, error=ProviderTimeout("no", provider="openai"))
    return [run_of(FOX, workspace.store), failed, run_of(DOG, workspace.store)]


def history(runs, marks=None, removed=None):
    return History(Pages(runs), removed or {}, marks or {})


def listed(history, **wanted):
    answer = history.answer(HistoryFilter(**wanted), 0)
    assert answer["matches"] == len(answer["entries"])
    return [(entry["position"], entry["name"]) for entry in answer["entries"]]


def test_the_newest_run_is_first_and_a_failed_one_has_its_place(runs):
    assert listed(history(runs)) == [(2, "hero-1.png"), (1, "Lost"), (0, "hero-1.png"), (0, "hero-2.png")]
    answer = history(runs).answer(HistoryFilter(), 0)
    assert answer["models"] == ["gpt-image-2", "grok-imagine-image"]
    assert answer["entries"][1]["id"] == ""
    assert (answer["matches"], answer["images"], answer["runs"]) == (4, 3, 3)  # one run has no image


@pytest.mark.parametrize(
    ("wanted", "images", "runs_found"),
    [({"text": "fox"}, 2, 2), ({"text": "lost"}, 0, 1), ({"text": "?"}, 0, 0)],
)
def test_images_and_runs_are_counted_apart(runs, wanted, images, runs_found):
    answer = history(runs).answer(HistoryFilter(**wanted), 0)
    assert (answer["images"], answer["runs"]) == (images, runs_found)


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        ({"model": "grok-imagine-image"}, [2]),
        ({"model": "unknown"}, []),
        ({"text": "FOX dusk"}, [1, 0, 0]),
        ({"text": "fox dog"}, []),
        ({"text": "hero-2"}, [0]),
        ({"text": "sunrise"}, [0]),
        ({"text": "fox sunrise"}, [0]),
        ({"text": "lost"}, [1]),
        ({"text": "grok"}, [2]),
        ({"text": "   "}, [2, 1, 0, 0]),
        ({"starred": True}, [2, 0]),
        ({"starred": True, "text": "fox"}, [0]),
        ({"starred": True, "model": "grok-imagine-image", "text": "dog"}, [2]),
    ],
)
def test_filters_by_star_model_and_words_hold_together(runs, wanted, positions):
    marks = {
        runs[0].output.assets[1].id: Mark(starred=True, note="like a Sunrise"),
        runs[2].output.assets[0].id: Mark(starred=True),
    }
    assert [position for position, _ in listed(history(runs, marks), **wanted)] == positions


def test_a_filter_tells_which_runs_it_found(runs):
    history = History(Pages(runs[:2]), {}, {}, Pages(runs[2:]))
    assert history.answer(HistoryFilter(), 0)["found"] is None
    assert history.answer(HistoryFilter(text=" "), 0)["found"] is None
    assert history.answer(HistoryFilter(text="fox"), 0)["found"] == [1, 0]
    assert history.answer(HistoryFilter(text="dog"), 0)["found"] == []  # that run is shown elsewhere
    assert history.answer(HistoryFilter(text="fox"), 1)["found"] is None  # told once, however many there are


def test_marks_are_told(runs):
    marks = {runs[2].output.assets[0].id: Mark(starred=True, note="x" * 100)}
    entry = history(runs, marks).answer(HistoryFilter(), 0)["entries"][0]
    assert (entry["starred"], entry["noted"]) == (True, True)
    assert "x" * 100 not in str(entry)


def test_a_run_that_goes_on_is_not_history_yet(runs):
    pages = Pages(runs)
    pages.begin(PendingRun("new", 2))
    assert len(listed(History(pages, {}, {}))) == 4


def test_removed_images_are_left_out(runs):
    assert listed(history(runs, removed={runs[0].id: [0]}), text="fox hero") == [(0, "hero-2.png")]


def test_runs_of_other_forms_stand_behind_those_of_this_one(runs):
    history = History(Pages(runs[:1]), {}, {}, Pages(runs[1:]))
    answer = history.answer(HistoryFilter(), 0)
    assert [(entry["position"], entry["name"]) for entry in answer["entries"]] == [
        (0, "hero-1.png"),
        (0, "hero-2.png"),
        (-1, "hero-1.png"),
    ]
    assert answer["models"] == ["gpt-image-2", "grok-imagine-image"]


def test_many_come_page_by_page(workspace):
    assets = stored_assets(
        workspace.store, *(picture(size=(30, 1 + number)) for number in range(AT_ONCE + 5))
    )
    pages = Pages([asset.stored for asset in assets], workspace.store)
    both = [History(pages, {}, {}).answer(HistoryFilter(), start) for start in (0, AT_ONCE)]
    assert [len(answer["entries"]) for answer in both] == [AT_ONCE, 5]
    assert [answer["matches"] for answer in both] == [AT_ONCE + 5] * 2
    assert len({entry["id"] for answer in both for entry in answer["entries"]}) == AT_ONCE + 5


def test_a_page_that_has_scrolled_far_gets_all_it_has_at_once(workspace):
    (asset,) = stored_assets(workspace.store, picture())
    pages = Pages(
        [dataclasses.replace(asset.stored, id=str(number)) for number in range(1500)], workspace.store
    )
    history = History(pages, {}, {})
    for count, given in ((0, AT_ONCE), (-5, AT_ONCE), (200, 200), (10**9, 1000)):
        assert len(history.answer(HistoryFilter(), 0, count)["entries"]) == given
    assert history.answer(HistoryFilter(), 1490)["entries"][0]["id"].endswith(".1490")
    assert history.answer(HistoryFilter(), 9999)["entries"] == []


@pytest.mark.parametrize("odd", [None, 3, True, ["x"], {"a": "b"}, "x" * 5000], ids=str)
@pytest.mark.parametrize("key", ["starred", "model", "text"])
def test_whatever_a_page_sends_is_a_filter(key, odd):
    wanted = HistoryFilter.of({key: odd})
    assert isinstance(wanted.starred, bool)
    assert isinstance(wanted.model, str)
    assert len(wanted.text) <= 200
