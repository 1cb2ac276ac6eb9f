"""The grid: what stands where, what is marked, and that text is only text."""

from __future__ import annotations

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

import imagegen_nb as ig
from imagegen_nb.errors import InvalidOption
from imagegen_nb.runs.marks import change_mark
from imagegen_nb.sweeps.grid import marked

STEP = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640", image_output_format="jpeg")
HOSTILE = "<script>alert(1)</script><b>\x1b[31m\u202e"


def parsed(html):
    return html5lib.parse(html, namespaceHTMLElements=False)


def texts(html, tag):
    return ["".join(element.itertext()) for element in parsed(html).iter(tag)]


def table(html):
    rows = parsed(html).iter("tr")
    return [[" ".join(" ".join(cell.itertext()).split()) for cell in row.iter("td")] for row in rows]


def small_pictures(html):
    """Those that open others, and those that open none."""
    return [*parsed(html).iterfind(".//summary/img"), *parsed(html).iterfind(".//div/img")]


def test_one_axis_runs_down_and_one_across(workspace):
    over = {"product": ["lamp", "vase"], "image_quality": ["low", "high"], "image_background": ["opaque"]}
    sweep = ig.Sweep(STEP, over=over).run(workspace=workspace, progress=False)
    rows = table(sweep.grid().html())
    assert rows[0] == ["", "image_quality low", "image_quality high"]
    assert rows[1][0] == "product lamp"
    for number, cell in enumerate(rows[1][1:]):
        assert cell.startswith(f"{number} · image_background: opaque")
    assert len(small_pictures(sweep.grid().html())) == 4
    turned = table(sweep.grid(rows="image_quality", columns="product").html())
    assert (turned[0], turned[1][0]) == (["", "product lamp", "product vase"], "image_quality low")
    assert table(sweep.grid(rows="image_quality").html())[0] == ["", "product lamp", "product vase"]


def test_repeats_stand_side_by_side_where_there_is_room_and_inside_where_not(workspace):
    one = ig.Sweep(STEP, over={"product": ["lamp"]}, repeats=2)
    assert table(one.grid().html())[0] == ["", "repeat 1", "repeat 2"]
    two = ig.Sweep(STEP, over={"product": ["lamp"], "image_quality": ["low"]}, repeats=2)
    assert "repeat 2" in table(two.grid().html())[1][1]


def test_rows_stand_as_rows(workspace):
    sweep = ig.Sweep(
        STEP,
        rows=[{"product": "lamp", "image_count": 2}, {"product": "vase"}],
        over={"image_quality": ["low"]},
    )
    rows = table(sweep.grid().html())
    assert [row[0] for row in rows] == [
        "",
        "product lamp image_count 2",
        "product vase image_count (as in the step)",
    ]


def test_only_some_and_not_too_many(workspace):
    sweep = ig.Sweep(STEP, over={"product": range(5)}).run(workspace=workspace, progress=False)
    shown = sweep.grid(most=2).html()
    assert len(small_pictures(shown)) == 2
    assert "and 3 more cells, not shown here" in shown
    assert len(small_pictures(sweep.grid(only=[4]).html())) == 1
    assert "no such cells" in sweep.grid(only="failed").html()
    assert sweep.grid(most=0).html().count("<tr>") == 1


def test_pictures_open_larger_within_the_bytes_that_a_notebook_may_hold(workspace, monkeypatch):
    sweep = ig.Sweep(STEP, over={"product": range(3)}).run(workspace=workspace, progress=False)
    page = parsed(sweep.grid().html())
    opened = [picture.get("src") for picture in page.iterfind(".//details/img")]
    small = [picture.get("src") for picture in page.iterfind(".//details/summary/img")]
    assert (len(opened), len(small)) == (3, 3)
    assert all(len(large) > len(little) for large, little in zip(opened, small, strict=True))
    assert not list(page.iter("script"))
    monkeypatch.setattr("imagegen_nb.core.larger_picture.MOST_BYTES", 3 * len(opened[0]) // 2)
    crowded = sweep.grid().html()
    assert "<details" not in crowded
    assert "<style" not in crowded
    assert "Too many pictures to open larger here" in crowded
    assert len(small_pictures(crowded)) == 3
    assert "<details" in sweep.grid(only=[0]).html()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": "colour"}, "colour is not an axis"),
        ({"columns": "colour"}, "colour is not an axis"),
        ({"rows": "product", "columns": "inputs.product"}, "rows and columns are both"),
        ({"most": -1}, "most = -1"),
        ({"only": "done"}, "only = 'done'"),
    ],
    ids=str,
)
def test_a_grid_that_cannot_be_is_refused(given, message):
    with pytest.raises(InvalidOption, match=message):
        ig.Sweep(STEP, over={"product": ["lamp"]}).grid(**given)


def test_stars_and_notes_stand_below_the_pictures_and_in_tables(workspace):
    sweep = ig.Sweep(STEP, over={"product": ["lamp", "vase"]}).run(workspace=workspace, progress=False)
    assert (sweep.starred, "★" in repr(sweep)) == ([], False)
    change_mark(sweep[1].assets[0], starred=True, note=HOSTILE)
    assert (sweep.starred, sweep[1].note) == ([sweep[1]], HOSTILE)
    shown = ["".join(element.itertext()) for element in parsed(sweep.grid().html()).iter("bdi")]
    assert shown == ["★ starred", "“<script>alert(1)</script><b>\\x1b[31m\\u202e”"]
    assert "★ starred" in repr(sweep)
    assert "\x1b" not in repr(sweep)
    assert [(row["starred"], row["note"]) for row in sweep.rows()] == [(False, ""), (True, HOSTILE)]
    again = ig.Sweep(STEP, over={"product": ["lamp", "vase"]}).load(workspace=workspace)
    assert [cell.number for cell in again.starred] == [1]


def test_hostile_text_is_shown_and_no_more():
    def tree(words):
        sweep = ig.Sweep(STEP, over={"product": [words, f"{words} b"]})
        html = sweep.grid().html() + sweep.compare(0, 1)._repr_html_()
        return [element.tag for element in parsed(html).iter() if isinstance(element.tag, str)]

    assert tree(HOSTILE) == tree("harmless word and more")
    assert "\x1b" not in repr(ig.Sweep(STEP, over={"product": [HOSTILE]}))


def test_the_words_that_differ_are_marked():
    shown = marked(["A red lamp on sand", "A dark blue lamp on sand"])
    assert [texts(html, "mark") for html in shown] == [["red"], ["dark blue"]]
    assert marked(["gpt-image-2"]) == ["gpt-image-2"]
    names = ["gpt-image-2", "grok-imagine-image"]
    assert marked(names) == names  # in which "image" is no word of its own
    assert marked(["lamp", "vase"]) == ["lamp", "vase"]


@given(st.lists(st.text(st.sampled_from("<>&\"' ab.é{}-"), max_size=30), min_size=1, max_size=4))
def test_any_text_stays_what_it_is(values):
    shown = [html5lib.parseFragment(html, namespaceHTMLElements=False) for html in marked(values)]
    safe = ["".join(one.itertext()) for one in shown]
    for value, text in zip(values, safe, strict=True):
        if value.isprintable():
            assert text == value


def test_it_shows_itself_in_a_notebook(workspace):
    bundle = ig.Sweep(STEP, over={"product": ["lamp"]})._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"].startswith("Sweep · 1 cell: product (1)")
