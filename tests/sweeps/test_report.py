"""The report: one file that says what there is to say, holds no key, loads nothing and replaces nothing."""

from __future__ import annotations

import re

import html5lib
import pytest
from support.sample_keys import one_of_each

import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption, StoreError
from imagegen_nb.runs.marks import change_mark
from imagegen_nb.sweeps import report as module
from imagegen_nb.sweeps.rating import Rating

STEP = ig.ImageGenerationStep(prompt="A {{product}} on {{ground}}", image_size="1024x640")
OPENAI_KEY = one_of_each()["an OpenAI key"]
HOSTILE = "<script>alert(1)</script><img src=https://example.com/x>\x1b[31m\u202e"


def swept(workspace, products=("lamp", "vase", "rug"), **given):
    one = ig.Sweep(STEP, over={"product": list(products), **given}, inputs={"ground": "sand"})
    return one.run(workspace=workspace, progress=False)


def written(sweep, tmp_path, **options):
    return sweep.report(tmp_path / "sweep.html", **options).read_text(encoding="utf-8")


def articles(html):
    """The text of each cell with a picture's place, in their order."""
    elements = html5lib.parse(html, namespaceHTMLElements=False).iter("article")
    return [" ".join(" ".join(element.itertext()).split()) for element in elements]


def test_it_says_what_became_of_each_cell_and_what_it_cost(workspace, emulator, tmp_path):
    emulator.script("openai", Fault("moderation"), Fault("drop"))
    sweep = swept(workspace, image_quality=["low", "auto"])
    html = written(sweep, tmp_path)
    told = articles(html)
    assert len(told) == 6
    counts = sweep.counts()
    failed = next(text for text, cell in zip(told, sweep, strict=True) if cell.outcome == "failed")
    unknown = next(text for text, cell in zip(told, sweep, strict=True) if cell.outcome == "unknown")
    assert "rejected by the safety system" in failed
    assert "no image, perhaps charged" in unknown
    assert "cost unknown" in unknown
    assert "[charge unknown]" in unknown
    assert f"{counts['done']} done" in html
    assert "unknown for 1 of them" in html
    assert " for 3 (image_quality is auto, so the model chooses)" in html
    assert "estimate: at most $" in html
    done = next(text for text, cell in zip(told, sweep, strict=True) if cell.outcome == "done")
    assert re.search(r"Cost \$[0-9.]+ if it were real", done)
    assert "1024×640" in done


def test_what_differs_is_marked_and_what_all_share_stands_once(workspace, tmp_path):
    sweep = swept(workspace, ["a red lamp", "a blue lamp"])
    html = written(sweep, tmp_path)
    assert [re.sub("<[^>]*>", "", mark) for mark in re.findall("<mark.*?</mark>", html)] == ["red", "blue"]
    assert html.count("<dt>Image Size</dt>") == html.count("<dt>ground</dt>") == 1
    assert "<dt>product</dt>" in html


def test_what_was_picked_stands_first(workspace, tmp_path):
    sweep = swept(workspace)
    assert "picked" not in "".join(articles(written(sweep, tmp_path)))
    sweep.pick(2)
    assert sweep.picked == [sweep[2]]
    told = articles(written(sweep, tmp_path, overwrite=True, most=1))
    assert [text[:6] for text in told] == ["Cell 2", "Cell 0"]
    assert "picked" in told[0]
    assert ["Prompt as sent A rug on sand" in text for text in told] == [True, False]
    told = articles(written(sweep, tmp_path, overwrite=True, winners=[sweep[1], 0]))
    assert [("picked" in text) for text in told] == [True, True, False]
    with pytest.raises(InvalidOption, match="winners: 9 is not a cell of this sweep"):
        sweep.report(tmp_path / "other.html", winners=[9])
    with pytest.raises(InvalidOption, match="winners = 'all': give a list of cells"):
        sweep.report(tmp_path / "other.html", winners="all")


def test_remarks_have_a_place_in_each_cell(workspace, tmp_path):
    told = articles(written(swept(workspace), tmp_path, remarks=lambda cell: {"Stars": cell.number}))
    assert [re.search(r"Stars (\d)", text)[1] for text in told] == ["0", "1", "2"]


def test_stars_notes_and_the_rating_stand_beside_the_pictures(workspace, tmp_path):
    sweep = swept(workspace)
    change_mark(sweep[1].assets[0], starred=True, note="warm light")
    rating = Rating(sweep._contest(None), "Ann")
    rating.judge(rating.pair.id, "left")
    told = articles(written(sweep, tmp_path))
    assert ["Starred ★ Note warm light" in text for text in told] == [False, True, False]
    assert sorted(re.findall(r"Rating (place \d)", " ".join(told))) == ["place 1", "place 2"]


