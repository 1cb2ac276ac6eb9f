"""One page of a gallery: what it tells of a run or of stored records, live and static."""

from __future__ import annotations

import pytest
from support.images import picture
from support.runs import run_of, stored_assets

from imagegen_nb.errors import InvalidOption
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.gallery_page import GalleryPage, base_name, count_images, pages

STEP = ImageGenerationStep(name="Hero", prompt="a fox", image_count=2)


def test_an_image_is_described_for_the_page(workspace):
    page = GalleryPage.of_run(run_of(STEP, workspace.store, identifier="step_2"))
    shown = list(page.shown())
    item = page.item(*shown[1])
    assert set(item) == {"id", "name", "alt", "facts", "more", "path", "file", "width", "height", "missing"}
    assert (item["id"], item["name"], item["alt"]) == (f"{page.id}.1", "hero-2.png", "a fox (2 of 2)")
    assert list(page.shown(removed=[shown[0][0]])) == shown[1:]


def test_a_long_prompt_is_cut_in_the_alternative_text(workspace):
    page = GalleryPage.of_run(run_of(STEP.replace(prompt="x" * 1000), workspace.store))
    assert page.alt == "x" * 250 + "…"


def test_static_text_is_the_runs_own(workspace):
    run = run_of(STEP, workspace.store)
    page = GalleryPage.of_run(run)
    assert (page.html(), page.text()) == (run._repr_html_(), repr(run))
    assert "No images yet" in GalleryPage().text()


def test_records_are_one_page_a_run_and_need_their_store(workspace):
    stored_assets(workspace.store, picture(), picture(size=(30, 30)), run_id="one")
    stored_assets(workspace.store, picture(size=(20, 20)), run_id="two")
    made = list(pages(workspace.records(), workspace.store))
    assert [(page.id, page.title) for page in made] == [
        ("one", "2 images from the store"),
        ("two", "1 image from the store"),
    ]
    with pytest.raises(InvalidOption, match=r"store=ws\.store"):
        list(pages(workspace.records(), None))


@pytest.mark.parametrize(("count", "words"), [(0, "0 images"), (1, "1 image"), (2, "2 images")])
def test_images_are_counted_in_words(count, words):
    assert count_images(count) == words


@pytest.mark.parametrize(
    ("claimed", "name"),
    [("..\\..//etc/passwd", "passwd"), ("a.png", "a.png"), ("/ . ", "image"), ("", "image")],
)
def test_a_records_name_has_no_folder(workspace, claimed, name):
    asset = run_of(STEP, workspace.store).output.assets[0].model_copy(update={"file_name": claimed})
    assert base_name(asset) == name
