"""One page of a gallery: what it tells of a run or of stored records, live and static."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from support.images import picture
from support.ledger import made
from support.runs import run_of, stored_assets

from imagegen_nb.core import images
from imagegen_nb.errors import InvalidOption
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.gallery_page import GalleryPage, Pages, PendingRun

STEP = ImageGenerationStep(name="Hero", prompt="a fox", image_count=2)


def blob_names(page: GalleryPage) -> list[str]:
    """The files of a page's images, below the folder of all blobs."""
    digests = [asset.stored.sha256 for asset in page.assets]
    return [f"{digest[:2]}/{digest}.png" for digest in digests]


def test_an_image_is_described_for_the_page(workspace):
    page = GalleryPage.of_run(run_of(STEP, workspace.store, identifier="step_2"))
    item = page.item(page.shown()[1])
    keys = {"id", "name", "saved_as", "alt", "facts", "more", "path", "file", "size", "width", "height"}
    assert set(item) == {*keys, "missing"}
    assert item["size"] == page.assets[1].file_size
    assert (item["id"], item["name"], item["alt"]) == (f"{page.id}.1", "hero-2.png", "a fox (2 of 2)")
    assert list(page.shown(removed=[0])) == [1]


def test_content_credentials_stand_in_the_details_and_not_on_the_card(workspace):
    signed = Path(__file__).parents[1] / "support" / "signed_images" / "signed.png"
    made(workspace.store, signed.read_bytes())
    page = Pages(workspace.records(), workspace.store)[0]
    item = page.item(0)
    assert item["more"] == ["content credentials: present, not verified", f"sha256 {item['more'][1][7:]}"]
    assert "credentials" not in "".join(item["facts"])
    assert "content credentials: present, not verified" in page.static_page().text()


def test_whether_an_image_is_there_is_seen_without_reading_it(workspace, monkeypatch):
    page = GalleryPage.of_run(run_of(STEP, workspace.store))
    first, second = (workspace.store.folder / f"blobs/{name}" for name in blob_names(page))
    first.unlink()
    second.write_bytes(b"damaged")
    monkeypatch.setattr(images, "decode", None)
    assert [page.item(index)["missing"] for index in page.shown()] == [True, False]


def test_a_long_prompt_is_cut_in_the_alternative_text(workspace):
    page = GalleryPage.of_run(run_of(STEP.replace(prompt="x" * 1000), workspace.store))
    assert page.alt == "x" * 250 + "…"


def test_prompt_and_settings_are_told_whole_where_they_are_known(workspace):
    step = STEP.replace(prompt="{{what}} " * 300)
    run = dataclasses.replace(run_of(step, workspace.store), prompt="a fox " * 300)
    told = GalleryPage.of_run(run).details()
    assert (told["prompt"], told["template"]) == (run.prompt, step.prompt)
    assert ("Model", "gpt-image-2") in told["settings"]
    assert GalleryPage.of_run(run_of(STEP, workspace.store)).details()["template"] == ""
    stored = Pages(workspace.records(), workspace.store)[0].details()
    assert stored == {"prompt": "", "template": "", "settings": []}


def test_models_of_stored_runs_come_from_the_stores_ledger(workspace):
    run = STEP.run(workspace=workspace)
    unknown = [dataclasses.replace(record, run_id="unknown") for record in workspace.records()]
    pages = Pages([*workspace.records(), *unknown], workspace.store)
    assert [pages.model_of(pages[position]) for position in (0, 1)] == [run.step.model, ""]
    assert pages.models() == [run.step.model]
    assert Pages([run]).models() == [run.step.model]
    assert Pages().models() == []


def test_ids_and_names_come_without_assets(workspace):
    run = run_of(STEP, workspace.store)
    pages = Pages(workspace.records(), workspace.store)
    expected = [(asset.id, asset.file_name) for asset in run.output.assets]
    for page in (GalleryPage.of_run(run), pages[0]):
        assert [page.named(index) for index in range(2)] == expected


def test_static_text_is_the_runs_own(workspace):
    run = run_of(STEP, workspace.store)
    page = GalleryPage.of_run(run)
    assert (page.static_page().html(), page.static_page().text()) == (run._repr_html_(), repr(run))
    assert "No images yet" in GalleryPage().static_page().text()


