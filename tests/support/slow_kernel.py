"""A widget of this process in a page of its own, whose messages arrive one by one, as a test says.

No kernel is so slow that a test could press a key between two of its messages; this one is. What the page
sends lies there until `hear`, what the widget sends until `tell`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from imagegen_nb.widgets import base

_BOOTSTRAP = (Path(base.__file__).parent / "assets" / "bootstrap.js").read_text(encoding="utf-8")
_DRAW = """async ([script, traits, classes]) => {
  const listeners = {};
  const sent = [];
  const model = {
    get: (name) => traits[name],
    set: (name, value) => {
      const changed = traits[name] !== value;
      traits[name] = value;
      if (changed) fire(`change:${name}`);
    },
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    off: (event, listener) => { listeners[event] = listeners[event]?.filter((one) => one !== listener); },
    send: (message) => sent.push(message),
  };
  const fire = (event, ...told) => [...listeners[event] ?? []].forEach((listener) => listener(...told));
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt()).buffer);
  const el = document.createElement("div");
  let last = document.querySelector(".ig-form") ?? document.body;
  for (const name of classes) {
    last = last.appendChild(document.createElement("div"));
    last.className = name;
  }
  last.append(el);
  const kernel = {
    hear: () => sent.splice(0),
    waiting: (type) => sent.some((message) => message.type === type),
    tell: (messages) => messages.forEach(([message, buffers]) => {
      if (message.method === "custom") fire("msg:custom", message.content, buffers.map(bytes));
      else for (const [name, value] of Object.entries(message.state)) model.set(name, value);
    }),
  };
  (globalThis.kernels ??= []).push(kernel);
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  (await import(url)).default.render({ model, el });
  return kernels.length - 1;
}"""
Message = tuple[dict[str, Any], list[bytes]]


class SlowKernel:
    """Draws `widget` in `page`, inside elements of `classes`. `unsent` are its messages under way."""

    def __init__(self, page: Page, widget: base.BaseWidget, *classes: str) -> None:
        self.page, self.widget = page, widget
        self.unsent: list[Message] = []
        widget._send = lambda message, buffers=None: self.unsent.append(  # type: ignore[method-assign]
            (message, [bytes(one) for one in buffers or []])
        )
        # Of the synced state, without what ipywidgets adds.
        traits = {name: value for name, value in widget.get_state().items() if not name.startswith("_")}
        traits.pop("layout", None)
        self._number = page.evaluate(_DRAW, [_BOOTSTRAP, traits, list(classes)])
        self.hear()
        self.tell()
        page.wait_for_function(
            "(count) => document.querySelectorAll('.ig-live').length > count", arg=self._number
        )

    def hear(self) -> list[dict[str, Any]]:
        """Let what the page has sent reach the widget; gives it."""
        heard = self.page.evaluate("(number) => kernels[number].hear()", self._number)
        for message in heard:
            self.widget._handle_custom_msg(message, [])
        return heard

    def tell(self, which: Callable[[dict[str, Any]], bool] = lambda _: True) -> None:
        """Let the widget's messages reach the page, or `which` of them; each has a `method`."""
        told = [message for message in self.unsent if which(message[0])]
        for message in told:
            self.unsent.remove(message)
        coded = [[message, [b64encode(one).decode() for one in buffers]] for message, buffers in told]
        self.page.evaluate("([number, told]) => kernels[number].tell(told)", [self._number, coded])

    def answer(self) -> None:
        """Let both reach the other until nothing is under way."""
        while self.hear() or self.unsent:
            self.tell()
