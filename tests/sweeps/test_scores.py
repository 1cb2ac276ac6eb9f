"""The cells of a sweep by a judge's scores: their order, what is said of the rest, and how it shows."""

from __future__ import annotations

import csv

import pytest

import imagegen_nb as ig
from imagegen_nb.core.words import counted
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption

STEP = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640", image_output_format="jpeg")
GIVEN = {"lamp": 5, "vase": -2.5, "rug": 5}


@pytest.fixture
def sweep(emulator, workspace):
    return ig.Sweep(STEP, over={"product": list(GIVEN)}).run(workspace=workspace, progress=False)


def product(run):
    return run.prompt.removeprefix("A ")


def taste(image, run):
    return {"why": f"<b>{product(run)}</b>", "score": GIVEN[product(run)], "whole": product(run) == "vase"}


def places(scores):
    return [(one.place, one.cell.number, one.score) for one in scores]


def test_the_best_stands_first_and_equals_share_a_place(sweep):
    scores = sweep.score(taste, progress=False)
    assert places(scores) == [(1, 0, 5.0), (1, 2, 5.0), (3, 1, -2.5)]
    assert places(sweep.scores(taste, lowest=True)) == [(1, 1, -2.5), (2, 0, 5.0), (2, 2, 5.0)]
    assert places(sweep.scores("taste", by="whole")) == [(1, 1, 1.0), (2, 0, 0.0), (2, 2, 0.0)]
    assert sweep.pick(scores[0].cell).step == sweep[0].step


def test_a_cell_of_several_images_stands_by_their_mean(emulator, workspace):
    several = ig.Sweep(STEP.replace(image_count=3), over={"product": ["lamp"]})
    several.run(workspace=workspace, progress=False)
    values = iter([1, 6, 2])
    (one,) = several.score(lambda image, run: next(values), name="mean", progress=False)
    assert one.score == 3
    assert [found["score"] for _, found in one.images] == [6, 2, 1]


def test_the_first_number_counts_where_none_is_called_score(sweep):
    scores = sweep.score(lambda image, run: {"why": "so", "sharp": 3, "blue": 9}, name="two", progress=False)
    assert (scores.by, scores[0].score) == ("sharp", 3)


def test_images_that_were_judged_without_the_number_that_counts_are_told(sweep):
    found = sweep.score(lambda image, run: {"why": "pretty"}, name="words", progress=False)
    count = sum(len(cell.assets) for cell in sweep)
    assert len(found) == 0
    assert f"judged without a number score, so in no place: {count} images" in repr(found)
    assert "no image was judged" not in repr(found)
    first = sweep[0].assets[0].id
    some = sweep.score(
        lambda image, run: {"sharp" if image.id == first else "score": 1}, name="some", progress=False
    )
    assert f"judged without a number score, so in no place: {counted(1, 'image')}" in repr(some)


def test_cells_without_an_image_are_told_and_have_no_score(emulator, workspace):
    emulator.script("openai", Fault("server_error"))
    sweep = ig.Sweep(STEP, over={"product": list(GIVEN)})
    sweep.run(workspace=workspace, progress=False, concurrency=1)
    scores = sweep.score(taste, progress=False)
    assert [cell.number for cell in scores.missing] == [0]
    assert len(scores) == 2
    assert "no image, so no score: 1 cell, see scores.missing" in repr(scores)


def test_which_judge_is_asked_for_where_there_are_several(sweep):
    assert "no image was judged yet" not in repr(sweep.score(taste, progress=False))
    sweep.score(lambda image, run: 1, name="other", progress=False)
    for judge in (None, "nobody"):
        with pytest.raises(InvalidOption, match="choose from those that were asked: other, taste"):
            sweep.scores(judge)
    sweep.score(lambda image, run: 1, name="first", only=[0], progress=False)
    assert "not judged: 2 images" in repr(sweep.scores("first"))


def test_a_sweep_that_nobody_judged_says_so(emulator, workspace):
    sweep = ig.Sweep(STEP, over={"product": ["lamp"]}).load(workspace=workspace)
    assert "no image, so no score: 1 cell" in repr(sweep.scores())


def test_it_shows_itself_with_pictures_and_words_that_stay_words(sweep):
    scores = sweep.score(taste, progress=False)
    html = scores._repr_html_()
    assert html.count("<img ") == 3
    assert "&lt;b&gt;lamp" in html
    assert "<b>" not in html
    assert repr(scores).splitlines()[:3] == [
        "Scores by taste",
        "  3 images of 3 cells, the highest score first",
        "  1  5  why: <b>lamp</b> · whole: no  cell 0  product: lamp",
    ]
    assert repr(scores[2]) == "<3. −2.5 · cell 1 product: vase>"


def test_a_frame_has_a_row_for_each_image(sweep):
    pytest.importorskip("pandas")
    frame = sweep.score(taste, progress=False).to_frame("pandas")
    assert list(frame["score"]) == [5, 5, -2.5]
    assert list(frame.columns) == [
        *("place", "cell", "image", "judge", "why", "score", "whole", "inputs.product"),
    ]


def test_scores_stand_beside_stars_wherever_a_cell_is_shown(sweep, workspace, tmp_path):
    sweep.score(taste, progress=False)
    assert sweep[1].scores == {"taste": -2.5}
    assert "taste −2.5" in repr(sweep.grid())
    assert "Score by taste" in sweep.report(tmp_path / "sweep.html").read_text(encoding="utf-8")
    lines = sweep.to_csv(tmp_path / "sweep.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines))
    assert [row["score by taste"] for row in rows] == ["5.0", "-2.5", "5.0"]
    assert "taste 5" in repr(workspace.history("lamp"))