def test_records_are_one_page_a_run_and_need_their_store(workspace):
    stored_assets(workspace.store, picture(), picture(size=(30, 30)), run_id="one")
    stored_assets(workspace.store, picture(size=(20, 20)), run_id="two")
    pages = Pages(workspace.records(), workspace.store)
    assert [(page.id, page.title) for page in (pages[0], pages[1])] == [
        ("one", "2 images from the store"),
        ("two", "1 image from the store"),
    ]
    with pytest.raises(InvalidOption, match=r"store=ws\.store"):
        Pages(workspace.records(), None)


def test_a_run_is_known_by_itself_rather_than_by_its_records(workspace):
    run = run_of(STEP, workspace.store)
    records = [dataclasses.replace(record, run_id=run.id) for record in workspace.records()]
    pages = Pages([*records, run], workspace.store)
    assert (len(pages), pages[0].run) == (1, run)


def test_a_run_that_is_shown_again_is_the_newest(workspace):
    runs = [run_of(STEP, workspace.store) for _ in range(3)]
    pages = Pages(runs)
    pages.put(runs[0])
    assert [pages[position].id for position in range(len(pages))] == [runs[1].id, runs[2].id, runs[0].id]


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")
@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"image_size": "1536x1024"}, (1536, 1024)),
        ({"image_size": "auto"}, None),
        ({}, None),
        ({"model": "gemini-3-pro-image", "image_size": "16:9"}, (16, 9)),
        ({"model": "gemini-3-pro-image"}, (1, 1)),
        ({"model": "grok-imagine-image"}, None),
    ],
)
def test_a_run_to_come_has_the_shape_that_was_asked_for(settings, shape):
    assert PendingRun("a", 1, ImageGenerationStep(prompt="x", **settings)).shape == shape
    assert PendingRun("a", 1).shape is None
    assert PendingRun("a", 1, size=(3, 2)).shape == (3, 2)


def test_a_run_to_come_is_a_page_until_its_result_takes_the_place(workspace):
    first, second = (run_of(STEP, workspace.store) for _ in range(2))
    pages = Pages([first])
    pages.begin(PendingRun("a", 2, STEP))
    pages.begin(PendingRun("b", 1))
    assert [pages[position].title for position in range(3)] == [
        "Hero",
        "Waiting: 2 images",
        "Waiting: 1 image",
    ]
    assert pages[1].facts == ("Hero", "gpt-image-2")
    pages.begin(PendingRun("a", 2, STEP, started=0.0))
    assert (pages[1].title, pages[1].pending.elapsed > 0) == ("Making 2 images…", True)
    pages.end("a", second)
    pages.end("b", None)
    pages.end("nobody", first)
    assert (pages.runs(), pages.pending(), pages.position("b")) == ([first, second], [], None)


@pytest.mark.parametrize("run_id", ["one", "with.dots.3", 'a"b\nc', "7"])
def test_an_image_is_found_by_what_it_is_called(workspace, run_id):
    stored_assets(workspace.store, picture(), picture(size=(30, 30)), run_id=run_id)
    pages = Pages(workspace.records(), workspace.store)
    page, index = pages.find(pages[0].image_id(1))
    assert (page.id, index, page.assets[index].stored) == (run_id, 1, list(workspace.records())[1])
    for unknown in (
        "",
        ".",
        run_id,
        f"{run_id}.",
        f"{run_id}.2",
        f"{run_id}.01",
        f"{run_id}.-1",
        f"{run_id}.x",
    ):
        assert pages.find(unknown) is None
    assert pages.find(f"{run_id}.\u0661") is None  # a digit in another script


def test_the_static_view_of_very_many_images_says_how_many_more_there_are(workspace):
    (asset,) = stored_assets(workspace.store, picture(), run_id="one")
    page = GalleryPage.of_records("one", [asset.stored] * 1000, workspace.store)
    assert page.static_page().html().count("<td ") == page.static_page().text().count("hero-1.png") == 12
    more = "… and 988 more images, not shown here"
    assert more in page.static_page().html()
    assert page.static_page().text().endswith(more)
