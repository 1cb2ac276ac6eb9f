"""The ranking: its order, what is told of it, and that text in it is only text."""

from __future__ import annotations

import html5lib
import pytest

import imagegen_nb as ig
from imagegen_nb.sweeps.rating import Rating

STEP = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640", image_output_format="jpeg")
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


def rated(workspace, products, verdicts, rater="Ann"):
    """A sweep of which pairs were judged: `verdicts` gives 1, 0 or -1 by pairs of cells, in turn."""
    sweep = ig.Sweep(STEP, over={"product": products}).run(workspace=workspace, progress=False)
    rating = Rating(sweep._contest(None), rater)
    for _ in range(3 * len(products)):
        pair = rating.pair
        outcome = verdicts(pair.left.cell, pair.right.cell)
        rating.judge(pair.id, {1: "left", 0: "tie", -1: "right"}[outcome])
    return sweep


def by_number(left, right):
    return 1 if left < right else -1


def test_the_best_comes_first_and_is_picked(workspace):
    sweep = rated(workspace, ["lamp", "vase", "chair", "table"], by_number)
    ranking = sweep.ranking()
    assert [one.cell.number for one in ranking] == [0, 1, 2, 3]
    assert [one.place for one in ranking] == [1, 2, 3, 4]
    first, *_, last = ranking
    assert first.score > 0 > last.score
    assert first.error > 0
    assert (first.won, first.even, first.lost) == (first.won, 0, 0)
    assert sum(one.won for one in ranking) == sum(one.lost for one in ranking) == ranking.comparisons == 12
    winner = sweep.pick(ranking[0].cell)
    assert winner.step.prompt == STEP.prompt
    assert winner.run.output.assets == sweep[0].assets
    assert repr(ranking[0]).startswith("<1. +")


def test_what_chance_may_explain_is_said(workspace):
    ranking = rated(workspace, ["lamp", "vase", "chair"], lambda left, right: 0).ranking()
    assert all(one.level and one.even for one in ranking)
    assert [one.score for one in ranking] == pytest.approx([0, 0, 0], abs=1e-6)
    assert [one.place for one in ranking] == [1, 1, 1], "equals share a place, as in scores"
    assert "equal so far: the 3 cells in place 1" in repr(ranking)
    assert "≈" not in repr(ranking)
    assert [one.cell.number for one in ranking] == [0, 1, 2]
    assert "9 comparisons by Ann" in repr(ranking)


def test_a_circle_of_verdicts_leaves_all_equal(workspace):
    beats = {(0, 1): 1, (1, 2): 1, (2, 0): 1}
    ranking = rated(
        workspace, ["lamp", "vase", "chair"], lambda left, right: beats.get((left, right), -1)
    ).ranking()
    assert [(one.place, one.won, one.lost) for one in ranking] == [(1, 3, 3)] * 3


def test_one_that_is_behind_by_what_chance_may_explain_is_marked(workspace):
    said = iter([1, 0, 0, 0, 0, 0])
    ranking = rated(
        workspace, ["lamp", "vase"], lambda left, right: by_number(left, right) * next(said)
    ).ranking()
    assert [(one.place, one.level) for one in ranking] == [(1, True), (2, True)]
    assert "not told apart yet: the first and 1 more, marked ≈" in repr(ranking)
    assert "2\u00a0≈  −0." in repr(ranking)


def test_a_clear_winner_is_told_apart(workspace):
    sweep = rated(workspace, ["lamp", "vase"], by_number)
    rating = Rating(sweep._contest(None), "Bob")
    for _ in range(20):
        rating.judge(rating.pair.id, "left" if rating.pair.left.cell == 0 else "right")
    ranking = sweep.ranking()
    assert [one.level for one in ranking] == [True, False]
    assert ranking.raters == ("Ann", "Bob")
    assert "≈" not in repr(ranking)
    assert sweep.ranking(rater="Ann").comparisons == 6


def test_before_anything_is_compared_it_says_what_to_do(workspace):
    sweep = ig.Sweep(STEP, over={"product": ["lamp", "vase"]}).run(workspace=workspace, progress=False)
    ranking = sweep.ranking()
    assert (len(ranking), list(ranking)) == (0, [])
    assert "nothing was compared yet: sweep.rate()" in repr(ranking)
    assert "<table" not in ranking._repr_html_()


def test_it_shows_itself_as_a_table(workspace):
    products = ["lamp", f"{HOSTILE}"]
    ranking = rated(workspace, products, by_number).ranking()
    bundle = ranking._repr_mimebundle_()
    page = html5lib.parse(bundle["text/html"], namespaceHTMLElements=False)
    heads = ["".join(cell.itertext()) for cell in page.iter("th")]
    rows = [["".join(cell.itertext()) for cell in row.iter("td")] for row in page.iter("tr")][1:]
    assert heads == ["place", "picture", "cell", "score", "won · even · lost"]
    assert [row[0] for row in rows] == ["1", "2\u00a0≈"]
    assert rows[0][2] == "cell 0  product: lamp"
    assert rows[0][3].startswith("+")
    assert rows[1][3].startswith("−")
    assert rows[0][4] == "6\u00a0·\u00a00\u00a0·\u00a00"
    assert len(list(page.iter("img"))) == 2
    assert list(page.iter("script")) == []
    assert "\x1b" not in bundle["text/plain"] + bundle["text/html"]
    assert "\u202e" not in bundle["text/plain"] + bundle["text/html"]


def test_it_is_a_table_of_pandas_too(workspace):
    table = rated(workspace, ["lamp", "vase"], by_number).ranking().to_frame("pandas")
    assert list(table["place"]) == [1, 2]
    assert list(table["inputs.product"]) == ["lamp", "vase"]
    assert list(table["won"]) == [6, 0]


def test_cells_that_were_not_compared_are_counted(workspace):
    sweep = ig.Sweep(STEP, over={"product": ["lamp", "vase", "chair"]}).run(
        workspace=workspace, progress=False
    )
    rating = Rating(sweep._contest(None), "Ann")
    rating.judge(rating.pair.id, "tie")
    assert len(sweep.ranking()) == 2
    assert "not compared yet: 1 cell" in repr(sweep.ranking())