def test_remarks_on_some_cells_only_stand_in_the_table_too(workspace, tmp_path):
    html = written(
        swept(workspace), tmp_path, most=0, remarks=lambda cell: {"Note": "dark"} if cell.number else {}
    )
    page = html5lib.parse(html, namespaceHTMLElements=False)
    rows = [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")]
    assert [row[rows[0].index("Note")] for row in rows] == ["Note", "", "dark", "dark"]


def test_text_is_text_and_nothing_is_loaded(workspace, tmp_path):
    sweep = swept(workspace, [HOSTILE, "lamp"])
    html = written(sweep, tmp_path, remarks=lambda _: {HOSTILE: HOSTILE})
    page = html5lib.parse(html, namespaceHTMLElements=False)
    names = {element.tag for element in page.iter() if isinstance(element.tag, str)}
    assert names & {"script", "iframe", "object", "a", "form"} == set()
    addresses = [
        element.get(name) for element in page.iter() for name in ("src", "href") if element.get(name)
    ]
    assert len(addresses) == 3  # two pictures, and an icon that keeps a browser from asking for one
    assert all(address.startswith("data:") for address in addresses)
    assert "url(" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    (policy,) = [meta.get("content") for meta in page.iter("meta") if meta.get("http-equiv")]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "script-src" not in policy


def test_no_key_stands_in_it(workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a key of no known shape")
    sweep = ig.Sweep(
        STEP,
        over={"product": ["lamp", "a key of no known shape"], "image_background": ["opaque", OPENAI_KEY]},
        inputs={"ground": "sand and a key of no known shape"},
        invalid="skip",
    ).run(workspace=workspace, progress=False)
    html = written(sweep, tmp_path, remarks=lambda _: {"Note": OPENAI_KEY})
    assert OPENAI_KEY not in html
    assert "a key of no known shape" not in html
    assert "[redacted]" in html


def test_a_file_is_not_replaced_unasked(workspace, tmp_path):
    sweep, target = swept(workspace, ["lamp"]), tmp_path / "sweep.html"
    target.write_text("mine")
    with pytest.raises(StoreError, match="something else is there; pass overwrite=True or another name"):
        sweep.report(target)
    assert target.read_text() == "mine"
    assert sweep.report(target, overwrite=True) == target
    assert sweep.report(target) == target, "an older report is replaced, as a cell is run again"
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []
    with pytest.raises(StoreError, match="cannot write"):
        sweep.report(tmp_path / "no folder" / "sweep.html")


def test_its_size_is_bounded(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_WITHOUT_PICTURES", 2)
    sweep = swept(workspace, range(5))
    html = written(sweep, tmp_path, most=1)
    assert len(articles(html)) == html.count("<img") == 1
    assert html.count("<tr>") == 3
    assert "and 2 more cells, not shown here" in html
    assert "5 done" in html
    assert "cost of 5 runs" in html
    with pytest.raises(InvalidOption, match="most = -1"):
        sweep.report(tmp_path / "other.html", most=-1)
    with pytest.raises(InvalidOption, match=r"give a function of a cell .* lambda cell:"):
        sweep.report(tmp_path / "other.html", remarks=lambda: {"Light": "hard"})


def test_what_cannot_be_run_is_told_and_what_was_not_run_too(workspace, tmp_path):
    sweep = ig.Sweep(
        STEP,
        over={"product": ["lamp"], "image_background": ["opaque", "green"]},
        inputs={"ground": "sand"},
        invalid="skip",
    )
    html = written(sweep.load(workspace=workspace), tmp_path)
    assert "1 left out: they cannot be run" in html
    assert "not one of its values" in html
    assert "1 not run" in html
    assert "cost: nothing was run" in html
    assert "nothing yet" in articles(html)[0]


def test_what_was_reused_costs_nothing_again(workspace, tmp_path):
    swept(workspace, ["lamp"])
    again = ig.Sweep(STEP, over={"product": ["lamp"]}, inputs={"ground": "sand"}, name="again")
    again.run(workspace=workspace, progress=False, reuse=True)
    html = written(again, tmp_path)
    assert "1 of them reused" in html
    assert "cost: nothing was run" in html
    assert "nothing more; the earlier run: $" in articles(html)[0]
