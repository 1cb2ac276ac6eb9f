"""The order of fields that come and go, as the page has it: what is read out and what Tab follows."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect
from support.lone_widget import draw_alone

from imagegen_nb.widgets.field_group import FieldGroup
from imagegen_nb.widgets.parts import Control


def arrive(page: Page, **places: int) -> None:
    fields = {name: Control(kind="text", label=name, place=place).view() for name, place in places.items()}
    page.evaluate("(fields) => arrive('fields', fields)", fields)


def test_fields_stand_in_the_order_of_their_places_whatever_came_first(browser: Browser) -> None:
    page = browser.new_page()
    draw_alone(page, FieldGroup, {"fields": {}})
    labels = page.locator("label")
    arrive(page, thing=0)
    arrive(page, animal=0, thing=1)
    expect(labels).to_have_text(["animal", "thing"])
    page.get_by_label("animal").press("Tab")
    expect(page.get_by_label("thing")).to_be_focused()
    arrive(page, hue=2)
    expect(labels).to_have_text(["animal", "thing", "hue"])
    page.close()
