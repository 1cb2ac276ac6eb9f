"""Judges of a sweep's images: what they are given, what they may say, what is kept, what ends what."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import imagegen_nb as ig
from imagegen_nb.errors import BudgetExceeded, InvalidOption
from imagegen_nb.store import maintenance
from imagegen_nb.sweeps.scoring import judge_name

STEP = ig.ImageGenerationStep(
    prompt="A {{product}}", image_size="1024x640", image_output_format="jpeg", image_count=2
)
SECRET = "sk-proj-" + "a1B2c3D4" * 6


@pytest.fixture
def sweep(emulator, workspace):
    return ig.Sweep(STEP, over={"product": ["lamp", "vase"]}).run(workspace=workspace, progress=False)


def score(sweep, judge, **options):
    return sweep.score(judge, progress=False, **options)


def size(image, run):
    return image.file_size


def test_a_judge_sees_each_image_with_its_run(sweep):
    seen = []

    def judge(image, run):
        seen.append((image.image().size, image.id in [asset.id for asset in run.output.assets], run.prompt))
        return 1

    score(sweep, judge)
    assert seen == [((1024, 640), True, "A lamp")] * 2 + [((1024, 640), True, "A vase")] * 2


def test_what_was_said_is_there_for_another_kernel(sweep, workspace):
    told = score(sweep, size)
    other = ig.Sweep(STEP, over={"product": ["lamp", "vase"]})
    again = other.scores(workspace=ig.Workspace(workspace.store.folder, backend="emulator"))
    assert [(one.cell.number, one.score) for one in again] == [(one.cell.number, one.score) for one in told]
    assert again.judge == "size"
    assert maintenance.rebuild(workspace.store).problems == []
    assert len(other.scores("size")) == 2


def test_a_function_is_asked_anew_and_one_with_a_name_only_once(sweep):
    asked = []

    def judge(image, run):
        asked.append(image.id)
        return len(asked)

    for _ in range(2):
        score(sweep, judge)
    assert len(asked) == 8
    for _ in range(2):
        score(sweep, judge, name="first")
    assert len(asked) == 12
    score(sweep, judge, name="first", again=True)
    assert len(asked) == 16
    score(sweep, judge, name="second", only=[0])
    assert len(asked) == 18


def test_an_object_has_its_own_name(sweep):
    class Judge:
        name = "sharp v2"
        asked = 0

        def __call__(self, image, run):
            self.asked += 1
            return {"score": 7, "why": "sharp"}

    judge = Judge()
    for _ in range(2):
        assert score(sweep, judge)[0].images[0][1] == {"score": 7, "why": "sharp"}
    assert judge.asked == 4
    assert len(sweep.scores(judge)) == len(sweep.scores("sharp v2")) == 2


@pytest.mark.parametrize("most", [1, 3])
def test_an_async_judge_is_asked_about_several_images_at_once(sweep, most):
    under_way, highest = [0], [0]

    async def judge(image, run):
        under_way[0] += 1
        highest[0] = max(highest[0], under_way[0])
        await asyncio.sleep(0.01)
        under_way[0] -= 1
        return 1

    score(sweep, judge, concurrency=most)
    assert highest == [most]


def test_a_plain_function_may_hand_on_what_is_async(sweep):
    async def ask():
        return 5

    assert score(sweep, lambda image, run: ask(), name="asked")[0].score == 5


@pytest.mark.parametrize("is_async", [False, True])
def test_an_image_on_which_the_judge_fails_ends_no_others(sweep, is_async):
    calls = []

    def plain(image, run):
        calls.append(image.id)
        if len(calls) == 2:
            raise ValueError(f"cannot see {SECRET}")
        return 1

    async def waiting(image, run):
        return plain(image, run)

    told = score(sweep, waiting if is_async else plain, concurrency=1)
    ((cell, asset, reason),) = told.failures
    assert (cell.number, asset.id, len(calls)) == (0, calls[1], 4)
    assert reason.startswith("ValueError: cannot see ")
    assert SECRET not in repr(told)
    assert f"the judge failed on {asset.file_name} of cell 0: ValueError: cannot see" in repr(told)


def test_one_that_fails_on_all_is_an_error(sweep):
    def broken(image, run):
        raise KeyError("colour")

    with pytest.raises(KeyError) as caught:
        score(sweep, broken)
    assert caught.value.__notes__ == [
        f"the judge failed on every image; this is {sweep[0].assets[0].file_name} of cell 0"
    ]
    with pytest.raises(InvalidOption, match="give a number, or numbers and texts by name"):
        score(sweep, lambda image, run: None, name="nothing")


@pytest.mark.parametrize("is_async", [False, True])
def test_what_every_further_image_would_meet_ends_it_at_once(sweep, is_async):
    calls = []

    def plain(image, run):
        calls.append(image.id)
        if len(calls) == 2:
            raise BudgetExceeded("the budget is spent")
        return 1

    async def waiting(image, run):
        return plain(image, run)

    with pytest.raises(BudgetExceeded):
        score(sweep, waiting if is_async else plain, name="paid", concurrency=1)
    assert len(calls) == 2
    score(sweep, plain, name="paid")  # the first was kept
    assert len(calls) == 5


def test_what_an_interrupt_leaves_is_not_asked_again(sweep):
    calls = []

    def judge(image, run):
        calls.append(image.id)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 1

    with pytest.raises(KeyboardInterrupt):
        score(sweep, judge, name="slow")
    score(sweep, judge, name="slow")
    assert len(calls) == 5


def test_what_it_found_earlier_does_not_stand_for_an_image_on_which_it_fails_now(sweep):
    score(sweep, size)

    def judge(image, run):
        if image.id == sweep[0].assets[0].id:
            raise ValueError("no")
        return 1

    told = score(sweep, judge, name="size", again=True)
    assert [len(one.images) for one in told] == [1, 2]


def test_numbers_of_numpy_are_numbers(sweep):
    numpy = pytest.importorskip("numpy")
    assert score(sweep, lambda image, run: numpy.float32(0.5), name="numpy")[0].score == 0.5


def _numbers():
    numpy = pytest.importorskip("numpy")
    return [
        (numpy.float32(0.5), 0.5),
        (numpy.int64(3), 3),
        (numpy.uint64(7), 7),
        (numpy.bool_(True), True),
        (numpy.array([2.5]), 2.5),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
    ]


@pytest.mark.parametrize("by_name", [False, True])
def test_numbers_of_all_kinds_count_also_by_name(sweep, by_name):
    for number, expected in _numbers():
        said = {"score": number, "why": "so"} if by_name else number
        found = score(sweep, lambda image, run, said=said: said, name="numbers", again=True)
        assert {one.score for one in found} == {expected}, number


@pytest.mark.parametrize("said", [[1, 2], 1j, {"score": [1, 2]}, {"score": 1j}], ids=str)
def test_what_is_several_numbers_or_none_is_refused_in_words(sweep, said):
    numpy = pytest.importorskip("numpy")
    said = numpy.array(said) if isinstance(said, list) else said
    with pytest.raises(InvalidOption, match=r"give a number|give numbers"):
        score(sweep, lambda image, run: said, name="several")


def test_a_cancelled_wait_of_the_judge_fails_on_its_image_only(sweep):
    asked = []

    async def judge(image, run):
        asked.append(image.id)
        if len(asked) == 1:
            raise asyncio.CancelledError
        return 1

    found = score(sweep, judge, concurrency=1)
    assert len(asked) == 4
    assert [asset.id for _, asset, _ in found.failures] == asked[:1]
    assert "was cancelled" in found.failures[0][2]


def test_keys_in_what_is_said_are_masked(sweep, workspace):
    score(sweep, lambda image, run: {"score": 1, "why": f"it says {SECRET}"}, name=f"judge {SECRET}")
    kept = [json.dumps([one.judge, one.values]) for one in workspace.store.scores(sweep[0].assets[0].id)]
    assert len(kept) == 1
    assert SECRET not in kept[0]


def test_without_an_image_there_is_nothing_to_judge(workspace):
    waiting = ig.Sweep(STEP, over={"product": ["rug"]})
    with pytest.raises(InvalidOption, match="no cell has an image"):
        score(waiting, size, workspace=workspace)
    with pytest.raises(InvalidOption, match=r"not run here: call sweep.run\(workspace=ws\) first"):
        score(ig.Sweep(STEP, over={"product": ["rug"]}), size)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"judge": 3}, "judge = 3: give a function of an image and its run"),
        ({"judge": lambda image, run: 1}, "a lambda has none"),
        ({"name": "\n"}, "give the judge a name"),
        ({"concurrency": 0}, "from 1 to 64"),
        ({"only": [9]}, "not a cell of this sweep"),
        ({"by": "beauty"}, "the judge gave no such number; it gave score"),
    ],
)
def test_what_makes_no_sense_is_named(sweep, options, told):
    with pytest.raises(InvalidOption, match=told):
        score(sweep, **{"judge": size, **options})


@given(name=st.text())
def test_a_name_is_refused_or_kept_in_full_up_to_a_length(name):
    try:
        kept = judge_name(size, name or None)
    except InvalidOption:
        return
    assert len(kept) <= 200
    assert kept.isprintable()


def _alone(image):
    return 1


def _keywords(*, image, run):
    return 1


def _three(image, run, scale):
    return 1


@pytest.mark.parametrize("judge", [_alone, _keywords, _three, len], ids=["one", "keywords", "three", "of C"])
def test_a_judge_that_cannot_be_called_is_told_with_what_it_is_called(sweep, judge):
    name = judge.__name__
    with pytest.raises(InvalidOption) as refused:
        score(sweep, judge)
    assert f"judge = {name}: a judge is called with an image (an Asset) and its run" in str(refused.value)
    assert f"Write def {name}(image, run): " in str(refused.value)
    with pytest.raises(InvalidOption, match=r"Write def judge\(image, run\)"):
        score(sweep, lambda image: 1, name="one")


@pytest.mark.parametrize("judge", [lambda *given: 1, lambda image, run, scale=2: 1])
def test_a_judge_may_take_more_where_it_need_not(sweep, judge):
    assert len(score(sweep, judge, name="more")) == 2
