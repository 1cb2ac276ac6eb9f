"""Pictures in a real JupyterLab: how they are laid out, look, and are led through by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from support.gallery_page import RUNS, SETUP, asked, entries, open_gallery, pictures, sizes, tops
from support.lab import OpenNotebook, axe, boxes, execute, run_all, screenshot, settled


@pytest.fixture
def page(open_notebook: OpenNotebook) -> Page:
    return open_gallery(open_notebook)


def test_one_picture_takes_the_panel_two_share_it_and_each_has_its_own_shape(page: Page):
    panel = page.locator(".ig-gallery").bounding_box()["width"]
    for width, height in sizes(pictures(page)):
        assert width == height
        assert width > 250
    page.get_by_role("button", name="Older run").click()
    expect(pictures(page)).to_have_count(2)
    pair = sizes(pictures(page))
    assert len(tops(pictures(page))) == 1
    assert all(abs(height / width - 1.5) < 0.02 for width, height in pair)
    page.get_by_role("button", name="Older run").click()
    expect(pictures(page)).to_have_count(1)
    ((width, height),) = sizes(pictures(page))
    assert abs(width / height - 1.5) < 0.02
    assert width > 0.6 * panel or height > 600
    # Shown larger than its thumbnail, the picture is the file.
    expect(pictures(page).first).to_have_js_property("naturalWidth", 1536)
    screenshot(page, "picture-one", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []


def test_placeholders_have_the_shape_that_was_asked_for(page: Page):
    execute(page, "gallery.placeholders(2, (1536, 1024))")
    waiting = page.locator(".igw-pending .igw-open")
    expect(waiting).to_have_count(2)
    assert all(abs(width / height - 1.5) < 0.02 for width, height in sizes(waiting))
    screenshot(page, "picture-pending", ".ig-gallery")
    execute(page, "gallery.placeholders(0)")
    expect(pictures(page)).to_have_count(4)


def test_what_chooses_and_stars_is_seen_and_covers_no_badge(page: Page):
    page.mouse.move(0, 0)
    frame = page.locator(".igw-card").nth(1).locator(".igw-frame")
    for part in (frame.locator(".igw-pick"), frame.locator(".igw-star")):
        expect(part).to_have_css("opacity", "1")
        box, place = boxes(frame, part)
        # The emulator writes on the left of a picture what it is.
        assert box["x"] + box["width"] / 2 < place["x"]
        assert place["x"] + place["width"] < box["x"] + box["width"]
    frame.get_by_role("checkbox").check()
    frame.get_by_role("button", name="Star square-2.png").click()
    screenshot(page, "picture-marks", ".ig-gallery")


def test_arrow_keys_lead_through_the_pictures_and_say_so(page: Page):
    opener = [page.get_by_role("button", name=f"at dusk ({number} of 4)") for number in (1, 2, 3, 4)]
    hint = page.locator(".igw-keys")
    expect(hint).to_be_hidden()
    entries(page).first.focus()
    page.keyboard.press("Tab")
    expect(opener[0]).to_be_focused()
    expect(hint).to_have_text("Arrow keys move to other images · Enter opens · Space or x selects · s stars")
    expect(hint).to_be_visible()
    screenshot(page, "picture-keys", ".ig-gallery")
    assert axe(page, ".ig-gallery") == []
    page.keyboard.press("ArrowRight")
    expect(opener[1]).to_be_focused()
    box = page.get_by_role("checkbox", name="Select square-2.png")
    for key, on in (("x", True), (" ", False), (" ", True)):
        page.keyboard.press(key)
        expect(box).to_be_checked(checked=on)
        expect(opener[1]).to_be_focused()
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Star square-2.png")).to_have_attribute("aria-pressed", "true")
    asked(page, "[asset.file_name for asset in gallery.starred]", "['square-2.png']")
    for name in ("Select square-2.png", "Star square-2.png"):
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_accessible_name(name)
    page.keyboard.press("End")
    expect(opener[3]).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".igw-grid :focus")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(opener[3]).to_be_focused()
    # Up and down go by where the pictures are, in however many rows they stand.
    page.locator(".ig-gallery").evaluate("(gallery) => { gallery.style.width = '420px'; }")
    expect(page.locator(".ig-gallery")).to_have_css("width", "420px")
    page.keyboard.press("ArrowUp")
    expect(opener[1]).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    expect(opener[2]).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_accessible_name("square-3.png, image 3 of 4")


def test_what_is_dragged_into_a_folder_has_the_name_of_a_download(page: Page):
    picture, run_id = pictures(page).first, execute(page, "print(four.id[:6])")
    dragged = """(img) => {
      const dataTransfer = new DataTransfer();
      img.dispatchEvent(new DragEvent("dragstart", { dataTransfer }));
      return [dataTransfer.getData("DownloadURL"), img.src];
    }"""
    expect(picture).to_have_js_property("naturalWidth", 512)
    said, source = picture.evaluate(dragged)
    assert said == f"application/octet-stream:square-{run_id}-1-small.webp:{source}"
    page.get_by_role("button", name="Older run").click()
    page.get_by_role("button", name="Older run").click()
    expect(picture).to_have_js_property("naturalWidth", 1536)
    said, source = picture.evaluate(dragged)
    run_id = execute(page, "print(wide.id[:6])")
    assert said == f"application/octet-stream:wide-{run_id}-1.png:{source}"


def test_no_file_name_breaks_before_its_number(page: Page):
    name = page.locator(".igw-name b").first
    name.evaluate("(node) => { node.style.width = '7ch'; }")
    assert name.evaluate("(node) => node.getClientRects()[0].height") > 30
    assert name.locator(".igw-whole").inner_text() == "-1.png"
    assert name.locator(".igw-whole").evaluate("(node) => node.getClientRects().length") == 1


def test_what_is_selected_stays_in_sight_while_the_notebook_scrolls(page: Page):
    page.set_viewport_size({"width": 1000, "height": 700})
    chosen = page.get_by_role("group", name="Selected images")
    settled(page, ".igw-card")
    box = page.get_by_role("checkbox", name="Select square-1.png")
    box.scroll_into_view_if_needed()
    top = page.locator(".igw-card").first.bounding_box()["y"]
    box.check()
    expect(chosen).to_be_visible()
    assert page.locator(".igw-card").first.bounding_box()["y"] == top  # nothing has moved
    panel = page.locator(".jp-WindowedPanel-outer").first
    panel.evaluate("(panel) => panel.scrollBy(0, 400)")
    expect(chosen).to_have_attribute("popover", "manual")
    expect(chosen).to_be_in_viewport(ratio=1)
    screenshot(page, "selection-floats")
    assert axe(page, ".igw-selection") == []
    page.locator(".igw-filter").evaluate("(node) => node.scrollIntoView({ block: 'start' })")
    expect(chosen).not_to_have_attribute("popover", "manual")
    expect(chosen).to_be_in_viewport(ratio=1)
    page.locator(".igw-card").last.evaluate("(node) => node.scrollIntoView({ block: 'start' })")
    expect(chosen).to_have_attribute("popover", "manual")
    chosen.get_by_role("button", name="Select none").click()
    expect(chosen).to_be_hidden()
    expect(page.get_by_role("button", name="at dusk (1 of 4)")).to_be_focused()


def test_in_a_narrow_gallery_the_bar_is_one_line_and_lies_over_no_other_cell(open_notebook: OpenNotebook):
    page = open_notebook([SETUP, RUNS, "print('another cell')"], size=(1000, 700))
    run_all(page)
    expect(pictures(page)).to_have_count(4)
    page.locator(".ig-gallery").evaluate("(gallery) => { gallery.style.width = '420px'; }")
    entries(page).last.click(modifiers=["Control"])
    chosen = page.get_by_role("group", name="Selected images")
    expect(chosen).to_contain_text("1 selected (in another run): one more to compare")
    words = chosen.get_by_role("status")
    assert words.evaluate("(node) => node.scrollWidth <= node.clientWidth")  # they are whole
    assert chosen.bounding_box()["height"] <= 40
    screenshot(page, "selection-of-one-narrow", ".ig-gallery")
    entries(page).first.click(modifiers=["Control"])
    expect(chosen).to_contain_text("2 selected (1 in another run)")
    buttons = chosen.get_by_role("button")
    expect(buttons).to_have_count(4)
    bar, *each = boxes(chosen, *buttons.all())
    assert bar["height"] <= 40
    assert len({round(button["y"]) for button in each}) == 1
    last = each[-1]
    assert last["x"] + last["width"] < bar["x"] + bar["width"]
    for name in ("Compare", "Download", "Remove all 2", "Select none"):
        expect(chosen.get_by_role("button", name=name)).to_be_visible()
    screenshot(page, "selection-narrow", ".ig-gallery")
    assert axe(page, ".igw-selection") == []
    # As the gallery goes out of sight, the bar stays over it, and at last goes with it.
    gallery = page.locator(".ig-gallery")
    for seen, visible in ((300, True), (20, False)):
        page.evaluate(
            """(seen) => {
              const panel = document.querySelector(".jp-WindowedPanel-outer");
              const { bottom } = document.querySelector(".ig-gallery").getBoundingClientRect();
              panel.scrollBy(0, bottom - panel.getBoundingClientRect().top - seen);
            }""",
            seen,
        )
        floating = page.locator(".igw-selection[popover=manual]")
        expect(floating).to_have_count(1)
        expect(floating).to_be_visible(visible=visible)
        if visible:
            box, place = boxes(gallery, floating)
            assert place["y"] + place["height"] < box["y"] + box["height"]
            assert (place["x"], place["width"]) == (box["x"], box["width"])


SHADES = """([selector, property]) => {
  const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  const light = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((value) => value / 255)
      .map((value) => (value > 0.04 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const style = (where) => getComputedStyle(document.querySelector(where));
  const ground = style(".ig-gallery").getPropertyValue("--jp-layout-color0");
  const [two, one] = [ground, style(selector)[property]].map(light).sort();
  return (one + 0.05) / (two + 0.05);
}"""
"""The contrast of an element's colour with the notebook."""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_selected_pointed_out_and_focused_look_different(open_notebook: OpenNotebook, dark: bool):
    page = open_notebook([SETUP, RUNS], dark=dark)
    run_all(page)
    expect(pictures(page)).to_have_count(4)
    card, tile = ".igw-card:nth-child({})", page.locator(".igw-card .igw-open")
    page.get_by_role("button", name="More for square-2.png").click()
    page.get_by_role("menuitem", name="Compare…").click()
    page.get_by_role("checkbox", name="Select square-1.png").check()
    tile.nth(1).focus()
    page.keyboard.press("ArrowRight")
    expect(tile.nth(2)).to_be_focused()
    entries(page).nth(0).focus()
    screenshot(page, f"looks-{'dark' if dark else 'light'}", ".ig-gallery")
    tile.nth(2).focus()
    # Selected: smaller, on a ground of its own. Pointed out: a dashed frame. Focused: a whole ring.
    assert float(tile.nth(0).evaluate("(node) => parseFloat(getComputedStyle(node).paddingTop)")) >= 6
    assert float(tile.nth(2).evaluate("(node) => parseFloat(getComputedStyle(node).paddingTop)")) == 0
    expect(page.locator(".igw-first .igw-frame")).to_have_css("outline-style", "dashed")
    expect(tile.nth(2)).to_have_css("outline-style", "solid")
    expect(tile.nth(0)).to_have_css("outline-style", "none")
    looks = [
        (f"{card.format(1)} .igw-open", "backgroundColor"),
        (f"{card.format(2)} .igw-frame", "outlineColor"),
        (f"{card.format(3)} .igw-open", "outlineColor"),
        (".igw-entry[aria-selected=true]", "backgroundColor"),
    ]
    contrasts = [page.evaluate(SHADES, list(look)) for look in looks]
    assert min(contrasts) >= 3, contrasts
    selected, current = (
        page.locator(".igw-entry[aria-selected=true] img"),
        page.locator(".igw-entry[aria-current]"),
    )
    assert selected.evaluate("(img) => img.getBoundingClientRect().height < img.offsetHeight")
    assert (
        current.first.evaluate("(node) => getComputedStyle(node).boxShadow") != "none"
    )  # also where selected


def test_pictures_fill_every_width_and_leave_no_gap(open_notebook: OpenNotebook):
    cell = "gallery = ig.Gallery([run(n, name='Square') for n in (10, 4, 3, 2, 1)])\ngallery"
    page = open_notebook([SETUP, cell], size=(1750, 1000), side_bar=False)
    run_all(page)
    grid = page.locator(".igw-grid")
    for count in (1, 2, 3, 4, 10):
        expect(pictures(page)).to_have_count(count)
        for width in (420, 700, 1000, 1280, 1600):
            page.locator(".ig-gallery").evaluate(
                "(node, width) => { node.style.width = `${width}px`; }", width
            )
            settled(page, ".igw-card:last-child")
            box, *places = boxes(grid, *grid.locator(".igw-ground").all())
            rows: dict[int, float] = {}
            for place in places:
                rows[round(place["y"])] = place["x"] + place["width"]
                assert place["height"] <= 760
            *full, _ = [*rows.values(), 0] if len(rows) == 1 else rows.values()
            assert all(abs(end - box["x"] - box["width"]) < 1 for end in full), (count, width)
            assert min(place["width"] for place in places) > 150
        if count < 10:
            page.get_by_role("button", name="Older run").click()


def test_no_path_covers_the_buttons_beside_it(open_notebook: OpenNotebook):
    cell = "gallery = ig.Gallery([run(10, name='Square'), run(4, name='Square')])\ngallery"
    page = open_notebook([SETUP, cell], size=(1500, 900))
    run_all(page)
    check_paths(page, 4, 420)
    page.get_by_role("button", name="Older run").click()
    check_paths(page, 10, 420)
    check_paths(page, 10, 1000)


def check_paths(page: Page, count: int, width: int) -> None:
    """In a gallery so wide, every card has room for its buttons, and its path stays within its own."""
    page.locator(".ig-gallery").evaluate("(gallery, width) => { gallery.style.width = `${width}px`; }", width)
    expect(pictures(page)).to_have_count(count)
    screenshot(page, f"cards-{count}-in-{width}", ".ig-gallery")
    for row in page.locator(".igw-card-actions").all():
        seen = [text for text in row.locator("span").all() if text.is_visible()]
        whole, path, download, more, *texts = boxes(row, *row.get_by_role("button").all(), *seen)
        ends = [box["x"] + box["width"] for box in (*texts, path)]
        assert max(ends) <= download["x"]
        assert more["x"] + more["width"] <= whole["x"] + whole["width"]


def test_an_open_menu_goes_with_its_button_and_closes_out_of_sight(page: Page):
    for picture in pictures(page).all():  # each card is drawn anew when its picture comes
        expect(picture).to_have_js_property("naturalWidth", 512)
    more, menu = page.get_by_role("button", name="More for square-1.png"), page.get_by_role("menu")
    panel = page.locator(".jp-WindowedPanel-outer").first
    settled(page, ".ig-gallery")
    # In the middle, so that it stays in sight: the notebook may have scrolled to any place of its own.
    more.evaluate("(button) => button.scrollIntoView({ block: 'center' })")
    settled(page, ".ig-gallery")
    more.click()
    under, at = boxes(menu, more)
    panel.evaluate("(panel) => panel.scrollBy(0, 40)")
    page.wait_for_timeout(100)
    still_under, moved = boxes(menu, more)
    assert moved["y"] < at["y"]
    assert abs((still_under["y"] - moved["y"]) - (under["y"] - at["y"])) < 2
    expect(page.get_by_role("menuitem", name="Copy variable path", exact=True)).to_be_focused()
    panel.evaluate("(panel) => panel.scrollTo(0, 0)")
    panel.evaluate("(panel) => panel.scrollTo(0, 5000)")
    expect(menu).to_be_hidden()
    # A card that is drawn anew has another button.
    page.get_by_role("button", name="More for square-4.png").click()
    execute(page, "gallery.star(four.output.assets[3])")
    expect(page.get_by_role("button", name="Star square-4.png")).to_have_attribute("aria-pressed", "true")
    panel.evaluate("(panel) => panel.scrollBy(0, -20)")
    expect(menu).to_be_hidden()


def test_a_run_that_is_shown_by_itself_opens_its_pictures_larger(open_notebook: OpenNotebook):
    cell = """
import imagegen_nb as ig
step = ig.ImageGenerationStep(prompt="A lamp on sand", image_size="1536x1024", image_count=3)
step.run(workspace=ig.Workspace("assets", backend="emulator"))
"""
    page = open_notebook([cell], size=(1200, 900))
    run_all(page)
    tiles = page.locator("table.ig-tiles")
    small, larger = tiles.locator("summary img"), tiles.locator("details > img")
    expect(small).to_have_count(3)
    expect(larger.first).to_be_hidden()
    screenshot(page, "run-static")
    before = small.nth(1).bounding_box()["width"]
    tiles.locator("summary").nth(1).click()
    expect(larger.nth(1)).to_be_visible()
    box, panel = boxes(larger.nth(1), page.locator(".jp-NotebookPanel"))
    assert box["width"] > 2 * before
    assert panel["x"] <= box["x"]  # nothing of it is cut off beside an open side bar
    assert box["x"] + box["width"] <= panel["x"] + panel["width"]
    screenshot(page, "run-larger")
    tiles.locator("summary").nth(1).press("Enter")
    expect(larger.nth(1)).to_be_hidden()
