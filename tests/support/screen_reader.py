"""What a screen reader has of a page: Chromium's accessibility tree, and what is announced."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from playwright.sync_api import Page

CONTROLS = {
    "button", "checkbox", "combobox", "link", "listbox", "menuitem", "option", "radio", "slider", "tab",
    "textbox",
}  # fmt: skip
STATES = {"checkbox": {"checked"}, "radio": {"checked"}, "tab": {"selected"}, "option": {"selected"}}
"""What must be known of a control of this role beside its name."""
# Each change of what a live region shows, as long as it is one when it changes.
_LISTEN = """() => {
  const regions = "[aria-live], [role=status], [role=alert]";
  const known = new Map();
  const textOf = (region) => region.checkVisibility() ? region.innerText.trim() : "";
  window.announced = [];
  for (const region of document.querySelectorAll(regions)) known.set(region, textOf(region));
  const hear = (region) => {
    const text = textOf(region);
    if (text === (known.get(region) ?? "")) return;
    known.set(region, text);
    if (text && region.getAttribute("aria-live") !== "off") window.announced.push(text);
  };
  window.listener?.disconnect(); // a page is used by several tests
  window.listener = new MutationObserver((changes) => {
    const changed = new Set();
    for (const { target } of changes) {
      const element = target instanceof Element ? target : target.parentElement;
      if (!element) continue;
      const around = element.closest(regions);
      if (around) changed.add(around);
      for (const region of element.querySelectorAll(regions)) changed.add(region);
    }
    changed.forEach(hear);
  });
  const attributeFilter = ["hidden", "class", "style", "role"];
  window.listener.observe(document.body,
    { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter });
}"""


class Node(NamedTuple):
    """One thing that a screen reader speaks of."""

    role: str
    name: str
    description: str
    states: dict[str, Any]


def nodes(page: Page, selector: str) -> list[Node]:
    """What is in the first element that matches, in reading order; what is ignored is left out."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("Accessibility.enable")
    expression = {"expression": f"document.querySelector({json.dumps(selector)})"}
    found = cdp.send("Runtime.evaluate", expression)["result"]["objectId"]
    tree = cdp.send("Accessibility.queryAXTree", {"objectId": found})["nodes"]
    cdp.detach()
    return [_node(each) for each in tree if not each.get("ignored")]


def _node(node: dict[str, Any]) -> Node:
    text = {key: str(node.get(key, {}).get("value", "")) for key in ("role", "name", "description")}
    states = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
    return Node(**text, states=states)


def listen(page: Page) -> None:
    """Note from now on what is announced."""
    page.evaluate(_LISTEN)


def announced(page: Page) -> list[str]:
    """What was announced since the last call."""
    return page.evaluate("() => window.announced.splice(0)")
