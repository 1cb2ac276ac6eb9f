"""Blind rating: which pair comes, what is kept, resumed and taken back."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

import imagegen_nb as ig
from imagegen_nb.errors import InvalidOption, StoreError
from imagegen_nb.store import maintenance
from imagegen_nb.sweeps.rating import Rating, next_pair, rater_name

STEP = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640", image_output_format="jpeg")
PRODUCTS = ["lamp", "vase", "chair", "table"]


def swept(workspace, products=PRODUCTS, **more):
    return ig.Sweep(STEP, over={"product": products}, **more).run(workspace=workspace, progress=False)


def rating_of(sweep, rater="Ann", seed=1):
    return Rating(sweep._contest(None), rater, random.Random(seed))


@pytest.fixture
def sweep(workspace):
    return swept(workspace)


def judge_by(rating, better, times):
    """Say each time that the cell that comes first in `better` is the better one."""
    for _ in range(times):
        places = [better.index(side.cell) for side in (rating.pair.left, rating.pair.right)]
        assert rating.judge(rating.pair.id, "left" if places[0] < places[1] else "right")


# Which pair comes next


@pytest.mark.parametrize("count", [2, 3, 5, 8, 40])
@pytest.mark.parametrize("seed", range(5))
def test_all_come_equally_often_and_are_soon_connected(count, seed):
    dice, cells, said = random.Random(seed), list(range(count)), []
    for _ in range(3 * count):
        one, other = next_pair(cells, said, dice)
        assert one != other
        said.append((one, other, dice.choice([1, 0, -1])))
    often = Counter(cell for one in said for cell in one[:2])
    assert max(often.values()) - min(often[cell] for cell in cells) <= 2
    group = {cell: {cell} for cell in cells}
    for one, other, _ in said[: 2 * count]:
        both = group[one] | group[other]
        group |= dict.fromkeys(both, both)
    assert len(group[0]) == count


def test_a_pair_comes_again_only_when_all_have_met():
    dice, said = random.Random(3), []
    for _ in range(6):
        said.append((*next_pair(range(4), said, dice), 0))
    assert len({frozenset(one[:2]) for one in said}) >= 5


def test_who_does_as_well_meets():
    said = [(0, 1, 1), (2, 3, 1)]
    pairs = {frozenset(next_pair(range(4), said, random.Random(seed))) for seed in range(40)}
    assert pairs == {frozenset((0, 2)), frozenset((1, 3))}


def test_what_nothing_connects_meets_first():
    said = [(0, 1, 0), (1, 2, 0), (3, 4, 0), (4, 5, 0)]  # 0 and 2 have not met, but 1 connects them
    pairs = {frozenset(next_pair(range(6), said, random.Random(seed))) for seed in range(60)}
    assert pairs == {frozenset((one, other)) for one in (0, 2) for other in (3, 5)}


def test_what_was_compared_least_is_on_either_side(workspace):
    sweep = swept(workspace, PRODUCTS[:3])
    judge_by(rating_of(sweep), [0, 1, 2], 1)
    contest = sweep._contest(None)
    (least,) = {0, 1, 2}.difference(contest.judgements()[0][1:])
    pairs = [Rating(contest, "Ann", random.Random(seed)).pair for seed in range(80)]
    assert all(least in (pair.left.cell, pair.right.cell) for pair in pairs)
    assert 20 < sum(pair.left.cell == least for pair in pairs) < 60


# What is kept


def test_a_verdict_is_kept_with_who_said_what_of_which_images(sweep, workspace):
    rating = rating_of(sweep)
    pair = rating.pair
    assert rating.judge(pair.id, "left")
    (kept,) = workspace.store.judgements(f"sweep/{sweep.name}")
    assert (kept.left_image, kept.right_image) == (pair.left.image.id, pair.right.image.id)
    assert (kept.verdict, kept.rater, kept.judged_at[:2]) == ("left", "Ann", "20")
    assert maintenance.check(workspace.store).problems == []


def test_it_says_how_far_it_is_and_neither_who_rates_nor_what(sweep):
    rating = rating_of(sweep)
    assert repr(rating) == "Blind rating, 0 comparisons of 6"
    judge_by(rating, [0, 1, 2, 3], 6)
    assert repr(rating) == "Blind rating, 6 comparisons"


def test_a_key_that_was_pressed_twice_counts_once(sweep):
    rating = rating_of(sweep)
    first = rating.pair
    assert [rating.judge(first.id, "left") for _ in range(2)] == [True, False]
    assert rating.done == 1


def test_it_goes_on_in_another_kernel_and_each_rater_has_a_pass_of_their_own(sweep, workspace):
    rating = rating_of(sweep)
    judge_by(rating, [0, 1, 2, 3], 4)
    again = rating_of(ig.Sweep(STEP, over={"product": PRODUCTS}).load(workspace=workspace), seed=7)
    assert (again.done, again.goal) == (4, 6)
    judge_by(again, [0, 1, 2, 3], 2)
    met = {frozenset((left, right)) for _, left, right in again._said}
    assert len(met) >= 5
    assert rating_of(sweep, "Bob").done == 0
    assert [len(sweep.ranking(rater=name)) for name in ("Ann", "Bob")] == [4, 0]


def test_what_is_taken_back_is_shown_again_on_its_sides_also_on_another_day(sweep, workspace):
    rating = rating_of(sweep)
    pair = rating.pair
    rating.judge(pair.id, "left")
    again = rating_of(sweep, seed=9)
    assert again.undo()
    assert (again.pair.left, again.pair.right) == (pair.left, pair.right)
    assert again.pair.id != pair.id
    assert (again.done, again.undo(), list(workspace.store.judgements(f"sweep/{sweep.name}"))) == (
        0,
        False,
        [],
    )


def test_a_pair_stays_where_its_verdict_cannot_be_kept(sweep, workspace):
    rating = rating_of(sweep)
    workspace.store.paths.judgements.write_text("no folder")
    pair = rating.pair
    with pytest.raises(StoreError):
        rating.judge(pair.id, "left")
    assert (rating.pair, rating.done) == (pair, 0)


def test_of_images_that_a_cell_no_longer_has_nothing_counts(sweep, workspace):
    contest = sweep._contest(None)
    judge_by(rating_of(sweep), [0, 1, 2, 3], 6)
    assert len(contest.judgements()) == 6
    images = {**contest.images, 0: contest.images[1]}
    contest = type(contest)(contest.sweep, contest.store, images, contest.keys)
    assert all(0 not in (left, right) for _, left, right in contest.judgements())
    assert len(contest.judgements()) == 3


def test_cells_that_came_later_are_compared_first(workspace):
    named = {"name": "hero"}
    first = swept(workspace, PRODUCTS[:2], **named)
    judge_by(rating_of(first), [0, 1], 1)
    grown = swept(workspace, PRODUCTS, **named)
    rating = rating_of(grown)
    assert rating.done == 1
    assert {rating.pair.left.cell, rating.pair.right.cell} & {2, 3}


# What is refused


def test_two_cells_with_images_are_needed(workspace):
    with pytest.raises(InvalidOption, match=r"this sweep has one\. Vary something, .* repeats=2"):
        swept(workspace, ["lamp"]).rate()
    new = ig.Sweep(STEP, over={"product": PRODUCTS}).load(workspace=workspace)
    with pytest.raises(InvalidOption, match="none has an image yet: run the sweep first"):
        new.rate()
    new.run(workspace=workspace, only=[2], progress=False)
    with pytest.raises(InvalidOption, match=r"1 of 4 cells has images: run the others, sweep\.run"):
        new.rate()
    with pytest.raises(InvalidOption, match=r"not run here: call sweep.run\(workspace=ws\) first"):
        ig.Sweep(STEP, over={"product": PRODUCTS}).rate()


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, 5])
def test_a_rater_has_a_name(sweep, name):
    with pytest.raises(InvalidOption, match="rater ="):
        sweep.rate(rater=name)


def test_the_rater_is_the_account_if_nobody_says(monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_USER", "ann@example.org")
    assert rater_name(None) == "ann@example.org"
    monkeypatch.delenv("JUPYTERHUB_USER")
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(OSError))
    assert rater_name(None) == "anonymous"
    assert rater_name(f" {'sk-' + 'Ab3' * 12} ") == "[redacted]"


def test_every_pair_of_few_and_six_of_each_of_many(workspace):
    for count, goal in ((2, 1), (4, 6), (8, 24)):
        cells = dict.fromkeys(range(count), (object(),))
        contest = type("C", (), {"images": cells, "judgements": lambda self, rater: []})()
        assert Rating(contest, "Ann").goal == goal
    assert len(list(itertools.combinations(range(4), 2))) == 6


def test_what_is_no_verdict_is_refused_and_not_kept(sweep):
    rating = rating_of(sweep)
    with pytest.raises(InvalidOption, match="verdict = 'nonsense': choose from left, right, tie"):
        rating.judge(rating.pair.id, "nonsense")
    with pytest.raises(InvalidOption, match=r"type Pair: give rating\.pair\.id"):
        rating.judge(rating.pair, "left")
    assert rating.done == 0
    with pytest.raises(IndexError, match=r"Ranking\[0\]: nothing was compared yet: sweep.rate\(\)"):
        sweep.ranking()[0]
