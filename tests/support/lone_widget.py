"""A widget's script in a page of its own, without Jupyter: messages come one by one, as a test says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from imagegen_nb.widgets import base

_ASSETS = Path(base.__file__).parent / "assets"
_DRAW = """async ([script, traits]) => {
  const listeners = {};
  globalThis.sent = [];
  const model = {
    get: (name) => traits[name],
    set: (name, value) => { traits[name] = value; },
    on: (event, listener) => { listeners[event] = listener; },
    send: (message) => sent.push(message),
  };
  globalThis.arrive = (name, value) => {
    traits[name] = value;
    listeners[`change:${name}`]?.();
  };
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const el = document.body.appendChild(document.createElement("div"));
  (await import(url)).default.render({ model, el });
  // What the form's Run does before it asks for a run.
  globalThis.flush = () => el.dispatchEvent(new CustomEvent("ig-flush"));
}"""


def draw_alone(page: Page, widget: type[base.BaseWidget], traits: dict[str, Any]) -> None:
    """Draw a widget with these traits. In the page, `arrive(name, value)` is a trait's change from the
    kernel, `sent` is what went there, and `flush()` is what the form's Run does first."""
    script = "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in widget.scripts)
    page.evaluate(_DRAW, [script, traits])
